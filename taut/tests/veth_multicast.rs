//! Groups of both families across a device: joining, leaving, sources, sockets that share a group,
//! and a link that is cut.
//!
//! What must not come in is sent first, and what must after it: both go the same way, so the second
//! one's arrival proves that the first one was kept out.

mod common;

use std::net::{IpAddr, SocketAddr};

use common::netns::{DEVICE, Pair, Side};
use common::{block_on, in_time, is_silent, on_each_driver, on_each_driver_and_wait};
use taut::net::UdpSocket;
use taut::time::timeout;

/// Two groups of each family, of the ranges for documentation (RFC 6676).
const GROUPS: [[&str; 2]; 2] = [["233.252.0.1", "233.252.0.2"], ["ff0e::db8:0:1", "ff0e::db8:0:2"]];

/// One of each family that is joined by source only (RFC 4607).
const BY_SOURCE: [&str; 2] = ["232.1.2.3", "ff3e::8000:4321"];

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn wildcard(like: IpAddr, port: u16) -> SocketAddr {
    let any = if like.is_ipv4() { "0.0.0.0" } else { "::" };
    (address(any), port).into()
}

/// A listener in B, on a port that others may share.
fn listener(pair: &Pair, group: IpAddr, port: u16) -> UdpSocket {
    let builder = UdpSocket::builder().reuse_address(true);
    pair.inside(Side::B, || builder.bind(wildcard(group, port)).unwrap())
}

/// A sender in A, by its own address of the family.
fn sender(pair: &Pair, group: IpAddr) -> UdpSocket {
    let own = if group.is_ipv4() { Side::A.v4() } else { Side::A.v6() };
    let sender = pair.inside(Side::A, || UdpSocket::bind((own, 0).into()).unwrap());
    sender.set_multicast_interface(pair.interface(Side::A)).unwrap();
    sender
}

async fn text(socket: &mut UdpSocket) -> Vec<u8> {
    in_time(socket.recv()).await.unwrap().to_vec()
}

#[test]
fn a_group_reaches_every_socket_that_joined_it_and_no_other() {
    let Some(pair) = Pair::new() else { return };
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for groups in GROUPS {
                let [first, second] = groups.map(address);
                let device = pair.interface(Side::B);
                let mut one = listener(&pair, first, 0);
                let port = one.local_addr().unwrap().port();
                let mut both = listener(&pair, first, port);
                let mut other = listener(&pair, first, port);
                one.join(first, device).unwrap();
                both.join(first, device).unwrap();
                both.join(second, device).unwrap();
                other.join(second, device).unwrap();
                let sender = sender(&pair, first);
                sender.send_to(b"first", (first, port).into()).await.unwrap();
                sender.send_to(b"second", (second, port).into()).await.unwrap();
                let datagram = in_time(one.recv()).await.unwrap();
                assert_eq!(&datagram[..], b"first");
                assert_eq!(datagram.destination(), Some(first));
                assert_eq!(datagram.interface(), Some(device.index()));
                assert_eq!(datagram.source().unwrap().ip(), sender.local_addr().unwrap().ip());
                assert_eq!(text(&mut both).await, b"first");
                assert_eq!(text(&mut both).await, b"second");
                assert_eq!(text(&mut other).await, b"second");
                assert!(is_silent(&mut one).await && is_silent(&mut other).await);
            }
        });
    });
}

#[test]
fn leaving_a_group_stops_it_and_keeps_the_others() {
    let Some(pair) = Pair::new() else { return };
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for groups in GROUPS {
                let [left, kept] = groups.map(address);
                let device = pair.interface(Side::B);
                let mut socket = listener(&pair, left, 0);
                let port = socket.local_addr().unwrap().port();
                let sender = sender(&pair, left);
                socket.join(kept, device).unwrap();
                for _ in 0..3 {
                    socket.join(left, device).unwrap();
                    sender.send_to(b"in", (left, port).into()).await.unwrap();
                    assert_eq!(text(&mut socket).await, b"in");
                    socket.leave(left, device).unwrap();
                    sender.send_to(b"out", (left, port).into()).await.unwrap();
                    sender.send_to(b"kept", (kept, port).into()).await.unwrap();
                    assert_eq!(text(&mut socket).await, b"kept");
                }
            }
        });
    });
}

