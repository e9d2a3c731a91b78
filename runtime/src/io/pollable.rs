//! Anything that the kernel can wait for and that is no socket: pipes, event counters, timers,
//! process descriptors, file watches, terminals, descriptors of other libraries.
//!
//! The runtime waits on a copy of the descriptor, so the object stays the caller's: it can replace
//! or close its own at any time, and no wait ever looks at a number that means another file. Cost:
//! one descriptor, and five system calls when it is made; per wait one operation.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::epoll;
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{Errno, ioctl_fionbio};

use super::{Interest, Source};
use crate::task::waiting;

/// An object with a descriptor, made non-blocking, and awaited by this thread's runtime.
///
/// The calls are the object's own: [`read_with`](Self::read_with) and
/// [`write_with`](Self::write_with) make one, wait while it would block, and make it again.
/// Several tasks may wait at the same time.
///
/// `O_NONBLOCK` belongs to the open file, which others may share: a terminal is one file for
/// standard input, output and the shell. It is set by [`new`](Self::new), and cleared again, where
/// it was, when the `Pollable` is dropped or taken apart. So of two over one open file keep the
/// first the longest.
///
/// ```
/// use rustix::event::{EventfdFlags, eventfd};
/// use taut_runtime::io::Pollable;
///
/// taut_runtime::run(async {
///     let counter = Pollable::new(eventfd(3, EventfdFlags::CLOEXEC)?)?;
///     let mut count = [0; 8];
///     counter.read_with(|fd| Ok(rustix::io::read(fd, &mut count)?)).await?;
///     assert_eq!(u64::from_ne_bytes(count), 3);
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pollable<T> {
    registration: Registration,
    object: T,
}

impl<T: AsFd> Pollable<T> {
    /// Takes an object and makes its file non-blocking.
    ///
    /// # Errors
    ///
    /// `Unsupported` where the kernel can't wait for such a file (`EPERM` of epoll, on both
    /// drivers): regular files, directories, devices such as `/dev/null`. `EMFILE` where no
    /// descriptor is left for the copy.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn new(object: T) -> io::Result<Self> {
        let copy = object.as_fd().try_clone_to_owned()?;
        check_pollable(copy.as_fd())?;
        let was_blocking = !fcntl_getfl(&copy)?.contains(OFlags::NONBLOCK);
        let source = if was_blocking { Source::nonblocking(copy)? } else { Source::new(copy) };
        Ok(Self { registration: Registration { source, was_blocking }, object })
    }

    /// Waits until a read would not block, or would tell an error or the end. Cancel-safe.
    ///
    /// # Errors
    ///
    /// `ECANCELED` in a cancelled task; where the operation table is full or the runtime has ended.
    #[track_caller]
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
        waiting("readable", self.registration.source.ready(Interest::Readable))
    }

    /// Waits until a write would not block, or would tell an error. Cancel-safe.
    ///
    /// # Errors
    ///
    /// As for [`readable`](Self::readable).
    #[track_caller]
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
        waiting("writable", self.registration.source.ready(Interest::Writable))
    }

    /// Makes a call; while it gives `WouldBlock`, waits until the object is readable and makes it
    /// again. Cancel-safe: while the future is pending, the last call has taken nothing.
    ///
    /// # Errors
    ///
    /// The call's own; as for [`readable`](Self::readable).
    #[track_caller]
    pub fn read_with<R>(
        &self,
        mut call: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        let call = move || call(&self.object);
        waiting("read", self.registration.source.call(Interest::Readable, call))
    }

    /// As [`read_with`](Self::read_with), for calls that wait until the object is writable.
    ///
    /// # Errors
    ///
    /// As for [`read_with`](Self::read_with).
    #[track_caller]
    pub fn write_with<R>(
        &self,
        mut call: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        let call = move || call(&self.object);
        waiting("write", self.registration.source.call(Interest::Writable, call))
    }

    /// The object.
    pub fn get_ref(&self) -> &T {
        &self.object
    }

    /// The object. Waits go on to look at the file that it had in [`new`](Self::new).
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.object
    }

    /// Gives the object back, blocking again where it was.
    pub fn into_inner(self) -> T {
        self.object
    }
}

impl<T: AsFd> AsFd for Pollable<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.object.as_fd()
    }
}

/// Dropping it undoes what was done to the file.
#[derive(Debug)]
struct Registration {
    source: Source,
    was_blocking: bool,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.source.unregister();
        if self.was_blocking {
            // The descriptor is open, and its flags were changed before.
            let _ = ioctl_fionbio(&self.source, false);
        }
    }
}

/// Asks the kernel whether there is readiness to wait for. io_uring takes any file and calls those
/// without readiness always ready; epoll refuses them.
fn check_pollable(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let judge = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let data = epoll::EventData::new_u64(0);
    match epoll::add(&judge, descriptor, data, epoll::EventFlags::IN) {
        Err(Errno::PERM) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this descriptor is never waited for (EPERM): it is a regular file, a directory or a \
             device without readiness; call it at once, or by off_core where it may block",
        )),
        outcome => Ok(outcome?),
    }
}
