//! Which part of the file is whose: known to the writing process only, under one lock.
//!
//! Invariant: parts don't overlap, and each has one holder at most. The file grows by records and
//! never takes one back; a part that was given back is handed out again under its old records.

use crate::buckets::Buckets;
use crate::format::{PAGE_BYTES, RawRecord, WORD_BYTES};
use crate::value::{Kind, Spec};

/// Values of users stand on cache lines of their own: nobody knows which core writes to which.
pub(crate) const LINE_BYTES: u64 = 64;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Registry {
    /// Where the next part begins, in bytes.
    pub(crate) next_offset: u64,
    pub(crate) blocks: Vec<BlockPart>,
    pub(crate) values: Vec<ValuePart>,
    /// Bytes of all distributions.
    pub(crate) recorder_bytes: u64,
    /// Blocks that were given back so far.
    pub(crate) endings: u64,
}

/// What one core writes to.
#[derive(Debug)]
pub(crate) struct BlockPart {
    pub(crate) first_word: usize,
    pub(crate) specs: &'static [Spec],
    pub(crate) taken: bool,
    /// In which order blocks were given back.
    pub(crate) ending: u64,
}

/// A value, or a distribution, by itself.
#[derive(Debug)]
pub(crate) struct ValuePart {
    pub(crate) record: RawRecord,
    pub(crate) taken: bool,
}

impl Registry {
    pub(crate) fn new(next_offset: u64) -> Self {
        Self { next_offset, blocks: Vec::new(), values: Vec::new(), recorder_bytes: 0, endings: 0 }
    }

    /// Where a part of so many words comes, for which there has to be room.
    pub(crate) fn place(&self, words: usize, alignment: u64) -> Place {
        let offset = self.next_offset.next_multiple_of(alignment);
        Place { offset, bytes: (words as u64 * WORD_BYTES).next_multiple_of(alignment) }
    }

    /// The block of these values that was given back first.
    pub(crate) fn oldest_block(&self, specs: &'static [Spec]) -> Option<usize> {
        let free = |(_, block): &(usize, &BlockPart)| !block.taken && block.specs == specs;
        let blocks = self.blocks.iter().enumerate().filter(free);
        blocks.min_by_key(|(_, block)| block.ending).map(|(index, _)| index)
    }

    pub(crate) fn find(&self, owner: u32, label: &str) -> Option<usize> {
        let same = |part: &ValuePart| part.record.owner == owner && part.record.label == label;
        self.values.iter().position(same)
    }

    pub(crate) fn count(&self, distributions: bool) -> usize {
        let counted = |part: &&ValuePart| (part.record.kind == Kind::Distribution) == distributions;
        self.values.iter().filter(counted).count()
    }
}

/// A part of the file that is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

impl Place {
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.bytes
    }

    pub(crate) fn first_word(&self) -> usize {
        (self.offset / WORD_BYTES) as usize
    }
}

/// What is asked for of a value by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) owner: u32,
    pub(crate) label: &'a str,
    pub(crate) kind: Kind,
    pub(crate) unit: &'a str,
    pub(crate) buckets: Option<Buckets>,
}

impl Wanted<'_> {
    pub(crate) fn words(&self) -> usize {
        self.buckets.map_or(1, |buckets| buckets.counts() + 1)
    }

    /// Large ones begin a page, so that their memory lies where the core is that asked for them.
    pub(crate) fn alignment(&self) -> u64 {
        if self.buckets.is_some() { PAGE_BYTES } else { LINE_BYTES }
    }

    pub(crate) fn is_what(&self, record: &RawRecord) -> bool {
        (self.kind, self.unit, self.buckets) == (record.kind, record.unit.as_str(), record.buckets)
    }
}
