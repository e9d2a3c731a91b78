//! One feed out of two lines that lose packets: `cargo run --release --example feed_arbitration`.
//!
//! A venue sends MoldUDP64 packets to two sockets over loopback, line A and line B. Each line loses
//! some, a few are lost by both, and line B is later. With multicast, bind the sockets to the
//! groups' ports and `join` them; nothing else changes.

use std::net::SocketAddr;
use std::time::Duration;

use taut::net::UdpSocket;
use taut::net::feed::{ArbiterOptions, ArbitratedFeed, Deliver, Event, mold_udp64};
use taut::time::sleep;

const PACKETS: u64 = 1_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        let loopback = "127.0.0.1:0".parse()?;
        let lines = vec![UdpSocket::bind(loopback)?, UdpSocket::bind(loopback)?];
        let to = [lines[0].local_addr()?, lines[1].local_addr()?];
        // In order: what is behind a hole waits, but no longer than half a millisecond.
        let options = ArbiterOptions {
            deliver: Deliver::in_order(),
            gap_after_ns: 500_000,
            first: Some(1),
            ..ArbiterOptions::default()
        };
        let mut feed = ArbitratedFeed::new(lines, options, mold_udp64);
        let venue = taut::spawn(publish(UdpSocket::bind(loopback)?, to));

        let (mut messages, mut lost) = (0, 0);
        while messages + lost < PACKETS {
            match feed.next_event().await? {
                Event::Messages(delivery) => messages += delivery.new.end - delivery.new.start,
                Event::Lost(missing) => {
                    println!("lost on both lines: {missing:?}");
                    lost += missing.end - missing.start;
                }
                // The time to ask for a retransmission, where the venue has one.
                Event::Hole { .. } => {}
                Event::Restarted { session, next } => println!("session {session:x} at {next}"),
            }
        }
        venue.await??;
        assert!(lost >= 3, "three packets were sent on no line");
        println!("{messages} messages delivered in order, {lost} lost");
        for (number, name) in ["A", "B"].into_iter().enumerate() {
            let line = feed.arbiter().line_statistics(number);
            let behind = feed.arbiter().line_behind_ns(number);
            println!(
                "line {name}: {} packets, first with {}, filled {}, missed {}, behind by {} ns (p50)",
                line.packets,
                line.won,
                line.filled,
                line.missed,
                behind.value_at_quantile(0.5)
            );
        }
        Ok(())
    })?
}

/// Sends each packet on both lines, but for those that a line loses.
async fn publish(socket: UdpSocket, lines: [SocketAddr; 2]) -> std::io::Result<()> {
    for number in 1..=PACKETS {
        let message = format!("price {number}");
        let mut packet = b"20261123-A".to_vec();
        packet.extend(number.to_be_bytes());
        packet.extend(1_u16.to_be_bytes());
        packet.extend((message.len() as u16).to_be_bytes());
        packet.extend(message.as_bytes());
        let by_both = [250, 500, 750].contains(&number);
        if !by_both && number % 10 != 3 {
            socket.send_to(&packet, lines[0]).await?;
        }
        if !by_both && number % 10 != 7 {
            socket.send_to(&packet, lines[1]).await?;
        }
        if number % 20 == 0 {
            sleep(Duration::from_micros(50)).await?;
        }
    }
    Ok(())
}
