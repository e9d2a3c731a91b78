//! Connections that are reset at each state: an error, and nothing is left behind. A process of its
//! own: descriptors are counted.

mod common;

use std::time::Duration;

use common::held::Held;
use common::ws::{client_of_raw, frame, millis, options, server_of_raw};
use common::{in_time, on_each_driver, turns, until, until_open};
use taut::time::sleep;
use taut::ws::{CloseCode, Options, Role};

/// One that is reset after its peer has said `script`, and after a close frame of its own.
async fn reset_after(role: Role, script: &[u8], has_closed: bool, hasty: &Options) {
    let (mut raw, mut socket) = match role {
        Role::Server => server_of_raw(hasty).await,
        Role::Client => {
            let (socket, raw) = client_of_raw(hasty).await;
            (raw, socket)
        }
    };
    if has_closed {
        socket.outbox().queue_close(CloseCode::NORMAL, "").unwrap();
        socket.flush().await.unwrap();
    }
    raw.write_all(script).await.unwrap();
    turns(3).await;
    raw.set_linger(Some(Duration::ZERO)).unwrap();
    drop(raw);
    let end = loop {
        match socket.next().await {
            Ok(Some(_)) => {}
            Ok(None) => break true,
            Err(error) => {
                assert!(error.violation().is_none(), "{error}");
                break false;
            }
        }
    };
    let peer_has = socket.peer_close().is_some();
    assert!(end || !peer_has, "what came before the reset is read: {}", script.escape_ascii());
    if !has_closed {
        assert_eq!(end, peer_has, "{}", script.escape_ascii());
    }
    assert!(socket.next().await.unwrap().is_none(), "once");
    // Whatever it says, it comes to its end: the peer is gone.
    let _ended = socket.close(CloseCode::NORMAL, "").await;
}

#[test]
fn resets_at_every_state_are_errors_and_leave_nothing_behind() {
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        let hasty = options(|options| options.close_timeout = millis(50));
        for (role, peer) in [(Role::Server, Role::Client), (Role::Client, Role::Server)] {
            let script = [
                frame(peer, 0x81, b"a"),
                frame(peer, 0x01, b"b"),
                frame(peer, 0x89, b"c"),
                frame(peer, 0x80, b"d"),
                frame(peer, 0x88, b"\x03\xE8"),
            ]
            .concat();
            let round = |script: &[u8], has_closed| {
                runtime.block_on(in_time(reset_after(role, script, has_closed, &hasty)));
            };
            round(&script, false);
            runtime.block_on(async { sleep(millis(120)).await }).unwrap();
            let before = Held::now(&runtime);
            for has_closed in [false, true] {
                for end in 0..=script.len() {
                    round(&script[..end], has_closed);
                }
            }
            runtime.block_on(async { sleep(millis(120)).await }).unwrap();
            runtime.block_on(until(|| runtime.counters().tasks_live <= 1));
            until_open(before.descriptors);
            assert_eq!(Held::now(&runtime), before);
        }
    });
}
