//! When it came in: times of datagrams and of bytes, over loopback and across a device.

mod common;

use std::pin::pin;
use std::task::Poll;

use common::netns::Pair;
use common::paths::paths;
use common::wall_clock::{CLOCK_STEPS_MAX, now_ns};
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait};
use futures_util::poll;
use taut::net::{StampedBy, TcpStream, UdpSocket};

const ROUNDS: usize = 50;

/// Exchanges until stamps come: the kernel begins a moment after it is asked.
async fn until_stamped(near: &UdpSocket, far: &mut UdpSocket) {
    in_time(async {
        loop {
            near.send(b"are you there?").await.unwrap();
            if far.recv().await.unwrap().timestamps().software_ns.is_some() {
                break;
            }
        }
    })
    .await;
}

#[test]
fn datagrams_tell_when_they_came_between_their_send_and_their_receive() {
    let pair = Pair::new();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for path in paths(pair.as_ref()) {
                for hot in [false, true] {
                    let (near, mut far) = path.udp().await;
                    far.set_hot(hot);
                    far.set_receive_timestamps(Some(StampedBy::Kernel)).unwrap();
                    until_stamped(&near, &mut far).await;
                    let (mut outside, mut last) = (0, 0);
                    for _ in 0..ROUNDS {
                        let before = now_ns();
                        near.send(b"tick").await.unwrap();
                        let times = in_time(far.recv()).await.unwrap().timestamps();
                        let came = times.software_ns.expect("every datagram is stamped");
                        assert_eq!(times.hardware_ns, None, "no such device");
                        let ordered = last <= came && before <= came && came <= now_ns();
                        outside += usize::from(!ordered);
                        last = came;
                    }
                    assert!(outside <= CLOCK_STEPS_MAX, "{outside} of {ROUNDS} on {path:?}");
                }
            }
        });
    });
}

#[test]
fn a_burst_is_stamped_in_order_and_each_by_itself() {
    let pair = Pair::new();
    on_each_driver(|builder| {
        block_on(builder, async {
            for path in paths(pair.as_ref()) {
                // With slots of the core, and with those of the socket itself.
                for payload_bytes in [1000, 60_000] {
                    let socket = UdpSocket::builder().payload_bytes_max(payload_bytes);
                    let (near, mut far) = path.udp_with(&socket).await;
                    far.set_receive_timestamps(Some(StampedBy::Both)).unwrap();
                    until_stamped(&near, &mut far).await;
                    for number in 0..200_u32 {
                        near.send(&number.to_ne_bytes()).await.unwrap();
                    }
                    let mut times = Vec::new();
                    for number in 0..200_u32 {
                        let datagram = in_time(far.recv()).await.unwrap();
                        assert_eq!(datagram[..], number.to_ne_bytes());
                        times.push(datagram.timestamps().software_ns.unwrap());
                    }
                    let back = times.windows(2).filter(|two| two[1] < two[0]).count();
                    assert!(back <= CLOCK_STEPS_MAX, "{back} times back in time");
                    times.dedup();
                    assert!(times.len() > 100, "only {} different times", times.len());
                }
            }
        });
    });
}

#[test]
fn stamps_end_when_they_are_no_longer_asked_for() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for path in paths(None) {
                let (near, mut far) = path.udp().await;
                near.send(b"before").await.unwrap();
                assert_eq!(in_time(far.recv()).await.unwrap().timestamps(), Default::default());
                far.set_receive_timestamps(Some(StampedBy::Kernel)).unwrap();
                until_stamped(&near, &mut far).await;
                far.set_receive_timestamps(None).unwrap();
                near.send(b"after").await.unwrap();
                assert_eq!(in_time(far.recv()).await.unwrap().timestamps(), Default::default());
            }
        });
    });
}

async fn until_stream_stamped(near: &mut TcpStream, far: &mut TcpStream) {
    in_time(async {
        loop {
            near.write_all(b"?").await.unwrap();
            if far.recv_with_timestamps().await.unwrap().1.software_ns.is_some() {
                break;
            }
        }
    })
    .await;
}

#[test]
fn bytes_of_a_stream_tell_when_the_last_of_them_came() {
    let pair = Pair::new();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for path in paths(pair.as_ref()) {
                for hot in [false, true] {
                    let (mut near, mut far) = path.tcp().await;
                    far.set_hot(hot);
                    far.set_receive_timestamps(Some(StampedBy::Kernel)).unwrap();
                    until_stream_stamped(&mut near, &mut far).await;
                    let mut outside = 0;
                    for _ in 0..ROUNDS {
                        let before = now_ns();
                        near.write_all(b"order").await.unwrap();
                        let (bytes, times) = in_time(far.recv_with_timestamps()).await.unwrap();
                        assert_eq!(&bytes[..], b"order");
                        let came = times.software_ns.expect("every read is stamped");
                        outside += usize::from(!(before <= came && came <= now_ns()));
                    }
                    assert!(outside <= CLOCK_STEPS_MAX, "{outside} of {ROUNDS} on {path:?}");
                    drop(near);
                    for _ in 0..2 {
                        let (end, times) = in_time(far.recv_with_timestamps()).await.unwrap();
                        assert!(end.is_empty() && times.software_ns.is_none());
                        assert!(in_time(far.recv()).await.unwrap().is_empty());
                    }
                }
            }
        });
    });
}

