//! Datagrams arrive whole, once, in order, with all that is known of them, whatever their size.

mod common;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::pin;

use common::ways::assert_same_bytes;
use common::{
    Random, block_on, bound, in_time, loopback, on_each_driver, on_each_driver_and_wait, until,
};
use futures_util::poll;
use taut::net::{Interface, StampedBy, UdpSocket};

const SEED: u64 = 0xda7a;

/// Loopback of either family.
fn loopback_of(is_v6: bool) -> SocketAddr {
    if is_v6 { (Ipv6Addr::LOCALHOST, 0).into() } else { loopback() }
}

/// A receiver, a sender, and where it has to send to.
fn receiver_and_sender(hot: bool) -> (UdpSocket, UdpSocket, SocketAddr) {
    let mut receiver = bound();
    receiver.set_hot(hot);
    let to = receiver.local_addr().unwrap();
    (receiver, bound(), to)
}

/// The sizes at which something changes: nothing, the edges of a slot, of a packet and of UDP.
fn sizes(slot_payload: usize) -> Vec<usize> {
    let edges = [0, 1, 2, 63, 64, 65, 1_472, 1_473, slot_payload, 65_507];
    edges.into_iter().flat_map(|size| [size.saturating_sub(1), size]).collect()
}

#[test]
fn datagrams_of_every_size_arrive_whole_with_their_sender() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for (is_v6, plain) in [(false, false), (true, false), (false, true), (true, true)] {
                let largest = UdpSocket::builder().payload_bytes_max(65_507).plain(plain);
                let mut receiver = largest.bind(loopback_of(is_v6)).unwrap();
                let sender = UdpSocket::bind(loopback_of(is_v6)).unwrap();
                let (to, from) = (receiver.local_addr().unwrap(), sender.local_addr().unwrap());
                let mut random = Random::new(SEED);
                for size in sizes(32_512) {
                    let sent = random.bytes(size);
                    sender.send_to(&sent, to).await.unwrap();
                    let datagram = in_time(receiver.recv()).await.unwrap();
                    assert_same_bytes(&datagram, &sent);
                    assert_eq!(datagram.sent_bytes(), size);
                    assert!(!datagram.is_truncated());
                    assert_eq!(datagram.source(), Some(from));
                    let lo = Interface::by_name("lo").unwrap();
                    let told = (datagram.destination(), datagram.interface());
                    let of_packet = (Some(to.ip()), Some(lo.index()));
                    assert_eq!(told, if plain { (None, None) } else { of_packet });
                    assert_eq!(datagram.kernel_drops(), 0);
                    assert_eq!(datagram.timestamps(), Default::default(), "nobody asked");
                    assert_eq!(
                        datagram.segments().map(|one| one.len()).collect::<Vec<_>>(),
                        [size]
                    );
                }
            }
        });
    });
}

#[test]
fn what_does_not_fit_is_cut_off_and_says_so() {
    on_each_driver_and_wait(|builder| {
        block_on(builder.receive_buffer_bytes(4_096), async {
            for (hot, plain) in [(false, false), (true, false), (false, true), (true, true)] {
                let room = 4_096 - if plain { 64 } else { 256 };
                let builder = UdpSocket::builder().plain(plain);
                let mut receiver = builder.bind(loopback()).unwrap();
                receiver.set_hot(hot);
                let sender = bound();
                let to = receiver.local_addr().unwrap();
                let mut random = Random::new(SEED);
                for size in [room - 1, room, room + 1, 9_000, 65_507, 5] {
                    let sent = random.bytes(size);
                    sender.send_to(&sent, to).await.unwrap();
                    let datagram = in_time(receiver.recv()).await.unwrap();
                    assert_same_bytes(&datagram, &sent[..size.min(room)]);
                    assert_eq!(datagram.sent_bytes(), size);
                    assert_eq!(datagram.is_truncated(), size > room, "{size}");
                    assert_eq!(datagram.source(), Some(sender.local_addr().unwrap()));
                }
            }
        });
    });
}

