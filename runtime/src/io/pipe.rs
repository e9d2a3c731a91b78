//! The two ends of a pipe: between tasks, threads and processes, and to the streams of a child.
//!
//! Reads and writes are non-blocking calls in the caller's own memory; only where they would block
//! is readiness waited for. Dropping a future that is pending has moved no byte.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll};

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use super::descriptor::InFlight;
use super::outbound::one_call;
use super::{Interest, Source, broken_pipe};
use crate::executor::yield_now;
use crate::task::waiting;

/// Room that a read to the end makes at least, in bytes.
const READ_BYTES_MIN: usize = 16_384;

/// Makes a pipe: what is written to one end is read from the other.
///
/// Neither end is inherited by child processes. The kernel holds 64 KiB between them, then writes
/// wait. To give an end to a child, use [`PipeReader::into_std`] or [`PipeWriter::into_std`].
///
/// # Errors
///
/// `EMFILE` or `ENFILE` where no descriptor is left.
///
/// # Panics
///
/// Outside of a runtime.
///
/// ```
/// taut_runtime::run(async {
///     let (mut reader, mut writer) = taut_runtime::io::pipe()?;
///     writer.write_all(b"through the kernel").await?;
///     drop(writer);
///     let mut all = Vec::new();
///     reader.read_to_end(&mut all).await?;
///     assert_eq!(all, b"through the kernel");
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (from, to) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    Ok((PipeReader::new(Source::new(from)), PipeWriter::new(Source::new(to))))
}

/// The reading end of a pipe, or of a terminal.
#[derive(Debug)]
pub struct PipeReader {
    source: Source,
    /// A wait of the poll methods.
    wait: Option<InFlight>,
    /// One end of a file that the other end shares; and when its last user has closed it, reads
    /// fail with `EIO`.
    terminal: bool,
}

impl PipeReader {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, wait: None, terminal: false }
    }

    pub(crate) fn of_terminal(source: Source) -> Self {
        Self { source, wait: None, terminal: true }
    }

    /// Takes over an end that was made elsewhere, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// What `ioctl(2)` tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn from_std(pipe: impl Into<OwnedFd>) -> io::Result<Self> {
        Source::nonblocking(pipe.into()).map(Self::new)
    }

    /// The end as the standard library and child processes want it: blocking.
    ///
    /// # Errors
    ///
    /// What `ioctl(2)` tells; `EMFILE` where a wait was just given up and a copy is needed;
    /// `Unsupported` for a terminal, whose other end would block, too.
    pub fn into_std(self) -> io::Result<io::PipeReader> {
        refuse_terminal(self.terminal)?;
        drop(self.wait);
        self.source.into_blocking().map(io::PipeReader::from)
    }

    /// Reads what is there, up to the length of `to`, and says how much; 0 at the end, when no
    /// writer is left, or where `to` is empty. Cancel-safe.
    ///
    /// # Errors
    ///
    /// `ECANCELED` in a cancelled task; what `read(2)` tells.
    #[track_caller]
    pub fn read(&mut self, to: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        waiting("pipe read", async { self.call(|source| rustix::io::read(source, &mut *to)).await })
    }

    /// Fills `to`. Not cancel-safe: bytes that a dropped future read are gone from the pipe.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` where the pipe ends before; as for [`read`](Self::read).
    #[track_caller]
    pub fn read_exact(&mut self, to: &mut [u8]) -> impl Future<Output = io::Result<()>> {
        waiting("pipe read", async {
            let mut filled = 0;
            while filled < to.len() {
                match self.call(|source| rustix::io::read(source, &mut to[filled..])).await? {
                    0 => {
                        let message =
                            format!("the pipe ended after {filled} of {} bytes", to.len());
                        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
                    }
                    count => filled += count,
                }
            }
            Ok(())
        })
    }

    /// Appends all bytes up to the end and says how many. What a dropped future read is in `to`.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[track_caller]
    pub fn read_to_end(&mut self, to: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> {
        waiting("pipe read", async {
            let before = to.len();
            loop {
                to.reserve(READ_BYTES_MIN);
                if self.call(|source| rustix::io::read(source, spare_capacity(to))).await? == 0 {
                    return Ok(to.len() - before);
                }
                // A writer in another process may never let the pipe run dry.
                yield_now().await;
            }
        })
    }

    /// As [`read`](Self::read), for futures written by hand.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        to: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_call(context, |source| rustix::io::read(source, &mut *to))
    }

    /// Appends the next bytes to `to`; 0 at the end.
    pub(crate) fn poll_read_more(
        &mut self,
        context: &mut Context<'_>,
        to: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        to.reserve(READ_BYTES_MIN);
        self.poll_call(context, |source| rustix::io::read(source, spare_capacity(to)))
    }

    async fn call(
        &self,
        mut read: impl FnMut(&Source) -> Result<usize, Errno>,
    ) -> io::Result<usize> {
        let call = || end(read(&self.source), self.terminal);
        self.source.call(Interest::Readable, call).await
    }

    fn poll_call(
        &mut self,
        context: &Context<'_>,
        mut read: impl FnMut(&Source) -> Result<usize, Errno>,
    ) -> Poll<io::Result<usize>> {
        let Self { source, wait, terminal } = self;
        let call = || end(read(source), *terminal);
        source.poll_call(Interest::Readable, wait, context, call)
    }
}

