//! A page of memory in which a server of ours leaves its exact counts for this tool.
//!
//! The page is a file in memory; the server maps it by its path under `/proc`. The client asks for
//! a snapshot by raising `asked`, sends one message that nobody times, and waits until `answered`
//! has caught up.
//! Invariants: each word has one writer; the counts are written before `answered`, with release
//! and acquire, so a snapshot is never torn. Cost for a served message: one load of a line that
//! nobody writes meanwhile, and an addition.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use crate::sys::{self, SharedMemory};

/// What a server counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Bytes sent back.
    pub(crate) bytes: u64,
    pub(crate) syscalls: u64,
    pub(crate) allocations: u64,
}

/// Places on the page; those of the server lie on a cache line pair of their own.
const ASKED: usize = 0;
const ANSWERED: usize = 16;
const BYTES: usize = 17;
const SYSCALLS: usize = 18;
const ALLOCATIONS: usize = 19;

/// The client's end.
#[derive(Debug)]
pub(crate) struct Page {
    file: OwnedFd,
    words: SharedMemory,
}

impl Page {
    pub(crate) fn new() -> Result<Self, String> {
        let (file, words) = sys::create_shared_memory("taut-bench page")
            .map_err(|error| format!("a page of shared memory could not be made: {error}"))?;
        Ok(Self { file, words })
    }

    /// Where another process of the same user finds the page while this one lives.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()).into()
    }

    /// Asks for a snapshot at the end of the next message and returns its number.
    pub(crate) fn ask(&self) -> u64 {
        let number = self.words[ASKED].load(Ordering::Relaxed) + 1;
        self.words[ASKED].store(number, Ordering::Release);
        number
    }

    /// The snapshot of that number, once it is there.
    pub(crate) fn answer(&self, number: u64) -> Option<Counted> {
        let count = |place: usize| self.words[place].load(Ordering::Relaxed);
        (self.words[ANSWERED].load(Ordering::Acquire) == number).then(|| Counted {
            bytes: count(BYTES),
            syscalls: count(SYSCALLS),
            allocations: count(ALLOCATIONS),
        })
    }
}

/// The server's end.
#[derive(Debug)]
pub(crate) struct Attendant {
    words: SharedMemory,
    seen: Cell<u64>,
    bytes: Cell<u64>,
}

impl Attendant {
    /// Maps the page at that path.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let problem =
            |error: std::io::Error| format!("the page {} can't be mapped: {error}", path.display());
        let file: File = OpenOptions::new().read(true).write(true).open(path).map_err(problem)?;
        let words = sys::map_shared_memory(&file).map_err(problem)?;
        Ok(Self { words, seen: Cell::new(0), bytes: Cell::new(0) })
    }

    /// An end whose other end nobody holds, for a server that was started by hand.
    pub(crate) fn alone() -> Result<Self, String> {
        let Page { words, .. } = Page::new()?;
        Ok(Self { words, seen: Cell::new(0), bytes: Cell::new(0) })
    }

    /// To be called whenever bytes have been sent back.
    #[inline(always)]
    pub(crate) fn served(&self, bytes: usize, syscalls: impl FnOnce() -> u64) {
        self.bytes.set(self.bytes.get() + bytes as u64);
        // Acquire is a plain load here, and keeps the counting below behind the question.
        let asked = self.words[ASKED].load(Ordering::Acquire);
        if asked != self.seen.get() {
            self.answer(asked, syscalls());
        }
    }

    #[cold]
    fn answer(&self, asked: u64, syscalls: u64) {
        self.seen.set(asked);
        self.words[BYTES].store(self.bytes.get(), Ordering::Relaxed);
        self.words[SYSCALLS].store(syscalls, Ordering::Relaxed);
        self.words[ALLOCATIONS].store(sys::process_allocations(), Ordering::Relaxed);
        self.words[ANSWERED].store(asked, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_taken_at_the_end_of_the_message_that_follows_the_question() {
        let page = Page::new().unwrap();
        let attendant = Attendant::open(&page.path()).unwrap();
        attendant.served(64, || unreachable!("nobody has asked"));
        let number = page.ask();
        assert_eq!(page.answer(number), None);
        attendant.served(64, || 7);
        let counted = page.answer(number).unwrap();
        assert_eq!((counted.bytes, counted.syscalls), (128, 7));
        attendant.served(64, || unreachable!("answered already"));
        assert_eq!(page.answer(number), Some(counted));
        let next = page.ask();
        assert_eq!(page.answer(next), None, "the old answer is not the new one");
    }

    #[test]
    fn a_page_that_is_not_there_is_an_error_that_names_it() {
        let error = Attendant::open(Path::new("/proc/self/fd/100000")).unwrap_err();
        assert!(error.contains("/proc/self/fd/100000"), "{error}");
        let empty = std::env::temp_dir().join(format!("taut-bench-page-{}", std::process::id()));
        std::fs::write(&empty, "too short").unwrap();
        let error = Attendant::open(&empty).unwrap_err();
        std::fs::remove_file(&empty).unwrap();
        assert!(error.contains("can't be mapped"), "{error}");
    }
}