#[test]
fn bursts_come_in_order_on_hot_and_other_sockets() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for hot in [false, true] {
                let (mut receiver, sender, to) = receiver_and_sender(hot);
                sender.connect(to).await.unwrap();
                let (mut next, mut random) = (0_u32, Random::new(SEED));
                for _ in 0..200 {
                    let burst = 1 + random.below(40) as u32;
                    for number in next..next + burst {
                        sender.send(&number.to_be_bytes()).await.unwrap();
                    }
                    for number in next..next + burst {
                        let datagram = match receiver.next_here() {
                            Some(datagram) => datagram,
                            None => in_time(receiver.recv()).await.unwrap(),
                        };
                        assert_eq!(&datagram[..], number.to_be_bytes());
                    }
                    next += burst;
                }
                assert!(receiver.next_here().is_none());
            }
        });
    });
}

#[test]
fn an_empty_datagram_is_no_end() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (mut receiver, sender, to) = receiver_and_sender(false);
            for bytes in [&b""[..], b"", b"one", b"", b"two"] {
                sender.send_to(bytes, to).await.unwrap();
            }
            for bytes in [&b""[..], b"", b"one", b"", b"two"] {
                assert_eq!(&in_time(receiver.recv()).await.unwrap()[..], bytes);
            }
        });
    });
}

#[test]
fn a_connected_socket_hears_its_peer_alone_and_is_told_where_nobody_listens() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for hot in [false, true] {
                let mut client = bound();
                client.set_hot(hot);
                let gone = bound();
                let nobody = gone.local_addr().unwrap();
                drop(gone);
                client.connect(nobody).await.unwrap();
                assert_eq!(client.peer_addr().unwrap(), nobody);
                client.send(b"anybody?").await.unwrap();
                let refused = in_time(client.recv()).await.unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

                // It ends nothing: the same socket goes on.
                let (mut peer, stranger) = (bound(), bound());
                client.connect(peer.local_addr().unwrap()).await.unwrap();
                let own = client.local_addr().unwrap();
                stranger.send_to(b"stranger", own).await.unwrap();
                client.send(b"question").await.unwrap();
                assert_eq!(&in_time(peer.recv()).await.unwrap()[..], b"question");
                peer.send_to(b"answer", own).await.unwrap();
                assert_eq!(&in_time(client.recv()).await.unwrap()[..], b"answer");
            }
        });
    });
}

#[test]
fn errors_of_addresses_are_told() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let socket = bound();
            let error = socket.send(b"where to?").await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EDESTADDRREQ));
            assert_eq!(socket.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
            let to = socket.local_addr().unwrap();
            let error = socket.send_to(&[0; 65_508], to).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
            let taken = UdpSocket::bind(to).unwrap_err();
            assert_eq!(taken.kind(), ErrorKind::AddrInUse);
            assert!(taken.to_string().contains(&to.to_string()), "{taken}");
            let elsewhere = UdpSocket::bind("192.0.2.1:0".parse().unwrap()).unwrap_err();
            assert_eq!(elsewhere.kind(), ErrorKind::AddrNotAvailable);
            let broadcast = "127.255.255.255:9".parse().unwrap();
            let error = socket.send_to(b"all", broadcast).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            socket.set_broadcast(true).unwrap();
            assert!(socket.broadcast().unwrap());
            socket.send_to(b"all", broadcast).await.unwrap();
        });
    });
}

#[test]
fn a_dropped_receive_takes_nothing_and_a_cancelled_one_says_so() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for hot in [false, true] {
                let (mut receiver, sender, to) = receiver_and_sender(hot);
                for number in 0..100_u32 {
                    {
                        let mut given_up = pin!(receiver.recv());
                        assert!(poll!(given_up.as_mut()).is_pending());
                    }
                    sender.send_to(&number.to_be_bytes(), to).await.unwrap();
                    let datagram = in_time(receiver.recv()).await.unwrap();
                    assert_eq!(&datagram[..], number.to_be_bytes());
                }
                let task = taut::spawn(async move { receiver.recv().await.map(drop) });
                taut::yield_now().await;
                task.cancel();
                let error = in_time(task).await.unwrap().unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::ECANCELED));
            }
        });
    });
}

