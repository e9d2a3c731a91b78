//! A file as a stream: transfers one after the other, from and to borrowed memory.
//!
//! The bytes pass through one buffer of the file's, which the operation owns while it is in flight.
//! Invariants: the position moves by what was handed to the reader, or by what the kernel has
//! written, and by nothing else. A read whose future was dropped stays, and the next read takes its
//! bytes. A write whose future was dropped runs on, and whatever comes next waits for it.
//!
//! Costs a copy of up to [`CHUNK_BYTES_MAX`] bytes a call, for a write a comparison, too; the
//! buffer grows to the largest call.

use std::fmt;
use std::io::{self, SeekFrom};
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

use rustix::fs::seek;

use super::buffer::Buffer;
use super::operation::{CURRENT_POSITION, FileDescriptor, FileOperation, Outcome};
use super::perform::Performing;
use crate::executor::{current, try_current};

/// The most bytes that one call moves.
pub(super) const CHUNK_BYTES_MAX: usize = 256 << 10;

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
    pub(super) target: Option<SeekFrom>,
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

    pub(super) fn poll_read(
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

    pub(super) fn poll_write(
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

    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_ended(context, &[]).map(|ended| ended.map(drop))
    }

    pub(super) fn poll_seek(
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

    pub(super) fn poll_length(
        &mut self,
        file: &FileDescriptor,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<u64>> {
        ready!(self.poll_flush(context))?;
        // Asked first, because an append's position is the kernel's, which now moves.
        self.position(file)?;
        Poll::Ready(length(file))
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
