//! What compressed messages cost of memory.

use taut_proto::ws::wire::{Decoded, Decoder, Deflate, Encoder, MessageLimits, Unit};
use taut_proto::ws::{DeflateOptions, Opcode, Role};
use taut_runtime::buffer::RxBufMut;

use crate::agreements::agree;
use crate::frames::decoder;

#[path = "../../../taut/tests/common/allocations.rs"]
#[allow(dead_code, reason = "only a part of it is used here")]
mod counting;

pub(crate) use counting::live_bytes;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// Calls of the allocator that the work makes.
fn calls(work: impl FnOnce()) -> u64 {
    let mut counted = 0;
    let counting = counting::allocations(async { work() });
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    if let std::task::Poll::Ready(calls) = std::pin::pin!(counting).poll(&mut context) {
        counted = calls;
    }
    counted
}

#[test]
fn a_connection_in_its_stride_compresses_and_inflates_without_allocating() {
    let text = |id: usize| format!(r#"{{"e":"trade","s":"BTCUSDT","t":{id:08},"p":"67123.40"}}"#);
    for context in [true, false] {
        for repeats in [1, 20, 2000] {
            let want = DeflateOptions::default().send_context(context).receive_context(context);
            let (of_client, of_server) = agree(want);
            let mut deflate = Deflate::new(&of_server).unwrap();
            let mut encoder = Encoder::new(Role::Server);
            let mut decoder = decoder(Role::Client, &of_client, MessageLimits::default());
            // The bytes that come are a buffer of the test's own, made before it is counted.
            let mut round = |id: usize| {
                let text = text(id).repeat(repeats);
                let sending = calls(|| {
                    if !deflate.message(&mut encoder, Opcode::Text, &[text.as_bytes()]) {
                        encoder.frame(Opcode::Text, true, false, text.as_bytes());
                    }
                });
                let landed = RxBufMut::from(encoder.unsent().to_vec());
                encoder.sent(encoder.unsent().len());
                decoder.push(landed);
                let mut is_same = false;
                let receiving = calls(|| {
                    let Ok(Some(Decoded::Data(data))) = decoder.decode(Unit::Message) else {
                        panic!("a message");
                    };
                    is_same = decoder.payload(&data) == text.as_bytes();
                });
                assert!(is_same && matches!(decoder.decode(Unit::Message), Ok(None)));
                (sending, receiving)
            };
            // Some of them go as they are, which needs more room: memory grows to all of them once.
            for id in 1..50 {
                round(id);
            }
            for id in 1..50 {
                // Two for the buffer that goes back, which the test made.
                let (sending, receiving) = round(id);
                assert_eq!(sending, 0, "context {context}, {repeats}, message {id}");
                assert!(receiving <= 2, "context {context}, {repeats}, message {id}: {receiving}");
            }
        }
    }
}

#[test]
fn an_idle_connection_without_context_holds_no_stream() {
    let want = DeflateOptions::default().receive_context(false);
    let (of_client, _) = agree(want);
    let message = [0xC1, 0x07, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    let receive = |decoder: &mut Decoder| {
        decoder.push(RxBufMut::from(message.to_vec()));
        assert!(matches!(decoder.decode(Unit::Message), Ok(Some(_))));
        assert!(matches!(decoder.decode(Unit::Message), Ok(None)));
    };
    let mut first = decoder(Role::Client, &of_client, MessageLimits::default());
    receive(&mut first);
    let before = live_bytes();
    let others: Vec<_> = (0..100)
        .map(|_| {
            let mut other = decoder(Role::Client, &of_client, MessageLimits::default());
            receive(&mut other);
            other
        })
        .collect();
    let each = (live_bytes() - before) / 100;
    assert!(each < 6 << 10, "{each} bytes each: the message, and no window");
    drop(others);
}
