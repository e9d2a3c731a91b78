//! Where in the file everything stands, and the header that says so.
//!
//! | page | what |
//! |---|---|
//! | 0 | the header: what the ring is, never changed |
//! | 1 | the tail, the two alarms, the writer, the count of readers that came: 128 bytes each |
//! | 2 and on | one place of 128 bytes for each reader, where the ring has such |
//! | then | the slots |
//!
//! Invariant: a layout is checked against the real length of the file when the ring is opened, and
//! the header is not looked at again; so nothing that anybody writes there later moves an access
//! out of the mapping. The magic number is written last.

use std::sync::atomic::Ordering;

use super::error::RingError;
use super::mapping::Mapping;
use super::options::{Kind, Options};

/// The first word of the file; on a machine of the other byte order it reads as another number.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"TautRing");
/// What changes what older programs rely on.
pub(super) const VERSION_MAJOR: u32 = 1;
/// What only adds to it.
pub(super) const VERSION_MINOR: u32 = 0;

/// Positions never come so far; what does was not written by a ring.
pub(super) const POSITION_MAX: u64 = 1 << 62;

/// Of a reader that has left a [`Kind::Broadcast`].
pub(super) const POSITION_GONE: u64 = u64::MAX;

const PAGE_BYTES: usize = 4096;
/// A cache line, and the neighbour that is prefetched with it.
const PLACE_BYTES: usize = 128;
const LINE_BYTES: usize = 64;

/// Bytes of a slot before its message: the stamp and the length.
pub(super) const SLOT_HEADER_BYTES: usize = 16;

/// Where the first message begins that nobody has written. Written by the writer.
pub(super) const TAIL_AT: usize = PAGE_BYTES;
/// The alarm of readers, and that of the writer.
pub(super) const ITEMS_AT: usize = TAIL_AT + PLACE_BYTES;
pub(super) const ROOM_AT: usize = ITEMS_AT + PLACE_BYTES;
const WRITER_AT: usize = ROOM_AT + PLACE_BYTES;
/// How many readers ever came.
pub(super) const ARRIVALS_AT: usize = WRITER_AT + PLACE_BYTES;
const READERS_AT: usize = 2 * PAGE_BYTES;

/// Words of the header.
const MAGIC_WORD: usize = 0;
const VERSION_WORD: usize = 1;
const KIND_WORD: usize = 2;
const SLOT_BYTES_WORD: usize = 3;
const CAPACITY_WORD: usize = 4;
const READERS_MAX_WORD: usize = 5;
const FILE_BYTES_WORD: usize = 6;

/// A part that one process at a time plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Writer,
    /// With its place in the file.
    Reader(u32),
}

impl Part {
    /// Where its generation stands: odd while somebody plays it, or died doing so.
    pub(super) fn generation_at(self) -> usize {
        match self {
            Self::Writer => WRITER_AT,
            Self::Reader(place) => READERS_AT + place as usize * PLACE_BYTES,
        }
    }

    /// Where the process has left its number, for others to name it.
    pub(super) fn process_at(self) -> usize {
        self.generation_at() + 8
    }

    /// Where a reader's position stands: the first message that it has not released.
    pub(super) fn position_at(self) -> usize {
        self.generation_at() + 16
    }

    /// Where a reader notes its generation once it has found where it begins.
    pub(super) fn settled_at(self) -> usize {
        self.generation_at() + 24
    }

    /// The byte of the file on which it holds a lock.
    pub(super) fn lock_byte(self) -> u32 {
        match self {
            Self::Writer => 0,
            Self::Reader(place) => 1 + place,
        }
    }
}

/// A position and its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) position: u64,
    /// Where the slot begins, in bytes from the start of the file.
    pub(super) slot_at: usize,
}

/// Places and sizes, in bytes from the start of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) options: Options,
    pub(super) slots_at: usize,
    /// Where the last slot begins.
    pub(super) last_slot_at: usize,
    /// From one slot to the next.
    pub(super) stride: usize,
    pub(super) file_bytes: usize,
}

