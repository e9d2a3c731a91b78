//! One page of atomic words that two processes share.
//!
//! Invariant: the mapping is as long as [`WORDS`] for as long as the value lives, and is only ever
//! looked at through atomics, so whatever the other process writes is some number.

use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use rustix::fs::{
    MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, ftruncate, memfd_create,
};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// Words of a page.
pub(crate) const WORDS: usize = 512;
const BYTES: usize = WORDS * size_of::<u64>();

/// The mapping.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    words: NonNull<[AtomicU64; WORDS]>,
}

/// Makes a page of zeroes: the file in memory, by which others find it, and the mapping.
pub(crate) fn create_shared_memory(name: &str) -> io::Result<(OwnedFd, SharedMemory)> {
    let file = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&file, BYTES as u64)?;
    // Nobody can pull the page from under a mapping then, which would be a SIGBUS.
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::SEAL)?;
    let memory = map_shared_memory(&file)?;
    Ok((file, memory))
}

/// Maps a page that [`create_shared_memory`] made, in this process or another.
pub(crate) fn map_shared_memory(file: impl AsFd) -> io::Result<SharedMemory> {
    let file = file.as_fd();
    let length = rustix::fs::fstat(file)?.st_size;
    let sealed = fcntl_get_seals(file).is_ok_and(|seals| seals.contains(SealFlags::SHRINK));
    if length != BYTES as i64 || !sealed {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no page of shared memory that taut-bench made",
        ));
    }
    // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours. The
    // file is as long as the mapping and sealed against getting shorter.
    let address = unsafe {
        mmap(
            std::ptr::null_mut(),
            BYTES,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::SHARED | MapFlags::POPULATE,
            file,
            0,
        )
    }?;
    NonNull::new(address.cast())
        .map(|words| SharedMemory { words })
        .ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

impl Deref for SharedMemory {
    type Target = [AtomicU64; WORDS];

    fn deref(&self) -> &Self::Target {
        // SAFETY: the mapping is page-aligned, as long as the array, lives as long as `self`, and
        // atomics may change behind a shared reference; every bit pattern is a valid one.
        unsafe { self.words.as_ref() }
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone, and no reference into it outlives `self`.
        // An error would mean that it is gone already; there is nothing left to do then.
        let _ = unsafe { munmap(self.words.as_ptr().cast(), BYTES) };
    }
}

// SAFETY: the value is a pointer to atomics that every thread may use, and may be unmapped by any.
unsafe impl Send for SharedMemory {}
// SAFETY: as above; `&SharedMemory` gives access to atomics only.
unsafe impl Sync for SharedMemory {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn two_mappings_are_one_memory_and_outlive_each_other() {
        let (file, first) = create_shared_memory("test").unwrap();
        let second = map_shared_memory(&file).unwrap();
        first[WORDS - 1].store(7, Ordering::Release);
        assert_eq!(second[WORDS - 1].load(Ordering::Acquire), 7);
        drop(first);
        drop(file);
        assert_eq!(second[WORDS - 1].load(Ordering::Acquire), 7);
    }

    #[test]
    fn a_page_can_be_neither_cut_short_nor_replaced_by_another_file() {
        let (file, memory) = create_shared_memory("test").unwrap();
        assert!(ftruncate(&file, 0).is_err());
        assert_eq!(memory[0].load(Ordering::Relaxed), 0);
        let short = memfd_create("test", MemfdFlags::ALLOW_SEALING).unwrap();
        assert!(map_shared_memory(&short).is_err());
        ftruncate(&short, BYTES as u64).unwrap();
        assert!(map_shared_memory(&short).is_err(), "it could still be cut short");
    }
}
