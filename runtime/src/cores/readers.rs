//! Who reads a ring that gives every item to each, and how far each has come.
//!
//! Each reader that can hold up the sender writes its position to a word in cache lines of its own,
//! which the sender looks at only when the ring seems full. Such a word lasts as long as the ring,
//! since the sender may wait for it to change, and serves a later reader once its own is gone.
//!
//! Cost: 128 bytes for each reader of as many as there ever were at once.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::ring::Padded;
use crate::threads::AtomicU64;

/// In place of a position: this word is free.
const GONE: u64 = u64::MAX;

/// The first position that a reader has not received.
#[derive(Clone, Debug)]
pub(crate) struct Reading(Arc<Padded<AtomicU64>>);

impl Deref for Reading {
    type Target = AtomicU64;

    #[inline]
    fn deref(&self) -> &AtomicU64 {
        &self.0
    }
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    readings: Vec<Reading>,
    count: usize,
    /// The sender is gone.
    pub(crate) ended: bool,
}

impl Readers {
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Counts a reader in, with a word for its position where it holds room.
    pub(crate) fn enter(&mut self, position: u64, holds_room: bool) -> Option<Reading> {
        self.count += 1;
        if !holds_room {
            return None;
        }
        let free = self.readings.iter().find(|word| word.load(Ordering::Relaxed) == GONE);
        if let Some(word) = free {
            word.store(position, Ordering::Relaxed);
            return Some(word.clone());
        }
        let word = Reading(Arc::new(Padded::new(AtomicU64::new(position))));
        self.readings.push(word.clone());
        Some(word)
    }

    /// Counts a reader out; how many there are then.
    pub(crate) fn leave(&mut self, reading: Option<&Reading>) -> usize {
        if let Some(word) = reading {
            // What it did to the slots has happened for who comes to the lock later.
            word.store(GONE, Ordering::Relaxed);
        }
        self.count -= 1;
        self.count
    }

    /// Who has come least far, and how far. For rings whose readers all hold room.
    pub(crate) fn slowest(&self) -> Option<(&Reading, u64)> {
        // `Acquire`: what they did to the slots before has happened.
        let positions = self.readings.iter().map(|word| (word, word.load(Ordering::Acquire)));
        positions.min_by_key(|(_, position)| *position).filter(|(_, position)| *position != GONE)
    }
}