#[test]
fn a_dropped_socket_gives_its_address_free_at_once() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let mut address = loopback();
            for _ in 0..20 {
                let mut socket = UdpSocket::bind(address).unwrap();
                address = socket.local_addr().unwrap();
                let mut waiting = Box::pin(socket.recv());
                assert!(poll!(&mut waiting).is_pending());
                drop(waiting);
                drop(socket);
            }
        });
    });
}

#[test]
fn another_task_sends_while_one_receives() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let mut server = bound();
            let address = server.local_addr().unwrap();
            let answers = server.sender();
            let echo = taut::spawn(async move {
                for _ in 0..100 {
                    let datagram = server.recv().await.unwrap();
                    answers.send_to(&datagram, datagram.source().unwrap()).await.unwrap();
                }
            });
            let mut client = bound();
            client.connect(address).await.unwrap();
            let mut to = [0; 16];
            for number in 0..100_u32 {
                client.send(&number.to_be_bytes()).await.unwrap();
                let (count, from) = in_time(client.recv_from(&mut to)).await.unwrap();
                assert_eq!((&to[..count], from), (&number.to_be_bytes()[..], address));
            }
            echo.await.unwrap();
        });
    });
}

#[test]
fn a_plain_socket_refuses_what_it_has_no_room_for() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let plain = UdpSocket::builder().plain(true);
            let socket = plain.bind(loopback()).unwrap();
            let stamps = socket.set_receive_timestamps(Some(StampedBy::Kernel)).unwrap_err();
            assert_eq!(stamps.kind(), ErrorKind::InvalidInput);
            socket.set_receive_timestamps(None).unwrap();
            let joined = plain.join_segments(true).bind(loopback()).unwrap_err();
            assert_eq!(joined.kind(), ErrorKind::InvalidInput);
        });
    });
}

#[test]
fn options_are_read_back() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for is_v6 in [false, true] {
                let socket = UdpSocket::bind(loopback_of(is_v6)).unwrap();
                socket.set_ttl(7).unwrap();
                assert_eq!(socket.ttl().unwrap(), 7);
                assert_eq!(socket.set_ttl(256).unwrap_err().kind(), ErrorKind::InvalidInput);
                socket.set_multicast_ttl(3).unwrap();
                assert_eq!(socket.multicast_ttl().unwrap(), 3);
                socket.set_multicast_loop(false).unwrap();
                assert!(!socket.multicast_loop().unwrap());
                let granted = socket.set_recv_buffer_size(100_000).unwrap();
                assert_eq!(granted, 100_000);
                assert_eq!(socket.recv_buffer_size().unwrap(), 200_000);
                assert_eq!(socket.kernel_drops().unwrap(), 0);
            }
            let known = std::net::UdpSocket::bind(loopback()).unwrap();
            let address = known.local_addr().unwrap();
            let mut taken = UdpSocket::from_std(known).unwrap();
            bound().send_to(b"hello", address).await.unwrap();
            let datagram = in_time(taken.recv()).await.unwrap();
            assert_eq!(datagram.destination(), Some(IpAddr::from([127, 0, 0, 1])));
        });
    });
}

#[test]
fn a_burst_larger_than_all_buffers_is_no_stuck_socket() {
    on_each_driver_and_wait(|builder| {
        let small = builder.receive_buffers(4).hot_buffers(2).receive_window_buffers(3);
        block_on(small, async {
            for hot in [false, true] {
                let (mut receiver, sender, to) = receiver_and_sender(hot);
                let mut held = Vec::new();
                for round in 0..5_u32 {
                    for number in 0..100_u32 {
                        sender.send_to(&(round * 100 + number).to_be_bytes(), to).await.unwrap();
                    }
                    for number in 0..100_u32 {
                        let datagram = in_time(receiver.recv()).await.unwrap();
                        assert_eq!(&datagram[..], (round * 100 + number).to_be_bytes());
                        // All slots are in our hands after a while.
                        held.push(datagram);
                    }
                }
                let fallbacks = taut::counters().receive_heap_fallbacks;
                assert!(fallbacks > 0, "it had to be received into the heap");
                held.clear();
                sender.send_to(b"and on", to).await.unwrap();
                assert_eq!(&in_time(receiver.recv()).await.unwrap()[..], b"and on");
            }
            until(|| taut::counters().operations_in_flight == 0).await;
        });
    });
}
