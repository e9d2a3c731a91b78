//! Connections that are reset at each state: an error, and nothing is left behind. A process of its
//! own: descriptors are counted.

mod common;

use std::time::Duration;

use common::held::Held;
use common::ws::{frame, millis, options, server_of_raw};
use common::{in_time, on_each_driver, turns, until, until_open};
use taut::time::sleep;
use taut::ws::Role;

#[test]
fn resets_at_every_state_are_errors_and_leave_nothing_behind() {
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        let hasty = options(|options| options.close_timeout = millis(50));
        let round = |script: &[u8]| {
            runtime.block_on(in_time(async {
                let (mut raw, mut server) = server_of_raw(&hasty).await;
                raw.write_all(script).await.unwrap();
                turns(3).await;
                raw.set_linger(Some(Duration::ZERO)).unwrap();
                drop(raw);
                let mut messages = 0;
                let end = loop {
                    match server.next().await {
                        Ok(Some(_)) => messages += 1,
                        Ok(None) => break true,
                        Err(_) => break false,
                    }
                };
                let has_closed = server.peer_close().is_some();
                assert_eq!(end, has_closed, "{messages} messages: {}", script.escape_ascii());
                drop(server);
            }));
        };
        let script = [
            frame(Role::Client, 0x81, b"a"),
            frame(Role::Client, 0x01, b"b"),
            frame(Role::Client, 0x89, b"c"),
            frame(Role::Client, 0x80, b"d"),
            frame(Role::Client, 0x88, b"\x03\xE8"),
        ]
        .concat();
        round(&script);
        runtime.block_on(async { sleep(millis(120)).await }).unwrap();
        let before = Held::now(&runtime);
        for end in 0..=script.len() {
            round(&script[..end]);
        }
        runtime.block_on(async { sleep(millis(120)).await }).unwrap();
        runtime.block_on(until(|| runtime.counters().tasks_live <= 1));
        until_open(before.descriptors);
        assert_eq!(Held::now(&runtime), before);
    });
}
