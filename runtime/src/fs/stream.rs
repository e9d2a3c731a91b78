//! A file as a stream: transfers one after the other, from and to borrowed memory.
//!
//! The bytes pass through one buffer of the file's, which the operation owns while it is in flight.
//! Invariants: the position moves by what was handed to the reader, or by what the kernel has
//! written, and by nothing else. A read whose future was dropped stays, and the next read takes its
//! bytes. A write whose future was dropped runs on, and whatever comes next waits for it.
//!
//! Costs a copy of up to [`CHUNK_BYTES_MAX`] bytes a call; the buffer grows to the largest call.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, SeekFrom};
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

use rustix::fs::seek;

use super::File;
use super::buffer::Buffer;
use super::error::on;
use super::operation::{CURRENT_POSITION, FileDescriptor, FileOperation, Outcome};
use super::perform::Performing;
use crate::executor::{current, try_current};
use crate::task::waiting;

/// The most bytes that one call moves.
const CHUNK_BYTES_MAX: usize = 256 << 10;

/// See the module's documentation.
pub(super) struct Stream {
    position: u64,
    /// Each write goes to the file's end, where only the kernel knows the position after it.
    appends: bool,
    position_unknown: bool,
    /// What was read and not taken yet, from `taken` on; else memory to be used again.
    buffer: Vec<u8>,
    taken: usize,
    pending: Option<Pending>,
    /// Where to seek when polled, for the traits that split a seek in two.
    #[cfg(feature = "tokio-io")]
    target: Option<SeekFrom>,
}

enum Pending {
    Read(Performing),
    Write(Performing),
}

impl Stream {
    pub(super) fn new(position: u64, appends: bool) -> Self {
        let buffer = Vec::new();
        Self {
            position,
            appends,
            position_unknown: false,
            buffer,
            taken: 0,
            pending: None,
            #[cfg(feature = "tokio-io")]
            target: None,
        }
    }

    /// Another one at the same place.
    pub(super) fn fresh(&self) -> Self {
        let position_unknown = self.position_unknown;
        Self { position_unknown, ..Self::new(self.position, self.appends) }
    }

    /// Where the next read begins.
    pub(super) fn position_by(&self, file: impl AsFd) -> io::Result<u64> {
        match self.position_unknown {
            false => Ok(self.position),
            true => counted_seek(file, rustix::fs::SeekFrom::Current(0)),
        }
    }

    fn position(&mut self, file: &FileDescriptor) -> io::Result<u64> {
        self.position = self.position_by(file)?;
        self.position_unknown = false;
        Ok(self.position)
    }

    fn unread(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }

    /// Forgets what was read ahead of the position.
    fn discard_reads(&mut self) {
        if let Some(Pending::Read(_)) = self.pending {
            self.pending = None;
        }
        self.buffer.clear();
        self.taken = 0;
    }

    /// What is under way has ended: takes its buffer back.
    fn ended(&mut self, outcome: Outcome) -> io::Result<usize> {
        self.pending = None;
        self.taken = 0;
        self.buffer = match outcome.operation.and_then(FileOperation::into_buffer) {
            Some(Buffer::Vec(buffer)) => buffer,
            _ => Vec::new(),
        };
        outcome.result
    }

