//! A steady TLS connection allocates nothing, with records that lie in one buffer and with those
//! that span several.

mod common;

use common::allocations::{Counting, allocations};
use common::tls::{Tls, VERSIONS, ends, tls_pair};
use common::{block_on, on_each_driver};
use taut::spawn;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

async fn serve(mut stream: Tls) {
    loop {
        let data = stream.recv().await.unwrap();
        if data.is_empty() {
            return;
        }
        stream.write_all(&data).await.unwrap();
    }
}

async fn ask(client: &mut Tls, memory: &mut [u8], rounds: usize) {
    for round in 0..rounds {
        memory.fill(round as u8);
        client.write_all(memory).await.unwrap();
        client.read_exact(memory).await.unwrap();
        assert!(memory.iter().all(|&byte| byte == round as u8));
    }
}

#[test]
fn a_steady_echo_allocates_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for version in VERSIONS {
                for (bytes, rounds) in [(64, 5000), (1500, 1000), (40_000, 200)] {
                    let (connector, acceptor) = ends(version);
                    let (mut client, server) = tls_pair(&connector, &acceptor).await;
                    let server = spawn(serve(server));
                    let mut memory = vec![0; bytes];
                    ask(&mut client, &mut memory, 2000.min(rounds)).await;
                    let calls = allocations(ask(&mut client, &mut memory, rounds)).await;
                    client.shutdown().await.unwrap();
                    server.await.unwrap();
                    assert_eq!(calls, 0, "{version:?}, {bytes} B");
                }
            }
        });
    });
}
