//! A flood that is larger than the kernel's buffer: what is lost is counted, to the last datagram.

mod common;

use std::net::UdpSocket as StdSocket;

use common::{block_on, bound, in_time, loopback, on_each_driver, on_each_driver_and_wait, turns};
use taut::net::UdpSocket;
use taut::{Driver, WaitStrategy};

const SENT: u32 = 20_000;

/// The numbers of what came in, and the kernel's count as the last one tells it.
async fn drain(receiver: &mut UdpSocket) -> (Vec<u32>, u32) {
    let (mut numbers, mut drops) = (Vec::new(), 0);
    loop {
        let datagram = in_time(receiver.recv()).await.unwrap();
        if datagram.is_empty() {
            return (numbers, datagram.kernel_drops());
        }
        assert!(datagram.kernel_drops() >= drops, "the count only grows");
        drops = datagram.kernel_drops();
        numbers.push(u32::from_be_bytes(datagram[..4].try_into().unwrap()));
    }
}

#[test]
fn what_a_sleeping_reader_lost_is_what_the_kernel_counted() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for hot in [false, true] {
                let small = UdpSocket::builder().receive_buffer_bytes(100_000);
                let mut receiver = small.bind(loopback()).unwrap();
                receiver.set_hot(hot);
                let to = receiver.local_addr().unwrap();
                // A plain socket on this thread: the runtime does not turn meanwhile.
                let sender = StdSocket::bind(loopback()).unwrap();
                let mut payload = [7; 200];
                for number in 0..SENT {
                    payload[..4].copy_from_slice(&number.to_be_bytes());
                    sender.send_to(&payload, to).unwrap();
                }
                let counted = receiver.kernel_drops().unwrap();
                assert!(counted > 0, "{SENT} datagrams are more than its buffer holds");
                let before = taut::counters().rx_kernel_drops;
                // The end of the flood has to find room.
                let end = taut::spawn(async move {
                    turns(50).await;
                    sender.send_to(b"", to).unwrap();
                });
                let (numbers, told) = drain(&mut receiver).await;
                end.await.unwrap();
                assert!(numbers.is_sorted(), "what is left is in order");
                assert_eq!(numbers.len() as u32 + counted, SENT);
                assert_eq!((told, receiver.kernel_drops().unwrap()), (counted, counted));
                let seen = taut::counters().rx_kernel_drops - before;
                assert_eq!(seen, u64::from(counted), "the core's counter");
            }
        });
    });
}

#[test]
fn datagrams_that_wait_in_the_kernel_need_no_slots() {
    on_each_driver_and_wait(|builder| {
        block_on(builder.receive_buffers(8).hot_buffers(4), async {
            let mut receiver = bound();
            let to = receiver.local_addr().unwrap();
            let sender = StdSocket::bind(loopback()).unwrap();
            for round in 0..10_u32 {
                // Half of the kernel's buffer, whose accounting takes some 800 bytes for each.
                for number in 0..200_u32 {
                    sender.send_to(&(round * 200 + number).to_be_bytes(), to).unwrap();
                }
                for number in 0..200_u32 {
                    let datagram = in_time(receiver.recv()).await.unwrap();
                    assert_eq!(&datagram[..], (round * 200 + number).to_be_bytes());
                }
            }
            assert_eq!(receiver.kernel_drops().unwrap(), 0);
        });
    });
}

#[test]
fn a_spinning_core_that_looked_on_after_a_flood_falls_silent() {
    on_each_driver(|builder| {
        let runtime = builder.wait(WaitStrategy::Spin).build().unwrap();
        if runtime.driver() == Driver::Epoll {
            return eprintln!("SKIPPED: a spinning epoll asks the kernel in each turn");
        }
        runtime.block_on(in_time(async {
            let mut receiver = UdpSocket::bind(loopback()).unwrap();
            let to = receiver.local_addr().unwrap();
            let sender = StdSocket::bind(loopback()).unwrap();
            // Bursts, so that calls find as many as they can take.
            for _ in 0..20 {
                (0..200).for_each(|_| assert_eq!(sender.send_to(&[1; 64], to).unwrap(), 64));
                for _ in 0..200 {
                    assert_eq!(receiver.recv().await.unwrap().len(), 64);
                }
            }
            let reading = taut::spawn(async move { receiver.recv().await.unwrap().len() });
            let before = taut::counters().syscalls;
            turns(300).await;
            assert!(taut::counters().syscalls > before + 100, "it looks on for a while");
            turns(2_000).await;
            let silent = taut::counters().syscalls;
            turns(2_000).await;
            assert_eq!(taut::counters().syscalls, silent, "the ring watches the socket");
            sender.send_to(&[1; 9], to).unwrap();
            assert_eq!(reading.await.unwrap(), 9);
        }));
    });
}