/// What a read gave; a terminal's end is told as the end.
fn end(read: Result<usize, Errno>, terminal: bool) -> io::Result<usize> {
    match read {
        Err(Errno::IO) if terminal => Ok(0),
        read => Ok(read?),
    }
}

impl AsFd for PipeReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}

/// The writing end of a pipe, or of a terminal. Dropping it ends the pipe for its reader.
#[derive(Debug)]
pub struct PipeWriter {
    /// Nothing, once the writer was closed through the I/O traits.
    source: Option<Source>,
    /// A wait of the poll methods.
    wait: Option<InFlight>,
    terminal: bool,
    /// `SIGPIPE` was, when this was made.
    signal_ignored: bool,
}

impl PipeWriter {
    pub(crate) fn new(source: Source) -> Self {
        let signal_ignored = broken_pipe::is_ignored();
        Self { source: Some(source), wait: None, terminal: false, signal_ignored }
    }

    pub(crate) fn of_terminal(source: Source) -> Self {
        Self { terminal: true, ..Self::new(source) }
    }

    /// As [`PipeReader::from_std`].
    ///
    /// # Errors
    ///
    /// As for [`PipeReader::from_std`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn from_std(pipe: impl Into<OwnedFd>) -> io::Result<Self> {
        Source::nonblocking(pipe.into()).map(Self::new)
    }

    /// As [`PipeReader::into_std`].
    ///
    /// # Errors
    ///
    /// As for [`PipeReader::into_std`]; `BrokenPipe` where the writer was closed.
    pub fn into_std(self) -> io::Result<io::PipeWriter> {
        refuse_terminal(self.terminal)?;
        drop(self.wait);
        self.source.ok_or_else(closed)?.into_blocking().map(io::PipeWriter::from)
    }

    /// Writes some of `bytes` and says how many: at least one, where there are any. Up to 4 KiB
    /// (`PIPE_BUF`) go in one piece. Cancel-safe: a pending write has written nothing.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` where no reader is left, without the signal `SIGPIPE`; `ECANCELED` in a
    /// cancelled task; what `write(2)` tells.
    #[track_caller]
    pub fn write(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> {
        waiting("pipe write", async { self.write_some(bytes).await })
    }

    /// Writes all of `bytes`. A dropped future may have written a part.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    #[track_caller]
    pub fn write_all(&mut self, mut bytes: &[u8]) -> impl Future<Output = io::Result<()>> {
        waiting("pipe write", async move {
            loop {
                bytes = &bytes[self.write_some(bytes).await?..];
                if bytes.is_empty() {
                    return Ok(());
                }
                // A reader in another process may never let the pipe be full.
                yield_now().await;
            }
        })
    }

    async fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let source = self.source.as_ref().ok_or_else(closed)?;
        let call = || self.guarded(|| rustix::io::write(source, bytes));
        source.call(Interest::Writable, call).await
    }

    /// As [`write`](Self::write), for futures written by hand.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_call(context, |source| rustix::io::write(source, bytes))
    }

    /// As [`poll_write`](Self::poll_write), with several slices and one system call.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let slices = one_call(slices);
        self.poll_call(context, |source| rustix::io::writev(source, slices))
    }

    fn poll_call(
        &mut self,
        context: &Context<'_>,
        write: impl Fn(&Source) -> Result<usize, Errno>,
    ) -> Poll<io::Result<usize>> {
        let mut wait = self.wait.take();
        let source = self.source.as_ref().ok_or_else(closed)?;
        let call = || self.guarded(|| write(source));
        let polled = source.poll_call(Interest::Writable, &mut wait, context, call);
        self.wait = wait;
        polled
    }

    fn guarded(&self, write: impl Fn() -> Result<usize, Errno>) -> io::Result<usize> {
        if self.signal_ignored {
            return Ok(write()?);
        }
        broken_pipe::hold_off(|| Ok(write()?))
    }

    /// Ends the pipe for its reader, as dropping it does.
    #[cfg(any(feature = "futures-io", feature = "tokio-io"))]
    pub(crate) fn close(&mut self) {
        self.wait = None;
        self.source = None;
    }
}

fn refuse_terminal(terminal: bool) -> io::Result<()> {
    if terminal {
        let message = "both ends of a terminal are one file, and would block together";
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    }
    Ok(())
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "this end of the pipe was closed by its own user")
}
