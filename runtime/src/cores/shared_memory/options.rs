//! What a ring is made of: its kind and its sizes.

use super::error::RingError;

/// Bytes of a message, at most.
pub const SLOT_BYTES_MAX: usize = 1 << 30;

/// Slots of a ring, at most.
pub const CAPACITY_MAX: usize = 1 << 30;

/// Readers of a [`Kind::Broadcast`], at most.
pub const READERS_MAX: usize = 1024;

/// Who reads a ring, and what happens to a slow reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// One reader at a time. Messages wait for it, also while there is none, until the ring is
    /// full; a full ring holds up the writer. Both ends work in place.
    Spsc,
    /// Every message to each reader that is there when it is written. The slowest holds up the
    /// writer; one that dies does not. Both ends work in place.
    Broadcast,
    /// Every message to any number of readers, and the writer never waits: a reader that falls
    /// behind by more than the ring's capacity is told how many messages it lost. A message is
    /// copied once into the ring and once by each reader, since it may be overwritten meanwhile.
    BroadcastLossy,
}

impl Kind {
    pub(super) fn from_number(number: u64) -> Option<Self> {
        [Self::Spsc, Self::Broadcast, Self::BroadcastLossy]
            .into_iter()
            .find(|kind| kind.number() == number)
    }

    pub(super) fn number(self) -> u64 {
        match self {
            Self::Spsc => 1,
            Self::Broadcast => 2,
            Self::BroadcastLossy => 3,
        }
    }
}

/// The kind and the sizes of a [`Ring`](super::Ring), which stand in its file for good.
///
/// ```
/// use taut_runtime::cores::shared_memory::{Kind, Options};
///
/// // Room for 1024 messages of up to 240 bytes, and for 4 readers at once.
/// let options = Options::new(Kind::Broadcast, 240, 1024).readers_max(4);
/// assert_eq!(options.file_bytes(), Some(8192 + 4096 + 1024 * 256));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    pub(super) kind: Kind,
    pub(super) slot_bytes: usize,
    pub(super) capacity: usize,
    pub(super) readers_max: usize,
}

impl Options {
    /// A ring with room for `capacity` messages, each of up to `slot_bytes`. A slot takes 16 bytes
    /// more in memory, rounded up to a power of two or to whole cache lines: 48 bytes fit into one
    /// line with all that belongs to them.
    pub const fn new(kind: Kind, slot_bytes: usize, capacity: usize) -> Self {
        let readers_max = match kind {
            Kind::Spsc => 1,
            Kind::Broadcast => 16,
            // They leave no trace in the file.
            Kind::BroadcastLossy => 0,
        };
        Self { kind, slot_bytes, capacity, readers_max }
    }

    /// Readers of a [`Kind::Broadcast`] at a time, at most. Default: 16. Of no effect for the other
    /// kinds.
    #[must_use]
    pub const fn readers_max(mut self, readers: usize) -> Self {
        if matches!(self.kind, Kind::Broadcast) {
            self.readers_max = readers;
        }
        self
    }

    /// Who reads the ring.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Bytes of a message, at most.
    pub fn slot_bytes(&self) -> usize {
        self.slot_bytes
    }

    /// Messages that the ring has room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn check(&self) -> Result<(), RingError> {
        let readers_min = usize::from(self.kind != Kind::BroadcastLossy);
        let limits = [
            ("slot_bytes", self.slot_bytes, 1, SLOT_BYTES_MAX),
            ("capacity", self.capacity, 1, CAPACITY_MAX),
            ("readers_max", self.readers_max, readers_min, READERS_MAX),
        ];
        for (name, value, min, max) in limits {
            if !(min..=max).contains(&value) {
                let what = format!("{name} is {value}, and has to be {min} to {max}");
                return Err(RingError::Options(what));
            }
        }
        Ok(())
    }
}
