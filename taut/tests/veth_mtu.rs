//! Datagrams that are larger than what a device carries in one packet.

mod common;

use std::net::IpAddr;

use common::netns::{DEVICE, Pair, Side};
use common::{block_on, in_time, on_each_driver};
use taut::net::UdpSocket;

/// The least that IPv6 takes.
const MTU: usize = 1280;

/// Bytes in front of the payload.
fn headers(address: IpAddr) -> usize {
    8 + if address.is_ipv4() { 20 } else { 40 }
}

fn set_mtu(pair: &Pair, mtu: usize) {
    for side in [Side::A, Side::B] {
        pair.ip(side, &format!("link set {DEVICE} mtu {mtu}"));
    }
}

async fn connected(pair: &Pair, from: IpAddr, to: IpAddr) -> (UdpSocket, UdpSocket) {
    let engine = pair.inside(Side::A, || UdpSocket::bind((from, 0).into()).unwrap());
    let venue = pair.inside(Side::B, || UdpSocket::bind((to, 0).into()).unwrap());
    engine.connect(venue.local_addr().unwrap()).await.unwrap();
    (engine, venue)
}

#[test]
fn a_datagram_larger_than_the_mtu_is_cut_and_arrives_whole() {
    let Some(pair) = Pair::new() else { return };
    set_mtu(&pair, MTU);
    on_each_driver(|builder| {
        block_on(builder, async {
            for (a, b) in Side::A.addresses().into_iter().zip(Side::B.addresses()) {
                let (engine, mut venue) = connected(&pair, a, b).await;
                assert!(!engine.dont_fragment().unwrap());
                for size in [MTU - headers(a), MTU - headers(a) + 1, 9000, 32_000] {
                    let bytes: Vec<u8> = (0..size).map(|index| (index * 7) as u8).collect();
                    engine.send(&bytes).await.unwrap();
                    let datagram = in_time(venue.recv()).await.unwrap();
                    assert!(datagram[..] == bytes && !datagram.is_truncated());
                }
            }
        });
    });
}

#[test]
fn not_to_be_cut_a_datagram_larger_than_the_mtu_is_an_error() {
    let Some(pair) = Pair::new() else { return };
    set_mtu(&pair, MTU);
    on_each_driver(|builder| {
        block_on(builder, async {
            for (a, b) in Side::A.addresses().into_iter().zip(Side::B.addresses()) {
                let (engine, mut venue) = connected(&pair, a, b).await;
                engine.set_dont_fragment(true).unwrap();
                assert!(engine.dont_fragment().unwrap());
                let path = engine.path_mtu().unwrap() as usize;
                assert_eq!(path, MTU);
                let largest = vec![5; path - headers(a)];
                engine.send(&largest).await.unwrap();
                assert_eq!(in_time(venue.recv()).await.unwrap()[..], largest);
                let error = engine.send(&[&largest[..], &[5]].concat()).await.unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE), "{error}");
                // And it goes on.
                engine.set_dont_fragment(false).unwrap();
                assert!(!engine.dont_fragment().unwrap());
                engine.send(&[&largest[..], &[5]].concat()).await.unwrap();
                assert_eq!(in_time(venue.recv()).await.unwrap().len(), largest.len() + 1);
            }
        });
    });
}

#[test]
fn the_path_mtu_follows_the_device_and_needs_a_connected_socket() {
    let Some(pair) = Pair::new() else { return };
    on_each_driver(|builder| {
        block_on(builder, async {
            for (a, b) in Side::A.addresses().into_iter().zip(Side::B.addresses()) {
                let unconnected = pair.inside(Side::A, || UdpSocket::bind((a, 0).into()).unwrap());
                let error = unconnected.path_mtu().unwrap_err();
                assert_eq!(error.kind(), std::io::ErrorKind::NotConnected, "{error}");
                for mtu in [9000, 1500, MTU] {
                    set_mtu(&pair, mtu);
                    let (engine, _venue) = connected(&pair, a, b).await;
                    assert_eq!(engine.path_mtu().unwrap() as usize, mtu);
                }
            }
        });
    });
}
