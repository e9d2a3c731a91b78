//! The works of the role `codec` by `taut::ws::wire`.
//!
//! What is decoded is unmasked and validated in a vector that is new for each chunk; in a
//! connection it is a receive slot, which costs nothing to get; so the vector's memory stays with the
//! process.

use std::hint::black_box;
use std::rc::Rc;
use std::time::Instant;

use taut::ws::wire::{Data, Decoded, Decoder, Encoder, Unit};
use taut::ws::{MessageLimits, Opcode, Role};
use taut::{Driver, Runtime, WaitStrategy};

use super::load::{Kind, WORKS, Work};
use crate::work::{Batch, Offer};

/// All works. The runtime is for the keys that a client masks with; no driver has anything to do.
pub(super) fn offer(core: usize) -> Result<Offer, String> {
    let builder = Runtime::builder().core(core).wait(WaitStrategy::Spin).driver(Driver::Epoll);
    let runtime = Rc::new(builder.build().map_err(|error| error.to_string())?);
    let batch = |work: &Work| match work.kind {
        Kind::ServerDecodes(_) => decode(work, Role::Server),
        Kind::ClientDecodes(_) => decode(work, Role::Client),
        Kind::ClientEncodes => encode(work, Rc::clone(&runtime)),
    };
    let works = WORKS.iter().map(|work| (work.name, batch(work))).collect();
    let settings = "Decoder and Encoder, text validated, a new vector for each chunk".to_owned();
    Ok(Offer { settings, works })
}

fn decode(work: &Work, role: Role) -> Batch {
    let (chunk, bytes) = (work.chunk(), work.bytes);
    let mut decoder = Decoder::new(role, MessageLimits::default());
    Box::new(move |operations| {
        let started = Instant::now();
        for _ in 0..operations {
            let data = next(&mut decoder, &chunk)?;
            let payload = black_box(decoder.payload(&data));
            if payload.len() != bytes || !data.is_valid_text {
                return Err(format!("a text of {bytes} B became {} B of {data:?}", payload.len()));
            }
        }
        Ok(started.elapsed().as_nanos() as u64)
    })
}

#[inline(always)]
fn next(decoder: &mut Decoder, chunk: &[u8]) -> Result<Data, String> {
    loop {
        match decoder.decode(Unit::Message) {
            Ok(Some(Decoded::Data(data))) => return Ok(data),
            Ok(None) => decoder.push(black_box(chunk).to_vec()),
            other => return Err(format!("frames of text became {other:?}")),
        }
    }
}

fn encode(work: &Work, runtime: Rc<Runtime>) -> Batch {
    let (text, messages) = (work.text(), work.chunk_messages());
    let mut encoder = Encoder::new(Role::Client);
    Box::new(move |operations| {
        runtime.block_on(async {
            let started = Instant::now();
            let mut left = operations as usize;
            while left > 0 {
                for _ in 0..left.min(messages) {
                    encoder.frame(Opcode::Text, true, false, black_box(text.as_bytes()));
                }
                left -= left.min(messages);
                let unsent = black_box(encoder.unsent()).len();
                encoder.sent(unsent);
            }
            Ok(started.elapsed().as_nanos() as u64)
        })
    })
}
