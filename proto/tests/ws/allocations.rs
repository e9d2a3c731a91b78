//! Messages of a connection in its stride allocate nothing, whatever they are made of.

use std::hint::black_box;

use taut_proto::ws::wire::{Decoded, Decoder, Encoder, Unit};
use taut_proto::ws::{MessageLimits, Opcode, Role};
use taut_runtime::Runtime;
use taut_runtime::buffer::RxBufMut;

use crate::frames::{READERS, frame};

#[path = "../../../taut/tests/common/allocations.rs"]
#[allow(dead_code, reason = "only a part of it is used here")]
pub(crate) mod counting;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// How many messages are in buffers that are there already.
fn decode(decoder: &mut Decoder, buffers: &mut Vec<RxBufMut>) -> usize {
    let mut messages = 0;
    while let Some(buffer) = buffers.pop() {
        decoder.push(buffer);
        while let Some(decoded) = decoder.decode(Unit::Message).unwrap() {
            if let Decoded::Data(data) = decoded {
                black_box(decoder.payload(&data));
                messages += 1;
            }
        }
    }
    messages
}

/// Calls of the allocator to free so many buffers on the heap.
async fn calls_to_free(mut buffers: Vec<RxBufMut>) -> u64 {
    counting::allocations(async { buffers.clear() }).await
}

#[test]
fn decoding_allocates_nothing() {
    let runtime = Runtime::new().unwrap();
    for reader in READERS {
        let bytes = [
            frame(reader, 0x81, "ASCII and é€🚀".as_bytes()),
            frame(reader, 0x82, &[7; 3000]),
            frame(reader, 0x01, b"in "),
            frame(reader, 0x89, b"ping"),
            frame(reader, 0x80, b"pieces"),
        ]
        .concat();
        for piece_bytes in [1, 7, 1000, bytes.len()] {
            let buffers = || -> Vec<RxBufMut> {
                let pieces = bytes.chunks(piece_bytes).rev();
                pieces.map(|piece| RxBufMut::from(piece.to_vec())).collect()
            };
            let mut decoder = Decoder::new(reader, MessageLimits::default());
            runtime.block_on(async {
                let (mut first, mut second) = (buffers(), buffers());
                assert_eq!(decode(&mut decoder, &mut first), 3);
                let calls = counting::allocations(async {
                    assert_eq!(decode(&mut decoder, &mut second), 3);
                    decoder.push(RxBufMut::from(Vec::new()));
                });
                let calls = calls.await;
                let own = calls_to_free(buffers()).await;
                let empty = counting::allocations(async { drop(RxBufMut::from(Vec::new())) });
                assert_eq!(calls, own + empty.await, "{piece_bytes} bytes a piece");
            });
        }
    }
}

#[test]
fn encoding_allocates_nothing() {
    static DATA: [u8; 70_000] = [7; 70_000];

    let runtime = Runtime::new().unwrap();
    for role in [Role::Client, Role::Server] {
        let mut encoder = Encoder::new(role);
        let mut round = || {
            for payload_bytes in [0, 64, 1000, DATA.len()] {
                encoder.frame(Opcode::Binary, true, false, &DATA[..payload_bytes]);
                encoder.reserve(Opcode::Text, payload_bytes).commit(payload_bytes / 2);
            }
            let all = encoder.unsent().len();
            encoder.sent(all / 2);
            encoder.sent(all - all / 2);
        };
        runtime.block_on(async {
            round();
            let calls = counting::allocations(async {
                for _ in 0..100 {
                    round();
                }
            });
            assert_eq!(calls.await, 0);
        });
    }
}
