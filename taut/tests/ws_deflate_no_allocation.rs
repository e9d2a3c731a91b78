//! A steady connection with compressed messages allocates nothing, with contexts and without.

mod common;

use common::allocations::{Counting, allocations};
use common::ws_deflate::{pair_agreed, trade};
use common::{block_on, on_each_driver};
use taut::net::TcpStream;
use taut::spawn;
use taut::ws::{CloseCode, DeflateOptions, Options, WebSocket};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

async fn echo(mut server: WebSocket<TcpStream>) {
    while server
        .for_each_ready(|item, outbox| outbox.queue_text(item.as_str().unwrap()))
        .await
        .unwrap()
        > 0
    {}
}

async fn ask(client: &mut WebSocket<TcpStream>, text: &str, rounds: usize) {
    for _ in 0..rounds {
        client.send_text(text).await.unwrap();
        let back = client.next().await.unwrap().unwrap();
        assert_eq!(back.as_str(), Some(text));
    }
}

#[test]
fn a_steady_echo_allocates_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for context in [true, false] {
                for (repeats, rounds) in [(1, 2000), (20, 500), (2000, 50)] {
                    let want = DeflateOptions::default();
                    let want = want.send_context(context).receive_context(context);
                    let (mut client, server) = pair_agreed(&Options::default(), want).await;
                    let server = spawn(echo(server));
                    let text = trade(repeats).repeat(repeats);
                    ask(&mut client, &text, rounds).await;
                    let calls = allocations(ask(&mut client, &text, rounds)).await;
                    client.close(CloseCode::NORMAL, "").await.unwrap();
                    server.await.unwrap();
                    assert_eq!(calls, 0, "context {context}, {} bytes", text.len());
                }
            }
        });
    });
}
