//! UDP across a device: both families, a link that is cut, routes and addresses that are not there.

mod common;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use common::netns::{DEVICE, Pair, Side};
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait};
use taut::net::UdpSocket;
use taut::time::timeout;

fn bound(pair: &Pair, side: Side, address: IpAddr) -> UdpSocket {
    pair.inside(side, || UdpSocket::bind((address, 0).into()).unwrap())
}

/// Sends, again where it got lost, until one comes in; which one.
async fn get_through(from: &UdpSocket, to: SocketAddr, into: &mut UdpSocket) -> u32 {
    in_time(async {
        for number in 0_u32.. {
            // A link without a carrier is an error at times, and a loss at others.
            let _ = from.send_to(&number.to_ne_bytes(), to).await;
            if let Ok(datagram) = timeout(Duration::from_millis(20), into.recv()).await {
                return u32::from_ne_bytes(datagram.unwrap()[..].try_into().unwrap());
            }
        }
        unreachable!("it hangs before that")
    })
    .await
}

#[test]
fn datagrams_cross_the_device_in_both_families() {
    let Some(pair) = Pair::new() else { return };
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for (a, b) in Side::A.addresses().into_iter().zip(Side::B.addresses()) {
                let mut engine = bound(&pair, Side::A, a);
                let mut venue = bound(&pair, Side::B, b);
                let (to, from) = (venue.local_addr().unwrap(), engine.local_addr().unwrap());
                for size in [0, 1, 64, 1200, 1452, 30_000] {
                    let bytes = vec![size as u8; size];
                    engine.send_to(&bytes, to).await.unwrap();
                    let datagram = in_time(venue.recv()).await.unwrap();
                    assert_eq!((&datagram[..], datagram.source()), (&bytes[..], Some(from)));
                    assert_eq!(datagram.destination(), Some(b));
                    let interface = pair.interface(Side::B).index();
                    assert_eq!(datagram.interface(), Some(interface));
                    venue.send_to(&datagram, from).await.unwrap();
                    assert_eq!(in_time(engine.recv()).await.unwrap()[..], bytes);
                }
            }
        });
    });
}

#[test]
fn datagrams_go_on_when_a_cut_link_is_back() {
    let Some(pair) = Pair::new() else { return };
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for (a, b) in Side::A.addresses().into_iter().zip(Side::B.addresses()) {
                let engine = bound(&pair, Side::A, a);
                let mut venue = bound(&pair, Side::B, b);
                let to = venue.local_addr().unwrap();
                get_through(&engine, to, &mut venue).await;
                pair.cut();
                for _ in 0..10 {
                    match engine.try_send(b"lost", Some(to)) {
                        Ok(()) => {}
                        Err(error) => {
                            let unreachable = ErrorKind::NetworkUnreachable;
                            assert_eq!(error.kind(), unreachable, "of {to}: {error}");
                        }
                    }
                }
                let silence = timeout(Duration::from_millis(20), venue.recv()).await;
                assert!(silence.is_err(), "{silence:?}");
                pair.mend();
                get_through(&engine, to, &mut venue).await;
            }
        });
    });
}

#[test]
fn a_destination_without_a_route_is_an_error_that_names_it_so() {
    let Some(pair) = Pair::new() else { return };
    on_each_driver(|builder| {
        block_on(builder, async {
            for (own, foreign) in Side::A.addresses().into_iter().zip(["192.0.2.1", "2001:db8::1"])
            {
                let socket = bound(&pair, Side::A, own);
                let to = SocketAddr::new(foreign.parse().unwrap(), 9);
                let error = socket.send_to(b"anybody?", to).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NetworkUnreachable, "{error}");
                let error = socket.connect(to).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NetworkUnreachable, "{error}");
            }
        });
    });
}

#[test]
fn an_address_that_is_gone_refuses_new_sockets_and_comes_back_to_old_ones() {
    let Some(pair) = Pair::new() else { return };
    on_each_driver(|builder| {
        block_on(builder, async {
            let (own, prefix) = (Side::B.v4(), 24);
            let engine = bound(&pair, Side::A, Side::A.v4());
            let mut venue = bound(&pair, Side::B, own);
            let to = venue.local_addr().unwrap();
            get_through(&engine, to, &mut venue).await;

            pair.ip(Side::B, &format!("address delete {own}/{prefix} dev {DEVICE}"));
            let refused = pair.inside(Side::B, || UdpSocket::bind((own, 0).into())).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::AddrNotAvailable, "{refused}");
            assert!(refused.to_string().contains(&own.to_string()), "{refused}");
            let unsent = venue.send_to(b"from nowhere", (Side::A.v4(), 9).into()).await;
            assert_eq!(unsent.unwrap_err().kind(), ErrorKind::NetworkUnreachable);

            pair.ip(Side::B, &format!("address add {own}/{prefix} dev {DEVICE}"));
            pair.ip(Side::B, &format!("route replace 224.0.0.0/4 dev {DEVICE}"));
            get_through(&engine, to, &mut venue).await;
        });
    });
}
