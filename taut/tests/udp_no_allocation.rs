//! Datagrams in steady state allocate nothing: alone, in bursts, in floods, joined by the kernel.

mod common;

use common::allocations::{Counting, allocations};
use common::{block_on, bound, loopback, on_each_driver_and_wait};
use taut::net::{Outgoing, UdpSocket};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

async fn take(receiver: &mut UdpSocket, count: usize) {
    let mut taken = 0;
    while taken < count {
        taken += receiver.recv().await.unwrap().segments().count();
        while let Some(datagram) = receiver.next_here() {
            taken += datagram.segments().count();
        }
    }
    assert_eq!(taken, count, "nothing is lost on the way");
}

/// Single datagrams, bursts by one call, and bursts that the kernel cuts.
async fn exchange(sender: &UdpSocket, receiver: &mut UdpSocket) {
    let burst = [Outgoing { bytes: b"a burst of them", to: None }; 60];
    let joined = [7; 64 * 40];
    for _ in 0..20 {
        sender.send(b"alone").await.unwrap();
        let datagram = receiver.recv().await.unwrap();
        assert!(datagram.source().is_some());
        drop(datagram);
        let sent = sender.send_many(&burst).await.unwrap();
        take(receiver, sent).await;
        sender.send_segments(&joined, 40, None).await.unwrap();
        take(receiver, 64).await;
    }
}

async fn assert_none_in_steady_state(mut receiver: UdpSocket, hot: bool) {
    receiver.set_hot(hot);
    let sender = bound();
    sender.connect(receiver.local_addr().unwrap()).await.unwrap();
    for _ in 0..3 {
        exchange(&sender, &mut receiver).await;
    }
    assert_eq!(allocations(exchange(&sender, &mut receiver)).await, 0, "hot: {hot}");
}

#[test]
fn neither_single_datagrams_nor_bursts_allocate() {
    on_each_driver_and_wait(|builder| {
        for (hot, plain) in [(false, false), (true, false), (false, true), (true, true)] {
            block_on(builder.clone(), async {
                let receiver = UdpSocket::builder().plain(plain).bind(loopback()).unwrap();
                assert_none_in_steady_state(receiver, hot).await;
            });
        }
    });
}

#[test]
fn the_first_burst_after_single_datagrams_allocates_nothing() {
    on_each_driver_and_wait(|builder| {
        for hot in [false, true] {
            block_on(builder.clone(), async {
                let mut receiver = UdpSocket::bind(loopback()).unwrap();
                receiver.set_hot(hot);
                let sender = UdpSocket::bind(loopback()).unwrap();
                sender.connect(receiver.local_addr().unwrap()).await.unwrap();
                for _ in 0..20 {
                    sender.send(b"alone").await.unwrap();
                    take(&mut receiver, 1).await;
                }
                let burst = [Outgoing { bytes: b"one of a burst", to: None }; 60];
                let calls = allocations(async {
                    let sent = sender.send_many(&burst).await.unwrap();
                    take(&mut receiver, sent).await;
                });
                assert_eq!(calls.await, 0, "hot: {hot}");
            });
        }
    });
}

#[test]
fn joined_datagrams_lie_in_slots_of_their_socket() {
    on_each_driver_and_wait(|builder| {
        for hot in [false, true] {
            block_on(builder.clone(), async {
                let joining = UdpSocket::builder().join_segments(true);
                assert_none_in_steady_state(joining.bind(loopback()).unwrap(), hot).await;
            });
        }
    });
}