#[test]
fn reads_with_and_without_times_take_the_same_bytes_in_order() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for path in paths(None) {
                let (mut near, mut far) = path.tcp().await;
                far.set_receive_timestamps(Some(StampedBy::Kernel)).unwrap();
                let sent = common::Random::new(3).bytes(1 << 20);
                let expected = sent.clone();
                let writer = taut::spawn(async move { near.write_all(&sent).await });
                let mut received = Vec::new();
                loop {
                    received.extend_from_slice(&in_time(far.recv()).await.unwrap());
                    // One that is given up where it has to wait, and one that is not.
                    if let Poll::Ready(read) = poll!(pin!(far.recv_with_timestamps())) {
                        received.extend_from_slice(&read.unwrap().0);
                    }
                    let (bytes, _) = in_time(far.recv_with_timestamps()).await.unwrap();
                    if bytes.is_empty() {
                        break;
                    }
                    received.extend_from_slice(&bytes);
                }
                writer.await.unwrap().unwrap();
                assert!(received == expected);
            }
        });
    });
}

#[test]
fn stamps_of_a_stream_begin_and_end_while_it_is_read() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            // The kernel begins and ends to stamp a moment late: while somebody asks, it goes on.
            let asks = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
            asks.set_receive_timestamps(Some(StampedBy::Kernel)).unwrap();
            for path in paths(None) {
                for hot in [false, true] {
                    let (mut near, mut far) = path.tcp().await;
                    far.set_hot(hot);
                    for _ in 0..3 {
                        near.write_all(b"plain").await.unwrap();
                        assert_eq!(&in_time(far.recv()).await.unwrap()[..], b"plain");
                        assert_eq!(far.receive_timestamps(), Default::default());
                        // A receive is armed now, where there is such a thing.
                        assert!(poll!(pin!(far.recv())).is_pending());
                        far.set_receive_timestamps(Some(StampedBy::Kernel)).unwrap();
                        until_stream_stamped(&mut near, &mut far).await;
                        near.write_all(b"stamped").await.unwrap();
                        let mut to = [0; 3];
                        assert_eq!(in_time(far.read(&mut to)).await.unwrap(), 3);
                        let came = far.receive_timestamps();
                        assert!(came.software_ns.is_some());
                        assert_eq!(&in_time(far.recv()).await.unwrap()[..], b"mped");
                        assert_eq!(far.receive_timestamps(), came, "of what came together");
                        assert!(poll!(pin!(far.recv())).is_pending());
                        far.set_receive_timestamps(None).unwrap();
                    }
                }
            }
        });
    });
}

#[test]
fn a_stamped_stream_is_stamped_where_it_is_read_next() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for path in paths(None) {
                let (mut near, mut far) = path.tcp().await;
                far.set_receive_timestamps(Some(StampedBy::Kernel)).unwrap();
                until_stream_stamped(&mut near, &mut far).await;
                let mut far = TcpStream::attach(far.detach().await.unwrap());
                near.write_all(b"there").await.unwrap();
                let (bytes, times) = in_time(far.recv_with_timestamps()).await.unwrap();
                assert_eq!(&bytes[..], b"there");
                assert!(times.software_ns.is_some());
            }
        });
    });
}

#[test]
fn a_reset_is_told_to_a_read_with_times() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for path in paths(None) {
                let (near, mut far) = path.tcp().await;
                near.close_reset().unwrap();
                let error = in_time(far.recv_with_timestamps()).await.unwrap_err();
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
                assert!(in_time(far.recv_with_timestamps()).await.unwrap().0.is_empty());
            }
        });
    });
}

#[test]
fn receive_buffers_without_room_for_times_are_refused_by_name() {
    on_each_driver(|builder| {
        block_on(builder.receive_buffer_bytes(256), async {
            for path in paths(None) {
                let (mut near, mut far) = path.tcp().await;
                near.write_all(b"small").await.unwrap();
                let error = far.set_receive_timestamps(Some(StampedBy::Kernel)).unwrap_err();
                assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
                assert!(error.to_string().contains("receive_buffer_bytes"), "{error}");
                assert_eq!(&in_time(far.recv()).await.unwrap()[..], b"small");
            }
        });
    });
}
