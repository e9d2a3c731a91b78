//! The memory of a ring: slots, each a stamp and a value side by side.
//!
//! The stamp says what the slot holds, so a reader that has seen the right one has the value's
//! cache line already: a message costs the transfer of one line, not of an index and then an item.
//! Positions count items since the ring was made and never wrap; there is one slot more than the
//! ring's capacity, so the slot after the last item is always free to carry the end's mark.
//!
//! Invariant: the stamp of position `p` appears in a slot only after its value does, and the slot
//! is written again only after the ring's head has passed `p`. Cost: 8 bytes a slot; a slot of up
//! to a cache line is rounded up to a power of two, so that none crosses into a second line.

use std::alloc::{Layout, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

#[cfg(loom)]
use crate::threads::Touched;
use crate::threads::{AtomicU64, alloc, dealloc};

/// Bytes of a cache line, and of the pair of lines that a prefetcher fetches together.
const LINE_BYTES: usize = 64;
const LINE_PAIR_BYTES: usize = 128;

/// Bytes of a word.
const WORD_BYTES: usize = size_of::<u64>();

/// Slots of a ring, at most.
pub(crate) const CAPACITY_MAX: usize = 1 << 31;

/// Ends the ring: nothing comes after it.
pub(crate) const END: u64 = u64::MAX;

/// The slot holds the item of this position.
#[inline]
pub(crate) const fn filled(position: u64) -> u64 {
    (position + 1) << 1
}

/// The position was given up by whoever had claimed it.
#[inline]
pub(crate) const fn skipped(position: u64) -> u64 {
    filled(position) | 1
}

/// A position and the slot that it falls on. The default is the first position of every ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) position: u64,
    /// Of the slot, from the first one, in bytes.
    offset: usize,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Slots<T> {
    base: NonNull<u8>,
    stride: usize,
    value_offset: usize,
    layout: Layout,
    count: u32,
    /// Words of a value, where it lies in words.
    words: usize,
    #[cfg(loom)]
    touched: Vec<Touched>,
    _values: PhantomData<T>,
}

// SAFETY: a value is touched only by whoever the ring's protocol gives its position to, so it
// passes from thread to thread, and no two threads have it at once.
unsafe impl<T: Send> Send for Slots<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Slots<T> {}

impl<T> Slots<T> {
    /// # Panics
    ///
    /// Where `capacity` is zero or more than [`CAPACITY_MAX`], or there is not so much memory.
    #[track_caller]
    pub(crate) fn new(capacity: usize) -> Self {
        Self::with_values(capacity, Layout::new::<MaybeUninit<T>>(), 0)
    }

    /// Slots whose values are not to be touched but through their [`words`](Self::words).
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    #[track_caller]
    pub(crate) fn of_words(capacity: usize) -> Self {
        let words = size_of::<T>().div_ceil(WORD_BYTES);
        let values = Layout::array::<AtomicU64>(words).expect("a value fits in memory");
        Self::with_values(capacity, values, words)
    }

    #[track_caller]
    fn with_values(capacity: usize, value: Layout, words: usize) -> Self {
        assert!(capacity > 0, "a ring without room would never pass anything on");
        assert!(capacity <= CAPACITY_MAX, "a ring has room for at most {CAPACITY_MAX} items");
        let (slot, value_offset) =
            Layout::new::<AtomicU64>().extend(value).expect("a value fits in memory");
        let slot = slot.pad_to_align();
        let stride = match slot.size() {
            size if size <= LINE_BYTES => size.next_power_of_two(),
            size => size.next_multiple_of(LINE_BYTES),
        };
        let count = capacity as u32 + 1;
        let layout = stride
            .checked_mul(count as usize)
            .and_then(|bytes| {
                Layout::from_size_align(bytes, slot.align().max(LINE_PAIR_BYTES)).ok()
            })
            .unwrap_or_else(|| panic!("{capacity} items of {stride} bytes are beyond all memory"));
        // SAFETY: the layout has a size, since a slot has a stamp.
        let base =
            NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
        for index in 0..count as usize {
            // SAFETY: within the allocation, and aligned, since the stride is a multiple of the
            // slot's alignment. All bytes are written, which also brings the pages into memory.
            unsafe {
                let slot = base.add(index * stride);
                slot.write_bytes(0, stride);
                slot.cast::<AtomicU64>().write(AtomicU64::new(0));
                let first = slot.add(value_offset).cast::<AtomicU64>();
                (0..words).for_each(|word| first.add(word).write(AtomicU64::new(0)));
            }
        }
        Self {
            base,
            stride,
            value_offset,
            layout,
            count,
            words,
            #[cfg(loom)]
            touched: (0..count).map(|_| Touched::default()).collect(),
            _values: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn capacity(&self) -> u64 {
        u64::from(self.count) - 1
    }

    pub(crate) fn cursor_at(&self, position: u64) -> Cursor {
        let index = (position % u64::from(self.count)) as usize;
        Cursor { position, offset: index * self.stride }
    }

    /// The cursor of the next position.
    #[inline]
    pub(crate) fn advance(&self, cursor: &mut Cursor) {
        cursor.position += 1;
        cursor.offset += self.stride;
        if cursor.offset == self.layout.size() {
            cursor.offset = 0;
        }
    }

    #[inline]
    fn slot(&self, cursor: Cursor) -> NonNull<u8> {
        debug_assert!(cursor.offset < self.layout.size());
        // SAFETY: cursors stay within the allocation.
        unsafe { self.base.add(cursor.offset) }
    }

    #[inline]
    pub(crate) fn stamp(&self, cursor: Cursor) -> &AtomicU64 {
        // SAFETY: each slot begins with a stamp, made in `new`, and it lives as long as `self`.
        unsafe { self.slot(cursor).cast().as_ref() }
    }

    /// The words of a position's value, for slots made [so](Self::of_words); else none.
    #[inline]
    pub(crate) fn words(&self, cursor: Cursor) -> &[AtomicU64] {
        // SAFETY: as for `slot`; the words follow the stamp, made in `new`, and live as long as
        // `self`.
        unsafe {
            let first = self.slot(cursor).add(self.value_offset).cast();
            NonNull::slice_from_raw_parts(first, self.words).as_ref()
        }
    }

    /// Where the value of a position lies, for an end that has the slot for itself.
    #[inline]
    pub(crate) fn value(&self, cursor: Cursor) -> NonNull<T> {
        #[cfg(loom)]
        self.touched[cursor.offset / self.stride].alone();
        self.place(cursor)
    }

    /// Where the value of a position lies, for one of many that read it.
    #[inline]
    pub(crate) fn shared_value(&self, cursor: Cursor) -> NonNull<T> {
        #[cfg(loom)]
        self.touched[cursor.offset / self.stride].by_many();
        self.place(cursor)
    }

    #[inline]
    fn place(&self, cursor: Cursor) -> NonNull<T> {
        // SAFETY: as for `slot`; the value follows the stamp.
        unsafe { self.slot(cursor).add(self.value_offset).cast() }
    }
}

impl<T> Drop for Slots<T> {
    fn drop(&mut self) {
        for position in 0..u64::from(self.count) {
            let slot = self.slot(self.cursor_at(position));
            // SAFETY: made in `new`, and nobody looks at them any more.
            unsafe {
                slot.cast::<AtomicU64>().drop_in_place();
                let first = slot.add(self.value_offset).cast::<AtomicU64>();
                (0..self.words).for_each(|word| first.add(word).drop_in_place());
            }
        }
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}
