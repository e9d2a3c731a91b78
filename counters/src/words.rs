//! Words of 64 bits that threads, or processes, share, and whatever keeps them alive.
//!
//! Invariant: the words stay mapped at one address as long as any [`Words`] over them does. Cost of
//! an access: none beyond that of a slice; where the words are is known without asking their owner.

use std::any::Any;
use std::fmt;
use std::ops::{Deref, Range};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Shared words, on the heap or in a [`CounterFile`](crate::CounterFile). Clones are the same
/// words.
#[derive(Clone)]
pub struct Words {
    words: NonNull<[AtomicU64]>,
    owner: Arc<dyn Any + Send + Sync>,
}

impl Words {
    /// So many words of zero.
    #[must_use]
    pub fn on_heap(count: usize) -> Self {
        let words: Box<[AtomicU64]> = (0..count).map(|_| AtomicU64::new(0)).collect();
        let owner = Arc::new(words);
        let words = NonNull::from_ref(&**owner);
        // SAFETY: the slice is the owner's, on the heap, and moves with neither.
        unsafe { Self::new(words, owner) }
    }

    /// # Safety
    ///
    /// The words are there, and are used as atomics only, until the last clone of `owner` goes.
    pub(crate) unsafe fn new(
        words: NonNull<[AtomicU64]>,
        owner: Arc<dyn Any + Send + Sync>,
    ) -> Self {
        Self { words, owner }
    }

    /// A part of them, which keeps all of them alive.
    ///
    /// # Panics
    ///
    /// Where the range is not within them.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        Self { words: NonNull::from_ref(&self[range]), owner: Arc::clone(&self.owner) }
    }
}

impl Deref for Words {
    type Target = [AtomicU64];

    #[inline]
    fn deref(&self) -> &Self::Target {
        // SAFETY: by the contract of `new`, and `owner` is there as long as `self`.
        unsafe { self.words.as_ref() }
    }
}

// SAFETY: atomics may be used from any thread, and the owner may be dropped on any.
unsafe impl Send for Words {}
// SAFETY: as above.
unsafe impl Sync for Words {}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Words").field("count", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;
    use std::thread;

    use super::*;

    #[test]
    fn a_part_outlives_the_whole_on_another_thread() {
        let words = Words::on_heap(8);
        words[5].store(7, Relaxed);
        let part = words.part(4..6);
        drop(words);
        let seen = thread::spawn(move || {
            let inner = part.part(1..2);
            drop(part);
            (inner.len(), inner[0].load(Relaxed))
        });
        assert_eq!(seen.join().unwrap(), (1, 7));
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn a_part_beyond_the_end_is_refused() {
        let _ = Words::on_heap(8).part(7..9);
    }

    #[test]
    fn no_words_are_no_words() {
        assert!(Words::on_heap(0).part(0..0).is_empty());
    }
}