    /// Ends a read that is under way; what it brought is unread then.
    fn poll_read_ended(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(Pending::Read(performing)) = &mut self.pending {
            let outcome = ready!(performing.poll(context))?;
            self.ended(outcome)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Ends a write that is under way; gives how much it wrote, if it was one of these bytes.
    ///
    /// A caller comes with the same bytes until it has the result, unless it dropped the future.
    /// With equal ones, that dropped write, of which nobody knows whether it happened, and the new
    /// one become one.
    fn poll_write_ended(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<Option<usize>>> {
        let Some(Pending::Write(performing)) = &mut self.pending else {
            return Poll::Ready(Ok(None));
        };
        let outcome = ready!(performing.poll(context))?;
        let result = self.ended(outcome);
        let same = self.buffer == bytes[..bytes.len().min(CHUNK_BYTES_MAX)];
        self.buffer.clear();
        let count = result?;
        self.position += count as u64;
        self.position_unknown |= self.appends;
        Poll::Ready(Ok(same.then_some(count)))
    }

    fn poll_read(
        &mut self,
        file: &FileDescriptor,
        context: &mut Context<'_>,
        to: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if to.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.pending.is_none() {
            ready!(current().checkpoint(context))?;
        }
        ready!(self.poll_flush(context))?;
        if self.pending.is_none() && self.unread().is_empty() {
            let offset = self.position(file)?;
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.clear();
            self.taken = 0;
            let bytes_max = to.len().min(CHUNK_BYTES_MAX);
            buffer.reserve(bytes_max);
            let (file, buffer) = (file.clone(), Buffer::Vec(buffer));
            let read = FileOperation::Read { file, buffer, bytes_max: bytes_max as u32, offset };
            self.pending = Some(Pending::Read(Performing::start(current().handle(), read)));
        }
        ready!(self.poll_read_ended(context))?;
        let count = self.unread().len().min(to.len());
        to[..count].copy_from_slice(&self.unread()[..count]);
        self.taken += count;
        self.position += count as u64;
        Poll::Ready(Ok(count))
    }

    fn poll_write(
        &mut self,
        file: &FileDescriptor,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.pending.is_none() {
            ready!(current().checkpoint(context))?;
        }
        if let Some(count) = ready!(self.poll_write_ended(context, bytes))? {
            return Poll::Ready(Ok(count));
        }
        self.discard_reads();
        let offset = if self.appends { CURRENT_POSITION } else { self.position(file)? };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.extend_from_slice(&bytes[..bytes.len().min(CHUNK_BYTES_MAX)]);
        let (file, buffer) = (file.clone(), Buffer::Vec(buffer));
        let write = FileOperation::Write { file, buffer, written: 0, offset };
        self.pending = Some(Pending::Write(Performing::start(current().handle(), write)));
        self.poll_write_ended(context, bytes).map(|ended| Ok(ended?.unwrap_or(0)))
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_ended(context, &[]).map(|ended| ended.map(drop))
    }

    fn poll_seek(
        &mut self,
        file: &FileDescriptor,
        context: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        ready!(self.poll_flush(context))?;
        let (base, distance) = match to {
            SeekFrom::Start(offset) => (offset, 0),
            SeekFrom::Current(distance) => (self.position(file)?, distance),
            // No operation: it does not wait, and knows the length of a block device, too.
            SeekFrom::End(distance) => (length(file)?, distance),
        };
        let target = base.checked_add_signed(distance).filter(|target| *target <= i64::MAX as u64);
        let Some(target) = target else {
            let what = "seeking to before the file's first byte, or beyond the last possible one";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidInput, what)));
        };
        if self.position_unknown || target != self.position {
            self.discard_reads();
        }
        (self.position, self.position_unknown) = (target, false);
        Poll::Ready(Ok(target))
    }
}

/// The file's length. The kernel's own position, which only appends use and set, moves.
fn length(file: &FileDescriptor) -> io::Result<u64> {
    counted_seek(file, rustix::fs::SeekFrom::End(0))
}

fn counted_seek(file: impl AsFd, to: rustix::fs::SeekFrom) -> io::Result<u64> {
    if let Some(core) = try_current() {
        core.counters.syscalls.increment();
    }
    Ok(seek(file, to)?)
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending = self.pending.as_ref().map(|pending| match pending {
            Pending::Read(_) => "read",
            Pending::Write(_) => "write",
        });
        f.debug_struct("Stream")
            .field("position", &self.position)
            .field("pending", &pending)
            .finish_non_exhaustive()
    }
}

