//! A connection in its stride allocates nothing for a message, plain and over TLS.

mod common;

use common::allocations::{Counting, allocations};
use common::tls::{VERSIONS, ends, tls_pair};
use common::ws::{options, pair};
use common::{block_on, on_each_driver};
use taut::net::{StampedBy, Transport};
use taut::spawn;
use taut::ws::{CloseCode, Opcode, Options, Role, WebSocket};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Answers each message, by each of the ways to read and to write.
async fn serve<T: Transport + 'static>(mut server: WebSocket<T>) {
    for round in 0_u64.. {
        if round % 2 == 0 {
            let Some(message) = server.next().await.unwrap() else { return };
            server.send_binary(message.as_bytes()).await.unwrap();
        } else {
            let count = server.for_each_ready(|item, outbox| {
                let bytes = item.as_bytes();
                let mut room = outbox.reserve(Opcode::Binary, bytes.len())?;
                room.copy_from_slice(bytes);
                room.commit(bytes.len());
                Ok(())
            });
            if count.await.unwrap() == 0 {
                return;
            }
        }
    }
}

async fn ask<T: Transport + 'static>(client: &mut WebSocket<T>, data: &[u8], rounds: usize) {
    for round in 0..rounds {
        if round % 2 == 0 {
            client.send_binary(data).await.unwrap();
            let back = client.next().await.unwrap().unwrap();
            assert!(back.as_bytes() == data);
        } else {
            client.outbox().queue_binary(data).unwrap();
            let visit = client.for_each_ready(|item, _| {
                assert!(item.as_bytes() == data);
                Ok(())
            });
            assert_eq!(visit.await.unwrap(), 1);
        }
    }
}

async fn assert_nothing<T: Transport + 'static>(client: WebSocket<T>, server: WebSocket<T>) {
    let mut client = client;
    let server = spawn(serve(server));
    for (bytes, rounds) in [(64, 3000), (1500, 1000)] {
        let data = vec![7; bytes];
        ask(&mut client, &data, rounds).await;
        assert_eq!(allocations(ask(&mut client, &data, rounds)).await, 0, "{bytes} B");
    }
    client.close(CloseCode::NORMAL, "").await.unwrap();
    server.await.unwrap();
}

#[test]
fn a_steady_exchange_allocates_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let stamped = options(|options| options.receive_timestamps = Some(StampedBy::Kernel));
            for options in [Options::default(), stamped] {
                let (client, server) = pair(&options).await;
                assert_nothing(client, server).await;
            }
        });
    });
}

#[test]
fn a_steady_exchange_over_tls_allocates_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for version in VERSIONS {
                let (connector, acceptor) = ends(version);
                let (client, server) = tls_pair(&connector, &acceptor).await;
                let client = WebSocket::over(client, Role::Client, &Options::default(), None);
                let server = WebSocket::over(server, Role::Server, &Options::default(), None);
                assert_nothing(client, server).await;
            }
        });
    });
}
