//! Writes to a pipe without a reader that fail, instead of ending the process.
//!
//! Such a write raises `SIGPIPE`, for which pipes have no flag as sockets do. A Rust program
//! ignores that signal from its start. Where it is not ignored (the program's `main` is not Rust's,
//! or it chose the default), each write blocks the signal on its thread and takes back the one that
//! it raised: the process's disposition stays as it is. Cost: nothing there, four system calls
//! here.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// Whether the process ignores `SIGPIPE`, so that a write just fails.
pub(crate) fn is_ignored() -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action the call only writes the present one to `action`, which is read
    // after it did.
    unsafe {
        libc::sigaction(libc::SIGPIPE, ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Makes a call with `SIGPIPE` held off; a broken pipe is then an error and nothing else.
pub(crate) fn hold_off<T>(call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let held = Held::new();
    let result = call();
    if let Err(error) = &result
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        held.take_back();
    }
    result
}

/// `SIGPIPE` is blocked on this thread until this is dropped.
struct Held {
    pipe: libc::sigset_t,
    before: libc::sigset_t,
    /// One was pending before: it is not ours to take.
    pending: bool,
}

impl Held {
    fn new() -> Self {
        let mut pipe = MaybeUninit::uninit();
        let mut pending = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: each set is written by the call that gets it first, and read after that.
        unsafe {
            libc::sigemptyset(pipe.as_mut_ptr());
            libc::sigaddset(pipe.as_mut_ptr(), libc::SIGPIPE);
            libc::sigpending(pending.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_BLOCK, pipe.as_ptr(), before.as_mut_ptr());
            Self {
                pipe: pipe.assume_init(),
                before: before.assume_init(),
                pending: libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1,
            }
        }
    }

    fn take_back(&self) {
        if !self.pending {
            let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: the set and the time live through the call, which takes no other pointer.
            unsafe { libc::sigtimedwait(&self.pipe, ptr::null_mut(), &at_once) };
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: the mask is the one that the thread had.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, ptr::null_mut()) };
    }
}
