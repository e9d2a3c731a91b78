//! Bytes that may be overwritten while they are read, as words, with a stamp before and after.
//!
//! Invariant: a copy is given only where the stamp was that of its position before the first word
//! was read and after the last one, so it is of one message, whole. Words are atomics throughout:
//! what is read meanwhile is old or new, never a data race. Cost: one load or store for 8 bytes.

use std::sync::atomic::Ordering;

use super::slots::{filled, skipped};
use crate::threads::{AtomicU64, fence};

/// What a copy came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    /// So many bytes.
    Message(usize),
    /// The stamp is not, or no more, that of the position.
    Changed,
    /// The length is more than there are words for.
    TooLong,
}

/// A slot of such bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seqlock<'a> {
    pub(crate) stamp: &'a AtomicU64,
    pub(crate) length: &'a AtomicU64,
    pub(crate) words: &'a [AtomicU64],
}

impl Seqlock<'_> {
    /// Writes a message, and then the stamp of its position. One thread at a time writes, and no
    /// more than there are words for.
    pub(crate) fn write(self, position: u64, bytes: &[u8]) {
        // Whoever reads now sees by it that the message before is gone: what it reads of the words
        // below is ordered behind this store, by the fence and the reader's own.
        self.stamp.store(skipped(position), Ordering::Relaxed);
        fence(Ordering::Release);
        self.length.store(bytes.len() as u64, Ordering::Relaxed);
        copy_in(bytes, self.words);
        self.stamp.store(filled(position), Ordering::Release);
    }

    /// Copies the message of a position. `into` is as long as the longest message.
    pub(crate) fn read(self, position: u64, into: &mut [u8]) -> Copied {
        if self.stamp.load(Ordering::Acquire) != filled(position) {
            return Copied::Changed;
        }
        let length = self.length.load(Ordering::Relaxed);
        let fits = usize::try_from(length).ok().and_then(|length| into.get_mut(..length));
        let long = fits.is_none();
        if let Some(into) = fits {
            copy_out(self.words, into);
        }
        fence(Ordering::Acquire);
        match self.stamp.load(Ordering::Relaxed) == filled(position) {
            false => Copied::Changed,
            true if long => Copied::TooLong,
            true => Copied::Message(length as usize),
        }
    }
}

/// Stores bytes into as many words as they take.
#[inline]
pub(crate) fn copy_in(bytes: &[u8], words: &[AtomicU64]) {
    let (whole, rest) = bytes.as_chunks();
    for (word, bytes) in words.iter().zip(whole) {
        word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        words[whole.len()].store(u64::from_ne_bytes(last), Ordering::Relaxed);
    }
}

/// Loads bytes from as many words as they take.
#[inline]
pub(crate) fn copy_out(words: &[AtomicU64], bytes: &mut [u8]) {
    let (whole, rest) = bytes.as_chunks_mut();
    for (word, bytes) in words.iter().zip(&mut *whole) {
        *bytes = word.load(Ordering::Relaxed).to_ne_bytes();
    }
    if !rest.is_empty() {
        let last = words[whole.len()].load(Ordering::Relaxed).to_ne_bytes();
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn messages_of_every_length_come_out_as_they_went_in() {
        let [stamp, length] = [AtomicU64::new(0), AtomicU64::new(0)];
        let words: [AtomicU64; 3] = Default::default();
        let slot = Seqlock { stamp: &stamp, length: &length, words: &words };
        for bytes in 0..=20_u8 {
            let message: Vec<u8> = (1..=bytes).collect();
            slot.write(u64::from(bytes), &message);
            let mut copy = [0xEE; 20];
            let copied = slot.read(u64::from(bytes), &mut copy);
            assert_eq!(copied, Copied::Message(message.len()));
            assert_eq!(copy[..message.len()], message);
            assert!(copy[message.len()..].iter().all(|byte| *byte == 0xEE));
            assert_eq!(slot.read(u64::from(bytes) + 1, &mut copy), Copied::Changed);
        }
    }

    #[test]
    fn a_length_that_nobody_wrote_is_refused() {
        let [stamp, length] = [AtomicU64::new(filled(0)), AtomicU64::new(u64::MAX)];
        let words: [AtomicU64; 1] = Default::default();
        let slot = Seqlock { stamp: &stamp, length: &length, words: &words };
        assert_eq!(slot.read(0, &mut [0; 8]), Copied::TooLong);
        length.store(9, Ordering::Relaxed);
        assert_eq!(slot.read(0, &mut [0; 8]), Copied::TooLong);
    }
}

#[cfg(all(test, loom))]
mod models {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;
    use crate::threads::explore;

    #[derive(Default)]
    struct Slot {
        stamp: AtomicU64,
        length: AtomicU64,
        words: [AtomicU64; 2],
    }

    impl Slot {
        fn seqlock(&self) -> Seqlock<'_> {
            Seqlock { stamp: &self.stamp, length: &self.length, words: &self.words }
        }
    }

    #[test]
    fn loom_a_copy_is_of_one_message() {
        explore(|| {
            let slot = Arc::new(Slot::default());
            slot.seqlock().write(0, &[1; 16]);
            let writer = {
                let slot = Arc::clone(&slot);
                thread::spawn(move || slot.seqlock().write(4, &[2; 9]))
            };
            let mut copy = [0; 16];
            match slot.seqlock().read(0, &mut copy) {
                Copied::Message(length) => assert_eq!(copy[..length], [1; 16]),
                other => assert_eq!(other, Copied::Changed),
            }
            match slot.seqlock().read(4, &mut copy) {
                Copied::Message(length) => assert_eq!(copy[..length], [2; 9]),
                other => assert_eq!(other, Copied::Changed),
            }
            writer.join().unwrap();
        });
    }
}
