//! Any bytes as a chunked body: the same payload and verdict however they are cut, and a body that
//! is taken reads the same after it was written again.
#![no_main]

#[path = "../../tests/wire/pieces.rs"]
#[allow(dead_code, reason = "only a part of it is used here")]
mod pieces;
#[path = "../../tests/wire/second_opinion.rs"]
#[allow(dead_code, reason = "only a part of it is used here")]
mod second_opinion;

use libfuzzer_sys::fuzz_target;
use pieces::{byte_by_byte, chunked};
use taut_proto::http::wire::{ChunkLimits, write_chunk, write_last_chunk};

fuzz_target!(|input: &[u8]| {
    let Some((&cut, bytes)) = input.split_first() else { return };
    let limits = ChunkLimits {
        line_bytes_max: 32,
        extension_bytes_max: 48,
        trailer_bytes_max: 128,
        trailers_max: 4,
    };
    let whole = chunked(bytes, &[], limits);
    assert_eq!(chunked(bytes, &[bytes.len().min(cut.into())], limits), whole);
    assert_eq!(chunked(bytes, &byte_by_byte(bytes), limits), whole);
    second_opinion::on_trailers(bytes, limits);
    if whole.outcome != Ok(true) {
        return;
    }
    let mut again = Vec::new();
    write_chunk(&mut again, &whole.payload);
    let trailers = whole.trailers.iter().map(|(name, value)| (name.as_bytes(), &value[..]));
    write_last_chunk(&mut again, trailers).unwrap();
    let body_bytes = again.len();
    again.extend_from_slice(b"GET / HTTP/1.1\r\n");
    let reread = chunked(&again, &[], ChunkLimits::default());
    assert_eq!(reread.outcome, Ok(true));
    assert_eq!(reread.body_bytes, body_bytes, "not a byte of the next message");
    assert_eq!((reread.payload, reread.trailers), (whole.payload, whole.trailers));
});
