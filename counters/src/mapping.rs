//! A file's memory, to write by the process that made it, to read by any other.
//!
//! Invariant: what is handed out lies within the mapping, which stays where it is until it is
//! dropped. A file that is cut short while it is mapped raises `SIGBUS` on the next access beyond
//! its end: a reader asks for its size before it looks, and nobody but its owner may write to it.

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering, fence};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

const WORD_BYTES: usize = size_of::<AtomicU64>();

/// Words of a mapped file.
#[derive(Debug)]
pub(crate) struct Mapping {
    words: NonNull<[AtomicU64]>,
    writable: bool,
}

impl Mapping {
    /// Maps the first `bytes`, which must not be zero, to write to.
    pub(crate) fn writable(file: BorrowedFd<'_>, bytes: usize) -> io::Result<Self> {
        Self::map(file, bytes, true)
    }

    /// Maps the first `bytes`, which must not be zero, to look at.
    pub(crate) fn read_only(file: BorrowedFd<'_>, bytes: usize) -> io::Result<Self> {
        Self::map(file, bytes, false)
    }

    fn map(file: BorrowedFd<'_>, bytes: usize, writable: bool) -> io::Result<Self> {
        let protection =
            if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe { mmap(ptr::null_mut(), bytes, protection, MapFlags::SHARED, file, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let words = NonNull::slice_from_raw_parts(start, bytes / WORD_BYTES);
        Ok(Self { words, writable })
    }

    /// All words, of a mapping that may be written to.
    pub(crate) fn words(&self) -> &[AtomicU64] {
        assert!(self.writable, "a mapping for reading is read with `load`");
        // SAFETY: mapped, page-aligned, as long as the mapping, until `self` is dropped; atomics
        // may change behind a shared reference, and every bit pattern is a valid one.
        unsafe { self.words.as_ref() }
    }

    /// How many words there are.
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    /// One word as it stands there now; `None` beyond the end.
    #[inline]
    pub(crate) fn load(&self, index: usize) -> Option<u64> {
        // SAFETY: as in `words`. A relaxed load of a word does nothing but load, so the memory may
        // be read-only.
        unsafe { self.words.as_ref() }.get(index).map(|word| word.load(Ordering::Relaxed))
    }

    /// Like `load`; what was stored before this value, with release, is seen by later loads.
    pub(crate) fn load_acquire(&self, index: usize) -> Option<u64> {
        let value = self.load(index);
        fence(Ordering::Acquire);
        value
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone, and no reference into it outlives `self`. A failure
        // would mean that it is gone already, and there is nothing to do about that.
        let _ = unsafe { munmap(self.words.as_ptr().cast(), self.words.len() * WORD_BYTES) };
    }
}

// SAFETY: a pointer to atomics, which every thread may use, and any may unmap.
unsafe impl Send for Mapping {}
// SAFETY: as above; `&Mapping` gives access to atomics only.
unsafe impl Sync for Mapping {}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;

    #[test]
    fn a_reader_sees_what_the_writer_stores_and_nothing_beyond() {
        let file = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, 4096).unwrap();
        let writer = Mapping::writable(file.as_fd(), 4096).unwrap();
        let reader = Mapping::read_only(file.as_fd(), 4096).unwrap();
        drop(file);
        writer.words()[511].store(9, Ordering::Release);
        drop(writer);
        assert_eq!(reader.load_acquire(511), Some(9));
        assert_eq!((reader.load(512), reader.load(usize::MAX)), (None, None));
    }

    #[test]
    #[should_panic(expected = "read with `load`")]
    fn a_mapping_for_reading_gives_no_words_to_write_to() {
        let file = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, 4096).unwrap();
        let _ = Mapping::read_only(file.as_fd(), 4096).unwrap().words();
    }
}
