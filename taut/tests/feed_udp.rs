//! A feed over UDP sockets: what two lines bring, lose and bring late, over loopback.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::allocations::{Counting, allocations};
use common::{block_on, bound, in_time, on_each_driver, poll_then_drop, turns};
use taut::net::feed::{
    ArbiterOptions, ArbitratedFeed, Arrival, Deliver, Event, Numbers, mold_udp64,
};
use taut::net::{Datagram, UdpSocket};
use taut::time::sleep;
use taut::{is_cancelled, spawn};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

type Extractor = fn(&[u8]) -> Option<Numbers>;

/// The sending side of both lines.
struct Venue {
    socket: UdpSocket,
    lines: [SocketAddr; 2],
}

impl Venue {
    async fn send(&self, line: usize, first: u64, count: u16) {
        let mut packet = [b'S'; 24];
        packet[10..18].copy_from_slice(&first.to_be_bytes());
        packet[18..20].copy_from_slice(&count.to_be_bytes());
        self.socket.send_to(&packet, self.lines[line]).await.unwrap();
    }
}

fn feed(options: ArbiterOptions) -> (Venue, ArbitratedFeed<Extractor>) {
    let sockets = vec![bound(), bound()];
    let lines = [0, 1].map(|line| sockets[line].local_addr().unwrap());
    let venue = Venue { socket: bound(), lines };
    (venue, ArbitratedFeed::new(sockets, options, mold_udp64 as Extractor))
}

async fn next(feed: &mut ArbitratedFeed<Extractor>) -> Event<Datagram> {
    in_time(feed.next_event()).await.unwrap()
}

#[test]
fn each_message_of_two_lossy_lines_is_delivered_once_and_what_both_lost_is_told() {
    const PACKETS: u64 = 2_000;
    for deliver in [Deliver::AsTheyCome, Deliver::in_order()] {
        on_each_driver(|builder| {
            block_on(builder, async {
                // Longer than the pauses of a busy host: what a line brings late is not lost.
                let gap_after_ns = 500_000_000;
                let (venue, mut feed) =
                    feed(ArbiterOptions { deliver, gap_after_ns, ..ArbiterOptions::default() });
                let sender = spawn(async move {
                    for number in 1..=PACKETS {
                        for line in 0..2 {
                            let lost_by_both = number % 100 == 50;
                            if !lost_by_both && number % 7 != 3 * line as u64 {
                                venue.send(line, number, 1).await;
                            }
                        }
                        // Loopback delivers at once, and the reader has to keep up.
                        if number % 16 == 0 {
                            turns(1).await;
                        }
                    }
                });
                let (mut delivered, mut lost, mut holes) = (Vec::new(), Vec::new(), 0);
                while delivered.len() + lost.len() < PACKETS as usize {
                    match next(&mut feed).await {
                        Event::Messages(delivery) => {
                            assert_eq!(&delivery.packet[..10], b"SSSSSSSSSS");
                            delivered.extend(delivery.new);
                        }
                        Event::Hole { .. } => holes += 1,
                        Event::Lost(missing) => lost.extend(missing),
                        other => panic!("{other:?}"),
                    }
                }
                sender.await.unwrap();
                assert!(lost.iter().copied().eq((50..=PACKETS).step_by(100)), "{lost:?}");
                assert!(holes >= lost.len());
                if deliver != Deliver::AsTheyCome {
                    assert!(delivered.is_sorted());
                }
                delivered.sort_unstable();
                delivered.dedup();
                assert_eq!(delivered.len() + lost.len(), PACKETS as usize);
                let won: u64 = (0..2).map(|line| feed.arbiter().line_statistics(line).won).sum();
                assert_eq!(won, delivered.len() as u64);
            });
        });
    }
}

#[test]
fn a_hole_is_given_up_by_the_clock_alone() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let deliver = Deliver::in_order();
            let (venue, mut feed) = feed(ArbiterOptions { deliver, ..ArbiterOptions::default() });
            venue.send(0, 1, 1).await;
            venue.send(0, 3, 1).await;
            let mut told = Vec::new();
            for _ in 0..4 {
                told.push(match next(&mut feed).await {
                    Event::Messages(delivery) => format!("{:?}", delivery.new),
                    Event::Hole { missing, line } => format!("hole {missing:?} of {line}"),
                    Event::Lost(missing) => format!("lost {missing:?}"),
                    other => panic!("{other:?}"),
                });
            }
            assert_eq!(told, ["1..2", "hole 2..3 of 0", "lost 2..3", "3..4"]);
        });
    });
}

#[test]
fn a_wait_that_is_dropped_loses_nothing_and_one_that_is_cancelled_says_so() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (venue, mut feed) = feed(ArbiterOptions::default());
            for number in 1..=20 {
                poll_then_drop(feed.next_event(), 2).await;
                venue.send((number % 2) as usize, number, 1).await;
                let Event::Messages(delivery) = next(&mut feed).await else {
                    panic!("all come in order")
                };
                assert_eq!(delivery.new, number..number + 1);
                assert_eq!(delivery.arrival, Arrival::Newest);
            }
            let waits = spawn(async move { feed.next_event().await.map(drop) });
            sleep(Duration::from_millis(1)).await.unwrap();
            waits.cancel();
            let error = std::io::Error::from(waits.await.unwrap().unwrap_err());
            assert!(is_cancelled(&error), "{error}");
        });
    });
}

async fn exchange(venue: &Venue, feed: &mut ArbitratedFeed<Extractor>, numbers: [u64; 2]) {
    for number in (numbers[0]..numbers[1]).step_by(4) {
        // One packet is lost on line 0, another on line 1, and a third comes late on line 0.
        for (line, offset) in [(0, 0), (1, 0), (0, 2), (1, 1), (1, 2), (0, 1), (0, 3)] {
            venue.send(line, number + offset, 1).await;
        }
        let mut delivered = 0;
        while delivered < 4 {
            if let Event::Messages(delivery) = next(feed).await {
                delivered += delivery.new.end - delivery.new.start;
            }
        }
    }
}

#[test]
fn a_feed_with_holes_that_are_filled_allocates_nothing() {
    for deliver in [Deliver::AsTheyCome, Deliver::in_order()] {
        on_each_driver(|builder| {
            block_on(builder, async {
                let gap_after_ns = 60_000_000_000;
                let (venue, mut feed) =
                    feed(ArbiterOptions { deliver, gap_after_ns, ..ArbiterOptions::default() });
                exchange(&venue, &mut feed, [1, 2_001]).await;
                assert_eq!(allocations(exchange(&venue, &mut feed, [2_001, 4_001])).await, 0);
                assert_eq!(feed.arbiter().statistics().messages, 4_000);
                assert_eq!(feed.arbiter().statistics().messages_lost, 0);
            });
        });
    }
}
