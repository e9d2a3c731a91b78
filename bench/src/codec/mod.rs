//! Our own subjects in the role `codec`: frames of WebSocket in memory, without a socket.
//!
//! `taut-bench codec KIND` answers lines of work as the subjects of the role `micro` do; see
//! `bench/SUBJECTS.md`. Each batch goes over frames that are copied from the same memory, which
//! stands for the kernel.

mod load;
mod on_taut;

use std::hint::black_box;
use std::time::Instant;

use clap::{Args, ValueEnum};

use crate::harness::cores;
use crate::sys::keep_freed_memory;
use crate::work::{self, Batch, Offer};

pub(crate) use load::WORKS;
use load::{Kind, Work};

/// The kinds of subject, by the names of their series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CodecKind {
    /// The copies alone.
    Floor,
    /// `taut::ws::wire`.
    Taut,
}

impl CodecKind {
    pub(crate) const ALL: [Self; 2] = [Self::Floor, Self::Taut];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Taut => "taut",
        }
    }
}

/// The command line of `codec`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Which subject.
    kind: CodecKind,

    /// The core that it runs on.
    #[arg(long)]
    core: usize,
}

/// Answers until standard input ends.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    cores::pin(options.core)?;
    keep_freed_memory();
    work::answer_all(match options.kind {
        CodecKind::Floor => floor(),
        CodecKind::Taut => on_taut::offer(options.core)?,
    })
}

fn floor() -> Offer {
    let works = WORKS.iter().map(|work| (work.name, copies(work)));
    Offer { settings: "the bytes are copied, and not looked at".to_owned(), works: works.collect() }
}

/// Copies as much as whoever decodes is given, or whoever encodes sends.
fn copies(work: &Work) -> Batch {
    let chunk = match work.kind {
        Kind::ClientEncodes => work.text().into_bytes(),
        _ => work.chunk(),
    };
    let messages = if work.kind == Kind::ClientEncodes { 1 } else { work.chunk_messages() as u64 };
    let mut copy = Vec::with_capacity(chunk.len());
    Box::new(move |operations| {
        let started = Instant::now();
        for _ in 0..operations.div_ceil(messages) {
            copy.clear();
            copy.extend_from_slice(black_box(&chunk));
            black_box(&copy);
        }
        Ok(started.elapsed().as_nanos() as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use taut::ws::Role;
    use taut::ws::wire::FrameHeader;

    #[test]
    fn every_work_is_valid_text_of_its_size_in_frames_of_its_direction() {
        for work in WORKS.iter().filter(|work| work.kind != Kind::ClientEncodes) {
            let role = if work.is_of_server() { Role::Server } else { Role::Client };
            let chunk = work.chunk();
            let (header, header_bytes) = FrameHeader::read(&chunk, role, false).unwrap().unwrap();
            assert_eq!(header.payload_bytes, work.bytes as u64, "{}", work.name);
            assert_eq!(work.text().len(), work.bytes, "{}", work.name);
            let frames = work.chunk_messages();
            assert_eq!(chunk.len(), frames * (header_bytes + work.bytes), "{}", work.name);
        }
    }

    #[test]
    fn both_kinds_do_every_work() {
        for offer in [floor(), on_taut::offer(0).unwrap()] {
            let mut offer = offer;
            assert_eq!(offer.works.len(), WORKS.len());
            for (name, batch) in &mut offer.works {
                batch(10).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }
}