impl Layout {
    pub(super) fn new(options: Options) -> Result<Self, RingError> {
        options.check()?;
        // The limits keep all but the last product small.
        let stride = match SLOT_HEADER_BYTES + options.slot_bytes {
            bytes if bytes <= LINE_BYTES => bytes.next_power_of_two(),
            bytes => bytes.next_multiple_of(LINE_BYTES),
        };
        let readers_bytes = options.readers_max * PLACE_BYTES;
        let slots_at = READERS_AT + readers_bytes.next_multiple_of(PAGE_BYTES);
        let slots_end =
            stride.checked_mul(options.capacity).and_then(|bytes| bytes.checked_add(slots_at));
        let file_bytes = slots_end
            .and_then(|end| end.checked_next_multiple_of(PAGE_BYTES))
            .filter(|bytes| isize::try_from(*bytes).is_ok())
            .ok_or_else(|| RingError::Options("the ring is larger than all memory".into()))?;
        let last_slot_at = slots_at + stride * (options.capacity - 1);
        Ok(Self { options, slots_at, last_slot_at, stride, file_bytes })
    }

    #[inline]
    pub(super) fn cursor(&self, position: u64) -> Cursor {
        let index = position % self.options.capacity as u64;
        Cursor { position, slot_at: self.slots_at + index as usize * self.stride }
    }

    #[inline]
    pub(super) fn advance(&self, cursor: &mut Cursor) {
        cursor.position += 1;
        cursor.slot_at += self.stride;
        if cursor.slot_at > self.last_slot_at {
            cursor.slot_at = self.slots_at;
        }
    }

    /// Writes the header of a file that is all zeroes.
    pub(super) fn write(&self, mapping: &Mapping) {
        let version = u64::from(VERSION_MAJOR) << 32 | u64::from(VERSION_MINOR);
        let words = [
            (VERSION_WORD, version),
            (KIND_WORD, self.options.kind.number()),
            (SLOT_BYTES_WORD, self.options.slot_bytes as u64),
            (CAPACITY_WORD, self.options.capacity as u64),
            (READERS_MAX_WORD, self.options.readers_max as u64),
            (FILE_BYTES_WORD, self.file_bytes as u64),
        ];
        for (word, value) in words {
            mapping.word(word * 8).store(value, Ordering::Relaxed);
        }
        mapping.word(MAGIC_WORD * 8).store(MAGIC, Ordering::Release);
    }

    /// Bytes that have to be there for [`read`](Self::read).
    pub(super) const HEADER_BYTES: usize = READERS_AT;

    /// Reads a header and checks every word of it, and that the file is as long as it says.
    pub(super) fn read(mapping: &Mapping, file_bytes: u64) -> Result<Self, RingError> {
        let not_a_ring = |why: String| Err(RingError::NotARing(why));
        let word = |word: usize| mapping.word(word * 8).load(Ordering::Relaxed);
        if mapping.word(MAGIC_WORD * 8).load(Ordering::Acquire) != MAGIC {
            return not_a_ring("it does not begin with the mark of one".into());
        }
        let version = word(VERSION_WORD);
        let (major, minor) = ((version >> 32) as u32, version as u32);
        if major != VERSION_MAJOR {
            return Err(RingError::Version {
                found: (major, minor),
                supported: (VERSION_MAJOR, VERSION_MINOR),
            });
        }
        let size = |number: usize| usize::try_from(word(number)).unwrap_or(usize::MAX);
        let Some(kind) = Kind::from_number(word(KIND_WORD)) else {
            return not_a_ring(format!("its kind has the number {}", word(KIND_WORD)));
        };
        let options = Options {
            kind,
            slot_bytes: size(SLOT_BYTES_WORD),
            capacity: size(CAPACITY_WORD),
            readers_max: size(READERS_MAX_WORD),
        };
        let layout = match Self::new(options) {
            Ok(layout) => layout,
            Err(error) => return not_a_ring(error.to_string()),
        };
        if options
            != Options::new(kind, options.slot_bytes, options.capacity)
                .readers_max(options.readers_max)
        {
            return not_a_ring("it has places for readers that its kind has not".into());
        }
        let (says, has) = (word(FILE_BYTES_WORD), layout.file_bytes as u64);
        if says != has || file_bytes < has {
            return not_a_ring(format!(
                "its sizes make {has} bytes, its header says {says}, and the file has {file_bytes}"
            ));
        }
        Ok(layout)
    }
}

impl Options {
    /// Bytes of the file that holds such a ring; `None` where there can be no such ring.
    pub fn file_bytes(&self) -> Option<usize> {
        Layout::new(*self).ok().map(|layout| layout.file_bytes)
    }
}
