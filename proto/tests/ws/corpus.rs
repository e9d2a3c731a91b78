//! What the fuzz target begins with, on every toolchain.

use taut_proto::ws::MessageLimits;

use crate::frames::READERS;
use crate::pieces::same_at_every_cut;
use crate::second_opinion::compare;

#[test]
fn every_kept_stream_has_one_verdict() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/ws_frames");
    let files = std::fs::read_dir(&folder).expect("the corpus is part of the repository");
    let (mut streams, mut messages) = (0, 0);
    for file in files {
        let input = std::fs::read(file.unwrap().path()).unwrap();
        let [steering, _, bytes @ ..] = &*input else { continue };
        let reader = READERS[usize::from(steering & 1)];
        let limits = MessageLimits::default().message_bytes_max(300).fragments_max(4);
        messages += same_at_every_cut(bytes, reader, limits).events.len();
        compare(bytes, reader, limits);
        streams += 1;
    }
    assert!(streams > 10 && messages > 10, "{streams} streams, {messages} messages");
}
