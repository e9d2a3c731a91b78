//! Groups: joining on an interface, leaving, sources, and sockets that share a group.
//!
//! Over loopback, which has no route for groups of IPv6: these are tested across a device, in
//! `veth_multicast`.

mod common;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

use common::{block_on, bound, in_time, is_silent, on_each_driver, on_each_driver_and_wait};
use futures_util::poll;
use taut::net::{Interface, UdpSocket};

/// Of the range for tests and documentation (RFC 6676).
const GROUPS: [&str; 2] = ["233.252.0.1", "233.252.0.2"];

fn lo() -> Interface {
    Interface::by_name("lo").unwrap()
}

fn groups() -> [IpAddr; 2] {
    GROUPS.map(|group| group.parse().unwrap())
}

fn wildcard(port: u16) -> SocketAddr {
    ([0, 0, 0, 0], port).into()
}

fn shared(address: SocketAddr) -> UdpSocket {
    UdpSocket::builder().reuse_address(true).bind(address).unwrap()
}

fn sender() -> UdpSocket {
    let sender = bound();
    sender.set_multicast_interface(lo()).unwrap();
    sender
}

#[test]
fn what_is_sent_to_a_group_reaches_all_that_joined_it_and_nobody_else() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let [first, second] = groups();
            let mut one = shared(wildcard(0));
            let port = one.local_addr().unwrap().port();
            let mut two = shared(wildcard(port));
            // Bound to the same port, and in another group only.
            let mut other = shared(wildcard(port));
            one.join(first, lo()).unwrap();
            two.join(first, lo()).unwrap();
            two.join(second, lo()).unwrap();
            other.join(second, lo()).unwrap();
            let sender = sender();
            let from = sender.local_addr().unwrap();
            sender.send_to(b"to both", (first, port).into()).await.unwrap();
            for socket in [&mut one, &mut two] {
                let datagram = in_time(socket.recv()).await.unwrap();
                assert_eq!(&datagram[..], b"to both");
                assert_eq!(datagram.source(), Some(from));
                assert_eq!(datagram.interface(), Some(lo().index()));
                let to = datagram.destination().unwrap();
                assert_eq!(to, first, "the group");
            }
            assert!(is_silent(&mut other).await);
            sender.send_to(b"second", (second, port).into()).await.unwrap();
            assert_eq!(&in_time(two.recv()).await.unwrap()[..], b"second");
            assert_eq!(&in_time(other.recv()).await.unwrap()[..], b"second");
            assert!(is_silent(&mut one).await);
        });
    });
}

#[test]
fn leaving_a_group_stops_it() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let [group, never_joined] = groups();
            let mut socket = shared(wildcard(0));
            let to = (group, socket.local_addr().unwrap().port()).into();
            let sender = sender();
            for _ in 0..3 {
                socket.join(group, lo()).unwrap();
                sender.send_to(b"tick", to).await.unwrap();
                assert_eq!(&in_time(socket.recv()).await.unwrap()[..], b"tick");
                let twice = socket.join(group, lo()).unwrap_err();
                assert_eq!(twice.kind(), ErrorKind::AddrInUse, "{twice}");
                socket.leave(group, lo()).unwrap();
                sender.send_to(b"tick", to).await.unwrap();
                assert!(is_silent(&mut socket).await);
            }
            let error = socket.leave(never_joined, lo()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrNotAvailable, "{error}");
        });
    });
}

#[test]
fn of_a_group_joined_by_source_only_that_source_is_heard() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let group = groups()[0];
            let mut socket = shared(wildcard(0));
            let to = (group, socket.local_addr().unwrap().port()).into();
            // All of 127.0.0.0/8 is this host.
            let [wanted, stranger] = ["127.0.0.7:0", "127.0.0.8:0"].map(|address| {
                let socket = UdpSocket::bind(address.parse().unwrap()).unwrap();
                socket.set_multicast_interface(lo()).unwrap();
                socket
            });
            let source = wanted.local_addr().unwrap().ip();
            socket.join_source(group, source, lo()).unwrap();
            stranger.send_to(b"stranger", to).await.unwrap();
            wanted.send_to(b"wanted", to).await.unwrap();
            let datagram = in_time(socket.recv()).await.unwrap();
            assert_eq!((&datagram[..], datagram.source().unwrap().ip()), (&b"wanted"[..], source));
            assert!(is_silent(&mut socket).await);

            let second = stranger.local_addr().unwrap().ip();
            socket.join_source(group, second, lo()).unwrap();
            stranger.send_to(b"now", to).await.unwrap();
            assert_eq!(&in_time(socket.recv()).await.unwrap()[..], b"now");
            socket.leave_source(group, second, lo()).unwrap();
            socket.leave_source(group, source, lo()).unwrap();
            wanted.send_to(b"gone", to).await.unwrap();
            assert!(is_silent(&mut socket).await);
        });
    });
}

#[test]
fn memberships_end_with_the_socket() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let joined = || {
                let all = std::fs::read_to_string("/proc/net/igmp").unwrap();
                // The group 233.252.0.1, as the kernel writes it.
                all.contains(&format!("{:08X}", u32::from_ne_bytes([233, 252, 0, 99])))
            };
            let group = "233.252.0.99".parse().unwrap();
            for _ in 0..3 {
                let mut socket = shared(wildcard(0));
                assert!(!joined());
                socket.join(group, lo()).unwrap();
                assert!(joined());
                let mut receive = Box::pin(socket.recv());
                assert!(poll!(&mut receive).is_pending());
                drop(receive);
                drop(socket);
                assert!(!joined(), "also with a receive in flight");
            }
        });
    });
}

#[test]
fn errors_name_the_group_and_the_interface() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let socket = shared(wildcard(0));
            let group = groups()[0];
            let missing = socket.join(group, Interface::by_index(99_999)).unwrap_err();
            let text = missing.to_string();
            assert!(text.contains("233.252.0.1") && text.contains("99999"), "{text}");
            let none = Interface::by_name("no-such-one").unwrap_err();
            assert_eq!(none.kind(), ErrorKind::NotFound);
            let no_group = socket.join("10.0.0.1".parse().unwrap(), lo()).unwrap_err();
            assert_eq!(no_group.kind(), ErrorKind::InvalidInput);
            assert!(no_group.to_string().contains("10.0.0.1"), "{no_group}");
            let mixed = socket.join_source(group, "::1".parse().unwrap(), lo()).unwrap_err();
            assert_eq!(mixed.kind(), ErrorKind::InvalidInput);
        });
    });
}

#[test]
fn loopback_brings_back_also_what_a_sender_does_not_loop() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let group = groups()[0];
            let mut socket = shared(wildcard(0));
            let to = (group, socket.local_addr().unwrap().port()).into();
            socket.join(group, lo()).unwrap();
            let sender = sender();
            sender.set_multicast_loop(false).unwrap();
            sender.send_to(b"quiet", to).await.unwrap();
            // Loopback carries it back all the same: it is the interface, not the loop.
            let carried = in_time(socket.recv()).await.unwrap();
            assert_eq!(&carried[..], b"quiet");
        });
    });
}
