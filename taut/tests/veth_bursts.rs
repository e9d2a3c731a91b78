//! Bursts across a device, into sockets and runtimes with the defaults.

mod common;

use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};
use std::sync::mpsc;
use std::time::Duration;

use common::netns::{Pair, Side};
use common::{block_on, in_time, on_each_driver_and_wait};
use taut::net::UdpSocket;

const BURST: u32 = 1024;
const BURSTS: u32 = 24;
const PAYLOAD: usize = 200;

/// Sends a burst each time it is told to, from a thread of its own in A.
fn sender(pair: &Pair, to: SocketAddr, go: &mpsc::Receiver<()>) {
    // By the route for groups, which leads to the device.
    let socket = pair.inside(Side::A, || StdSocket::bind((Side::A.v4(), 0)).unwrap());
    let mut payload = [0x5a; PAYLOAD];
    let mut number = 0_u32;
    while go.recv().is_ok() {
        for _ in 0..BURST {
            payload[..4].copy_from_slice(&number.to_ne_bytes());
            socket.send_to(&payload, to).unwrap();
            number += 1;
        }
    }
}

#[test]
fn nothing_is_lost_of_many_bursts_to_a_group() {
    let Some(pair) = Pair::new() else { return };
    let group: IpAddr = "233.252.0.77".parse().unwrap();
    on_each_driver_and_wait(|builder| {
        let (port, at) = mpsc::channel();
        let (go, told) = mpsc::channel();
        std::thread::scope(|scope| {
            let pair = &pair;
            scope.spawn(move || sender(pair, at.recv().unwrap(), &told));
            block_on(builder, async move {
                let any = "0.0.0.0:0".parse().unwrap();
                let mut socket = pair.inside(Side::B, || UdpSocket::bind(any).unwrap());
                socket.join(group, pair.interface(Side::B)).unwrap();
                port.send((group, socket.local_addr().unwrap().port()).into()).unwrap();
                for burst in 0..BURSTS {
                    go.send(()).unwrap();
                    for number in burst * BURST..(burst + 1) * BURST {
                        let datagram = in_time(socket.recv()).await.unwrap();
                        assert_eq!(datagram.len(), PAYLOAD);
                        let came = u32::from_ne_bytes(datagram[..4].try_into().unwrap());
                        assert_eq!(came, number, "the kernel dropped {:?}", socket.kernel_drops());
                    }
                    // Let the core fall asleep before some of them.
                    if burst % 8 == 0 {
                        taut::time::sleep(Duration::from_millis(1)).await.unwrap();
                    }
                }
                assert_eq!(socket.kernel_drops().unwrap(), 0);
            });
        });
    });
}
