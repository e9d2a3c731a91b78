//! All values of a file as a reader has seen them, found by owner and label.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::distribution::Distribution;
use crate::file::BLOCK_NAME_LABEL;
use crate::format::RawRecord;
use crate::value::Kind;

/// The values of a file, each as it stood when it was read, one after the other.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(crate) at_ns: u64,
    pub(crate) closed: bool,
    pub(crate) damaged_records: u64,
    pub(crate) values: Vec<SnapshotValue>,
}

/// One value of a [`Snapshot`].
#[derive(Clone, Debug)]
pub struct SnapshotValue {
    pub(crate) record: Arc<RawRecord>,
    pub(crate) reading: Reading,
}

/// What stood there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reading {
    /// One word.
    Number(u64),
    /// A text; what is no printable text in it is replaced.
    Text(String),
    /// Counts by size.
    Distribution(Distribution),
}

impl Snapshot {
    /// When it was begun, in nanoseconds of `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn at_ns(&self) -> u64 {
        self.at_ns
    }

    /// Whether the writer said that it counts no more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Records that make no sense, and were left out: of a damaged file.
    #[must_use]
    pub fn damaged_records(&self) -> u64 {
        self.damaged_records
    }

    /// All values, in the order in which they came to the file.
    #[must_use]
    pub fn values(&self) -> &[SnapshotValue] {
        &self.values
    }

    /// The owners of values: 0 for the process itself, the others for blocks of cores.
    #[must_use]
    pub fn owners(&self) -> BTreeSet<u32> {
        self.values.iter().map(SnapshotValue::owner).collect()
    }

    /// The values of one owner.
    pub fn of_owner(&self, owner: u32) -> impl Iterator<Item = &SnapshotValue> {
        self.values.iter().filter(move |value| value.owner() == owner)
    }

    /// One value; the first one, where a damaged file has several.
    #[must_use]
    pub fn value(&self, owner: u32, label: &str) -> Option<&SnapshotValue> {
        self.of_owner(owner).find(|value| value.label() == label)
    }

    /// One value that is a number.
    #[must_use]
    pub fn number(&self, owner: u32, label: &str) -> Option<u64> {
        self.value(owner, label).and_then(SnapshotValue::number)
    }

    /// One value that is a distribution.
    #[must_use]
    pub fn distribution(&self, owner: u32, label: &str) -> Option<&Distribution> {
        self.value(owner, label).and_then(SnapshotValue::distribution)
    }

    /// What a block is called.
    #[must_use]
    pub fn name(&self, owner: u32) -> Option<&str> {
        match &self.value(owner, BLOCK_NAME_LABEL)?.reading {
            Reading::Text(name) => Some(name),
            _ => None,
        }
    }
}

impl SnapshotValue {
    /// 0 for the process itself, another number for the block of a core.
    #[must_use]
    pub fn owner(&self) -> u32 {
        self.record.owner
    }

    /// What it is called.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.record.label
    }

    /// How it is to be read.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.record.kind
    }

    /// What one of it is; may be empty.
    #[must_use]
    pub fn unit(&self) -> &str {
        &self.record.unit
    }

    /// What stood there.
    #[must_use]
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// The number that stood there.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        match &self.reading {
            Reading::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The counts that stood there.
    #[must_use]
    pub fn distribution(&self) -> Option<&Distribution> {
        match &self.reading {
            Reading::Distribution(distribution) => Some(distribution),
            _ => None,
        }
    }
}
