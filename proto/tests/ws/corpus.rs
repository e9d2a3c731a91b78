//! What the fuzz targets begin with, on every toolchain.

use std::path::Path;

use taut_proto::ws::MessageLimits;
use taut_runtime::{Driver, Runtime};

use crate::frames::READERS;
use crate::handshakes;
use crate::pieces::same_at_every_cut;
use crate::second_opinion::compare;

/// What is kept for a target.
fn inputs(target: &str) -> impl Iterator<Item = Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).expect("the corpus is part of the repository");
    files.map(|file| std::fs::read(file.unwrap().path()).unwrap())
}

#[test]
fn every_kept_stream_has_one_verdict() {
    let (mut streams, mut messages) = (0, 0);
    for input in inputs("ws_frames") {
        let [steering, _, bytes @ ..] = &*input else { continue };
        let reader = READERS[usize::from(steering & 1)];
        let limits = MessageLimits::default().message_bytes_max(300).fragments_max(4);
        messages += same_at_every_cut(bytes, reader, limits).events.len();
        compare(bytes, reader, limits);
        streams += 1;
    }
    assert!(streams > 10 && messages > 10, "{streams} streams, {messages} messages");
}

#[test]
fn every_kept_handshake_has_one_verdict() {
    for driver in [Driver::Uring, Driver::Epoll] {
        let runtime = match Runtime::builder().driver(driver).build() {
            Ok(runtime) => runtime,
            Err(error) => {
                assert_eq!(driver, Driver::Uring, "epoll always works: {error}");
                eprintln!("SKIPPED on {driver:?}: {error}");
                continue;
            }
        };
        let verdicts: Vec<_> =
            inputs("ws_handshake").filter_map(|it| handshakes::check(&runtime, &it)).collect();
        let agreed = verdicts.iter().filter(|verdict| verdict.is_agreed).count();
        assert!(agreed > 5 && verdicts.len() - agreed > 5, "{agreed} of {}", verdicts.len());
    }
}
