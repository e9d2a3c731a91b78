//! The file of a ring, and its memory.
//!
//! Invariant: the mapping lies within the file as it was when it was mapped, and stays as long as
//! the value. Every word of it is looked at through atomics, so whatever another process writes is
//! some number; only [`slots`](super::slots) gives out bytes in place. A sealed memfd can't be cut
//! short under a mapping. A file with a path can, by whoever may write to it, and then kills all
//! who have it mapped with a SIGBUS.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

use rustix::fs::{
    AtFlags, CWD, FallocateFlags, FileType, MemfdFlags, Mode, OFlags, SealFlags, fallocate,
    fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, linkat, memfd_create, open,
};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use crate::threads::AtomicU64;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the memory belongs to no thread: words are atomics, and bytes in place are given out by
// the protocol of the ring, to one owner at a time.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps a file's first `bytes`, with all pages there.
    pub(super) fn new(file: BorrowedFd<'_>, bytes: usize) -> io::Result<Self> {
        if file_bytes(file)? < bytes as u64 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("the file has less than {bytes} bytes"),
            ));
        }
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe {
            mmap(
                std::ptr::null_mut(),
                bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED | MapFlags::POPULATE,
                file,
                0,
            )
        }?;
        let start = NonNull::new(start.cast()).expect("mmap never returns null");
        Ok(Self { start, bytes })
    }

    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The word that begins `at` bytes from the start.
    #[inline]
    pub(super) fn word(&self, at: usize) -> &AtomicU64 {
        assert!(at.is_multiple_of(8) && at < self.bytes - 7, "a word is within the mapping");
        // SAFETY: within the mapping, and aligned, since a mapping begins with a page; every bit
        // pattern is a valid value, and atomics may change behind a shared reference.
        unsafe { self.start.add(at).cast().as_ref() }
    }

    /// The half word that begins `at` bytes from the start, for a futex.
    #[inline]
    pub(super) fn half_word(&self, at: usize) -> &AtomicU32 {
        assert!(at.is_multiple_of(8) && at < self.bytes - 7, "a half word is within the mapping");
        // SAFETY: as for `word`; the layout uses such a place for a half word only.
        unsafe { self.start.add(at).cast().as_ref() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone, and no reference into it outlives `self`. A failure
        // would leave it mapped, which harms nobody.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

pub(super) fn file_bytes(file: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(u64::try_from(fstat(file)?.st_size).unwrap_or(0))
}

/// Makes a file of zeroes without a name that nobody can cut short.
pub(super) fn create_sealed(bytes: u64) -> io::Result<OwnedFd> {
    let file = memfd_create("taut-ring", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    give_pages(file.as_fd(), bytes)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}

pub(super) fn is_sealed(file: BorrowedFd<'_>) -> bool {
    fcntl_get_seals(file).is_ok_and(|seals| seals.contains(SealFlags::SHRINK))
}

/// Makes a file of zeroes that has no name yet, in the folder where [`name`] can give it one: so
/// nobody ever finds one that is not whole.
pub(super) fn create_nameless(path: &Path, bytes: u64) -> io::Result<OwnedFd> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = open(folder, flags, Mode::RUSR | Mode::WUSR)?;
    give_pages(file.as_fd(), bytes)?;
    Ok(file)
}

/// Gives the file its path, where nothing may be yet.
pub(super) fn name(file: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    Ok(linkat(CWD, own_path(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// Opens a file that has a path.
pub(super) fn open_at(path: &Path) -> io::Result<OwnedFd> {
    Ok(open(path, OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty())?)
}

/// Opens a file anew: what is locked through the new description is not shared with the old one.
pub(super) fn reopen(file: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    Ok(open(own_path(file), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}

pub(super) fn is_regular(file: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(FileType::from_raw_mode(fstat(file)?.st_mode) == FileType::RegularFile)
}

/// Has the file system set the pages aside: a full one is an error here, and no SIGBUS later.
pub(super) fn give_pages(file: BorrowedFd<'_>, bytes: u64) -> io::Result<()> {
    refuse_more_than_all_memory(bytes)?;
    if file_bytes(file)? < bytes {
        ftruncate(file, bytes)?;
    }
    Ok(fallocate(file, FallocateFlags::empty(), 0, bytes)?)
}

/// The file system would take page after page until nothing is left, for a memfd without any limit:
/// so the kernel is asked first whether it would promise so much at all.
fn refuse_more_than_all_memory(bytes: u64) -> io::Result<()> {
    let bytes = usize::try_from(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
    // SAFETY: a new mapping at an address of the kernel's choice, which is never touched, and gone
    // with the second call.
    unsafe {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let start = mmap_anonymous(std::ptr::null_mut(), bytes, access, MapFlags::PRIVATE)?;
        munmap(start, bytes)?;
    }
    Ok(())
}

fn own_path(file: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn a_sealed_file_can_be_neither_cut_short_nor_grown() {
        let file = create_sealed(4096).unwrap();
        let first = Mapping::new(file.as_fd(), 4096).unwrap();
        let second = Mapping::new(reopen(file.as_fd()).unwrap().as_fd(), 4096).unwrap();
        assert!(ftruncate(&file, 0).is_err() && ftruncate(&file, 8192).is_err());
        drop(file);
        first.word(4088).store(7, Ordering::Relaxed);
        assert_eq!(second.word(4088).load(Ordering::Relaxed), 7);
    }

    #[test]
    fn no_more_is_mapped_than_the_file_has() {
        let file = create_sealed(4096).unwrap();
        let error = Mapping::new(file.as_fd(), 4097).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn more_than_all_memory_is_refused_before_any_is_taken() {
        let error = create_sealed(1 << 46).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOMEM));
    }

    #[test]
    #[should_panic = "a word is within the mapping"]
    fn a_word_beyond_the_mapping_is_refused() {
        let file = create_sealed(4096).unwrap();
        Mapping::new(file.as_fd(), 4096).unwrap().word(4096);
    }

    #[test]
    #[should_panic = "a half word is within the mapping"]
    fn a_futex_beyond_the_mapping_is_refused() {
        let file = create_sealed(4096).unwrap();
        Mapping::new(file.as_fd(), 4096).unwrap().half_word(usize::MAX - 7);
    }
}