#[test]
fn a_group_joined_by_source_hears_only_that_source() {
    let Some(pair) = Pair::new() else { return };
    // A second source of each family on the same side.
    pair.ip(Side::A, &format!("address add 10.77.0.3/24 dev {DEVICE}"));
    pair.ip(Side::A, &format!("address add fd77::3/64 dev {DEVICE} nodad"));
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for (group, other) in BY_SOURCE.map(address).into_iter().zip(["10.77.0.3", "fd77::3"]) {
                let device = pair.interface(Side::B);
                let mut socket = listener(&pair, group, 0);
                let to = (group, socket.local_addr().unwrap().port()).into();
                let wanted = sender(&pair, group);
                let stranger = pair.inside(Side::A, || UdpSocket::bind((address(other), 0).into()));
                let stranger = stranger.unwrap();
                stranger.set_multicast_interface(pair.interface(Side::A)).unwrap();
                let source = wanted.local_addr().unwrap().ip();
                socket.join_source(group, source, device).unwrap();
                stranger.send_to(b"stranger", to).await.unwrap();
                wanted.send_to(b"wanted", to).await.unwrap();
                assert_eq!(text(&mut socket).await, b"wanted");
                socket.join_source(group, address(other), device).unwrap();
                stranger.send_to(b"known", to).await.unwrap();
                assert_eq!(text(&mut socket).await, b"known");
                socket.leave_source(group, source, device).unwrap();
                wanted.send_to(b"no longer", to).await.unwrap();
                stranger.send_to(b"still", to).await.unwrap();
                assert_eq!(text(&mut socket).await, b"still");
            }
        });
    });
}

#[test]
fn a_group_joined_on_another_interface_is_not_heard() {
    let Some(pair) = Pair::new() else { return };
    let wrong = pair.inside(Side::B, || taut::net::Interface::by_name("lo").unwrap());
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for groups in GROUPS {
                let [group, heard] = groups.map(address);
                let mut socket = listener(&pair, group, 0);
                let port = socket.local_addr().unwrap().port();
                socket.join(group, wrong).unwrap();
                socket.join(heard, pair.interface(Side::B)).unwrap();
                let sender = sender(&pair, group);
                sender.send_to(b"wrong", (group, port).into()).await.unwrap();
                sender.send_to(b"right", (heard, port).into()).await.unwrap();
                assert_eq!(text(&mut socket).await, b"right");
                assert!(is_silent(&mut socket).await);
            }
        });
    });
}

#[test]
fn memberships_stay_when_the_link_is_cut_and_comes_back() {
    let Some(pair) = Pair::new() else { return };
    on_each_driver(|builder| {
        block_on(builder, async {
            for groups in GROUPS {
                let [group, never_joined] = groups.map(address);
                let mut socket = listener(&pair, group, 0);
                let port = socket.local_addr().unwrap().port();
                let to = (group, port).into();
                socket.join(group, pair.interface(Side::B)).unwrap();
                let sender = sender(&pair, group);
                sender.send_to(b"before", to).await.unwrap();
                assert_eq!(text(&mut socket).await, b"before");
                pair.cut();
                // Lost, or refused for want of a carrier.
                let _ = sender.send_to(b"lost", to).await;
                assert!(is_silent(&mut socket).await);
                pair.mend();
                in_time(async {
                    loop {
                        let _ = sender.send_to(b"stray", (never_joined, port).into()).await;
                        let _ = sender.send_to(b"after", to).await;
                        let patience = std::time::Duration::from_millis(20);
                        if let Ok(datagram) = timeout(patience, socket.recv()).await {
                            assert_eq!(&datagram.unwrap()[..], b"after");
                            break;
                        }
                    }
                })
                .await;
            }
        });
    });
}
