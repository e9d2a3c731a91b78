//! Where the counters of a core stand: on the heap, or in a block of a counter file.
//!
//! Invariant: the cells stay where they are until the last clone of their place goes. Cost of an
//! access: as if the cells were owned; whose memory it is matters only at the two ends.

use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;
use std::rc::Rc;

use taut_counters::{Block, Buckets, CounterFile, CounterFileError, Recording, Words};

use super::set::CounterCells;

/// The counters of one core. Clones are the same counters.
#[derive(Clone)]
pub(crate) struct CounterPlace {
    cells: NonNull<CounterCells>,
    memory: Rc<Memory>,
}

struct Memory {
    /// Keeps the cells alive.
    _words: Words,
    block: Option<Block>,
}

impl CounterPlace {
    /// A block of this name in the file, or the heap.
    pub(crate) fn new(file: Option<&CounterFile>, name: &str) -> Result<Self, CounterFileError> {
        let block = file.map(|file| file.block(name, CounterCells::SPECS)).transpose()?;
        let words = match &block {
            Some(block) => block.words().clone(),
            None => Words::on_heap(CounterCells::SPECS.len()),
        };
        assert_eq!(words.len(), CounterCells::SPECS.len(), "one word for each counter");
        let cells = NonNull::from_ref(&words[..]).cast();
        Ok(Self { cells, memory: Rc::new(Memory { _words: words, block }) })
    }

    /// A distribution beside the counters; `None` where they are in no file.
    pub(crate) fn recording(
        &self,
        label: &str,
        unit: &str,
        buckets: Buckets,
    ) -> Result<Option<Recording>, CounterFileError> {
        let block = self.memory.block.as_ref();
        block.map(|block| block.recording(label, unit, buckets)).transpose()
    }
}

impl Deref for CounterPlace {
    type Target = CounterCells;

    #[inline]
    fn deref(&self) -> &CounterCells {
        // SAFETY: `new` took the pointer from as many words as there are cells, each of which is
        // one word, transparently; `memory` keeps them at that address as long as `self` is there.
        // They are atomics, so others may look at them meanwhile.
        unsafe { self.cells.as_ref() }
    }
}

impl fmt::Debug for CounterPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use taut_counters::{CounterFileOptions, CounterReader};

    use super::*;

    #[test]
    fn counters_outlive_the_place_that_was_dropped_first() {
        let place = CounterPlace::new(None, "").unwrap();
        let other = place.clone();
        place.polls.add(3);
        drop(place);
        other.polls.increment();
        assert_eq!(other.snapshot().polls, 4);
    }

    #[test]
    fn each_counter_stands_in_the_file_under_its_own_label() {
        let name = format!("place-{}", std::process::id());
        let options = CounterFileOptions { name, ..Default::default() };
        let file = CounterFile::create(options).unwrap();
        let place = CounterPlace::new(Some(&file), "core 2").unwrap();
        place.turns.add(7);
        place.state.set(2);
        let mut reader = CounterReader::open(file.path()).unwrap();
        drop(file);
        let snapshot = reader.snapshot().unwrap();
        assert_eq!(snapshot.name(1), Some("core 2"));
        for (label, value) in place.snapshot().rows() {
            assert_eq!(snapshot.number(1, label), Some(value), "{label}");
        }
        assert!(reader.has_writer(), "the counters keep the file");
        drop(place);
        assert!(!reader.has_writer());
    }
}
