//! Futures dropped with their operation in flight, thousands of times: afterwards no operation, no
//! buffer and no memory is missing, and the stream goes on as if nothing had been.

mod common;

use std::net::TcpStream as StdStream;
use std::pin::pin;

use common::whole_process::alone;
use common::{connected_pair, in_time, listen, on_each_driver, poll_then_drop, turns, until};
use futures_util::poll;
use taut::io::{Interest, readiness};
use taut::net::TcpStream;
use taut::{Builder, Runtime, counters};

const TIMES: u64 = 3_000;

/// Runs a body twice on one runtime: what it left behind must be what it found, and the second time
/// must need no more memory than the first.
fn leaves_nothing(builder: Builder, body: impl AsyncFn(u64)) {
    let _alone = alone();
    let runtime = builder.build().unwrap();
    let idle = runtime.receive_buffers_idle();
    let mut resident = Vec::new();
    for _ in 0..3 {
        runtime.block_on(async {
            let before = counters().operations_in_flight;
            in_time(body(TIMES)).await;
            until(|| counters().operations_in_flight == before).await;
        });
        assert_eq!(runtime.receive_buffers_idle(), idle);
        resident.push(common::resident_bytes());
    }
    // A kilobyte and a bit lost each time would be more.
    assert!(resident[2] < resident[1] + (3 << 20), "{resident:?}");
}

/// Checks both ways of a stream that was maltreated.
async fn still_works(client: &mut TcpStream, server: &mut TcpStream) {
    client.write_all(b"still here").await.unwrap();
    let mut bytes = [0; 10];
    server.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"still here");
    server.write_all(b"so am I").await.unwrap();
    assert_eq!(&client.recv().await.unwrap()[..], b"so am I");
}

#[test]
fn receives_dropped_in_flight_leave_nothing() {
    on_each_driver(|builder| {
        leaves_nothing(builder, async |times| {
            let (mut client, mut server) = connected_pair().await;
            let mut bytes = [0; 8];
            for count in 0..times {
                poll_then_drop(server.recv(), count % 3).await;
                poll_then_drop(server.read(&mut bytes), count % 2).await;
            }
            still_works(&mut client, &mut server).await;
        });
    });
}

#[test]
fn receives_into_own_memory_dropped_in_flight_leave_nothing() {
    on_each_driver(|builder| {
        leaves_nothing(builder, async |times| {
            let (mut client, mut server) = connected_pair().await;
            for count in 0..times {
                poll_then_drop(server.recv_into(Vec::with_capacity(4096)), count % 4).await;
                if count % 5 == 0 {
                    poll_then_drop(server.recv(), count % 3).await;
                }
            }
            still_works(&mut client, &mut server).await;
        });
    });
}

#[test]
fn a_stream_closes_after_its_receives_were_dropped_and_begun_again() {
    on_each_driver(|builder| {
        leaves_nothing(builder, async |times| {
            for _ in 0..times / 30 {
                let (mut client, mut server) = connected_pair().await;
                // The first is still being cancelled when the second wants to begin.
                poll_then_drop(server.recv_into(Vec::with_capacity(64)), 0).await;
                poll_then_drop(server.recv_into(Vec::with_capacity(64)), 5).await;
                poll_then_drop(server.recv(), 5).await;
                drop(server);
                assert!(client.recv().await.unwrap().is_empty());
            }
        });
    });
}

#[test]
fn writes_dropped_while_blocked_leave_nothing_and_send_nothing() {
    on_each_driver(|builder| {
        leaves_nothing(builder, async |times| {
            let (mut client, mut server) = connected_pair().await;
            let mut sent = 0;
            let chunk = [1; 65_536];
            while let Ok(count) = rustix::net::send(
                &client,
                &chunk,
                rustix::net::SendFlags::DONTWAIT | rustix::net::SendFlags::NOSIGNAL,
            ) {
                sent += count;
            }
            for count in 0..times {
                poll_then_drop(client.write(&[2]), count % 3).await;
            }
            // Some of those may have found room: the kernel moves bytes to the peer by itself.
            drop(client);
            let mut received = Vec::new();
            server.read_to_end(&mut received).await.unwrap();
            assert!(received.len() >= sent);
            assert!(received[..sent].iter().all(|byte| *byte == 1));
            assert!(received[sent..].iter().all(|byte| *byte == 2));
        });
    });
}

/// Many connections, on each of which a large send is dropped in flight, stream and all.
async fn drop_sends(times: u64) {
    let (listener, address) = listen();
    for count in 0..times / 30 {
        let mut client = TcpStream::connect(address).await.unwrap();
        let server = listener.accept().await.unwrap();
        poll_then_drop(client.send(vec![3; 8 << 20]), count % 4).await;
        drop(client);
        // A send goes on without its stream until the peer is gone.
        drop(server);
    }
}

#[test]
fn sends_dropped_in_flight_leave_nothing() {
    on_each_driver(|builder| leaves_nothing(builder, drop_sends));
}

#[test]
fn zero_copy_sends_dropped_in_flight_leave_nothing() {
    on_each_driver(|builder| {
        leaves_nothing(builder.zero_copy_send_bytes_min(Some(1)), drop_sends);
    });
}

#[test]
fn connects_and_accepts_dropped_in_flight_leave_nothing() {
    on_each_driver(|builder| {
        leaves_nothing(builder, async |times| {
            let (listener, address) = listen();
            for count in 0..times / 10 {
                poll_then_drop(listener.accept(), count % 3).await;
                poll_then_drop(TcpStream::connect(address), count % 3).await;
            }
            drop(listener);
        });
    });
}

#[test]
fn waits_for_readiness_dropped_in_flight_leave_nothing() {
    on_each_driver(|builder| {
        leaves_nothing(builder, async |times| {
            let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            let descriptor = std::os::fd::OwnedFd::from(ours).into();
            for count in 0..times {
                poll_then_drop(readiness(&descriptor, Interest::Readable), count % 3).await;
            }
        });
    });
}

#[test]
fn a_receive_that_completes_as_it_is_dropped_loses_no_byte() {
    on_each_driver(|builder| {
        leaves_nothing(builder, async |times| {
            let (listener, address) = listen();
            let mut peer = StdStream::connect(address).unwrap();
            let mut server = listener.accept().await.unwrap();
            let (mut sent, mut received) = (0_u32, 0_u32);
            for count in 0..times / 3 {
                {
                    let mut receive = pin!(server.recv_into(Vec::with_capacity(16)));
                    assert!(poll!(receive.as_mut()).is_pending());
                    std::io::Write::write_all(&mut peer, &sent.to_ne_bytes()).unwrap();
                    sent += 1;
                    turns(count % 4).await;
                }
                while received < sent {
                    let mut number = [0; 4];
                    server.read_exact(&mut number).await.unwrap();
                    assert_eq!(u32::from_ne_bytes(number), received);
                    received += 1;
                }
            }
        });
    });
}

#[test]
fn a_stream_dropped_as_its_runtime_stops_turning_is_closed_with_the_runtime() {
    let _alone = alone();
    on_each_driver(|builder| {
        let runtime: Runtime = builder.build().unwrap();
        let mut peer = runtime.block_on(async {
            let (listener, address) = listen();
            let peer = StdStream::connect(address).unwrap();
            poll_then_drop(listener.accept().await.unwrap().recv(), 1).await;
            peer
        });
        drop(runtime);
        peer.set_read_timeout(Some(common::HUNG_AFTER)).unwrap();
        let end = std::io::Read::read(&mut peer, &mut [0; 1]).unwrap();
        assert_eq!(end, 0);
    });
}