impl File {
    /// Reads the next bytes into `to` and says how many, up to 262 144; 0 at the end of the file.
    ///
    /// Cancel-safe: a dropped read leaves the position where it was.
    ///
    /// # Errors
    ///
    /// What pread(2) tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn read(&mut self, to: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        waiting("reading a file", poll_fn(|context| self.poll_read(context, to)))
    }

    /// Fills `to`. Not cancel-safe: the position of a dropped one is after what was read.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` where the file ends before; as for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn read_exact(&mut self, to: &mut [u8]) -> impl Future<Output = io::Result<()>> {
        waiting("reading a file", async move {
            let mut read = 0;
            while read < to.len() {
                match poll_fn(|context| self.poll_read(context, &mut to[read..])).await? {
                    0 => {
                        let what = format!("the file ends {} bytes too early", to.len() - read);
                        let error = io::Error::new(io::ErrorKind::UnexpectedEof, what);
                        return Err(on("read", self.descriptor(), error));
                    }
                    count => read += count,
                }
            }
            Ok(())
        })
    }

    /// Appends all bytes from the position to the end of the file, and says how many. What a
    /// dropped one read is in `to`.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read); what was read before is in `to`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn read_to_end(&mut self, to: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> {
        waiting("reading a file", async move {
            let before = to.len();
            let mut chunk = [0; 4096].to_vec();
            loop {
                let count = poll_fn(|context| self.poll_read(context, &mut chunk)).await?;
                if count == 0 {
                    return Ok(to.len() - before);
                }
                to.extend_from_slice(&chunk[..count]);
                if count == chunk.len() && count < CHUNK_BYTES_MAX {
                    chunk.resize(count * 4, 0);
                }
            }
        })
    }

    /// As [`read_to_end`](Self::read_to_end), for text.
    ///
    /// # Errors
    ///
    /// `InvalidData` where the bytes are not UTF-8, and then `to` is as it was; as for
    /// [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn read_to_string(&mut self, to: &mut String) -> impl Future<Output = io::Result<usize>> {
        let mut bytes = Vec::new();
        waiting("reading a file", async move {
            self.read_to_end(&mut bytes).await?;
            let text = String::from_utf8(bytes).map_err(|error| {
                let error = io::Error::new(io::ErrorKind::InvalidData, error);
                on("read", self.descriptor(), error)
            })?;
            to.push_str(&text);
            Ok(text.len())
        })
    }

    /// Writes the first bytes of `bytes` at the position, and says how many, up to 262 144. They are
    /// with the kernel then.
    ///
    /// A dropped write may still happen; the next call on the stream waits for it.
    ///
    /// # Errors
    ///
    /// What pwrite(2) tells, also of a write that was dropped before.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn write(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> {
        waiting("writing a file", poll_fn(|context| self.poll_write(context, bytes)))
    }

    /// Writes all of `bytes` at the position. Of a dropped one any number of bytes from the first
    /// on may be written.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> {
        waiting("writing a file", async move {
            let mut rest = bytes;
            while !rest.is_empty() {
                match poll_fn(|context| self.poll_write(context, rest)).await? {
                    0 => {
                        let error = io::Error::from(io::ErrorKind::WriteZero);
                        return Err(on("write", self.descriptor(), error));
                    }
                    count => rest = &rest[count..],
                }
            }
            Ok(())
        })
    }

    /// Waits for a write whose future was dropped. For the disk there is
    /// [`sync_data`](Self::sync_data).
    ///
    /// # Errors
    ///
    /// That write's.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn flush(&mut self) -> impl Future<Output = io::Result<()>> {
        waiting("writing a file", poll_fn(|context| self.poll_flush(context)))
    }

    /// Moves the position and gives the new one. Waits only for a write whose future was dropped.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a place before the first byte.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn seek(&mut self, to: SeekFrom) -> impl Future<Output = io::Result<u64>> {
        waiting("writing a file", poll_fn(move |context| self.poll_seek(context, to)))
    }

    /// Moves the position to the first byte.
    ///
    /// # Errors
    ///
    /// Those of a write that was dropped before.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn rewind(&mut self) -> impl Future<Output = io::Result<()>> {
        let seeking = self.seek(SeekFrom::Start(0));
        async move { seeking.await.map(drop) }
    }

    /// The position: where the next read begins, and the next write, unless the file was opened to
    /// append.
    ///
    /// # Errors
    ///
    /// Those of a write that was dropped before.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn stream_position(&mut self) -> impl Future<Output = io::Result<u64>> {
        self.seek(SeekFrom::Current(0))
    }

    /// Number of bytes in the file; of a block device, too.
    ///
    /// # Errors
    ///
    /// `NotSeekable` for what has no length; those of a write that was dropped before.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn length(&mut self) -> impl Future<Output = io::Result<u64>> {
        let flushed = poll_fn(|context| {
            self.named("seek", |stream, file| {
                ready!(stream.poll_flush(context))?;
                // Asked first, because an append's position is the kernel's, which now moves.
                stream.position(file)?;
                Poll::Ready(length(file))
            })
        });
        waiting("writing a file", flushed)
    }

    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        to: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.named("read", |stream, file| stream.poll_read(file, context, to))
    }

    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.named("write", |stream, file| stream.poll_write(file, context, bytes))
    }

    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.named("write", |stream, _| stream.poll_flush(context))
    }

    pub(super) fn poll_seek(
        &mut self,
        context: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        self.named("seek", |stream, file| stream.poll_seek(file, context, to))
    }

    #[cfg(feature = "tokio-io")]
    pub(super) fn seek_started(&mut self, to: SeekFrom) {
        self.stream_and_descriptor().0.target = Some(to);
    }

    /// Does the seek that was started, if any, and gives the position.
    #[cfg(feature = "tokio-io")]
    pub(super) fn poll_sought(&mut self, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let to = self.stream_and_descriptor().0.target.unwrap_or(SeekFrom::Current(0));
        let position = ready!(self.poll_seek(context, to));
        self.stream_and_descriptor().0.target = None;
        Poll::Ready(position)
    }

    /// Errors of the stream get the operation and the path.
    fn named<T>(
        &mut self,
        what: &'static str,
        call: impl FnOnce(&mut Stream, &FileDescriptor) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let (stream, file) = self.stream_and_descriptor();
        call(stream, file).map(|result| result.map_err(|error| on(what, file, error)))
    }
}
