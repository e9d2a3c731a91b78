//! A TCP transfer across a device whose link is cut and comes back.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::netns::{Pair, Side};
use common::{Random, block_on, in_time, on_each_driver};
use taut::net::{TcpListener, TcpSocket, TcpStream};
use taut::time::sleep;

const BYTES: usize = 8 << 20;

async fn connected(pair: &Pair, to: SocketAddr) -> (TcpStream, TcpStream) {
    let listener = pair.inside(Side::B, || TcpListener::bind(to).unwrap());
    let address = listener.local_addr().unwrap();
    let socket = pair.inside(Side::A, || TcpSocket::for_address(address).unwrap());
    let client = in_time(socket.connect(address)).await.unwrap();
    (client, in_time(listener.accept()).await.unwrap())
}

#[test]
fn a_transfer_goes_on_where_it_was_when_the_link_is_back() {
    let Some(pair) = Pair::new() else { return };
    on_each_driver(|builder| {
        block_on(builder, async {
            for address in Side::B.addresses() {
                let (mut client, mut server) = connected(&pair, (address, 0).into()).await;
                let sent = Random::new(7).bytes(BYTES);
                let expected = sent.clone();
                let writer = taut::spawn(async move { client.write_all(&sent).await });
                let mut received = Vec::new();
                for cut_at in [BYTES / 4, BYTES / 2] {
                    while received.len() < cut_at {
                        received.extend_from_slice(&in_time(server.recv()).await.unwrap());
                    }
                    pair.cut();
                    sleep(Duration::from_millis(50)).await.unwrap();
                    pair.mend();
                }
                in_time(server.read_to_end(&mut received)).await.unwrap();
                assert!(received == expected, "every byte, in order");
                writer.await.unwrap().unwrap();
            }
        });
    });
}
