//! The reading end.
//!
//! Invariant: a message is looked at only behind its stamp, and its length is checked each time. A
//! reader with a place in the file publishes its position after it has done with a message; one
//! without copies, and gives only what was whole.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use bytemuck::AnyBitPattern;

use super::alarm::Alarm;
use super::error::{ReadError, RingError};
use super::layout::{ARRIVALS_AT, Cursor, POSITION_MAX, Part};
use super::memory::Memory;
use super::options::Kind;
use super::presence::{Peer, Presence, is_played};
use super::wait::{Attempt, End, Wait};
use super::writer::ALIGNMENT;
use crate::cores::seqlock::Copied;
use crate::cores::slots::filled;
use crate::cores::waiting::Waiting;

/// A reading end of a [`Ring`](super::Ring). It may move from one thread to another.
pub struct Reader {
    memory: Arc<Memory>,
    next: Cursor,
    writer: Peer,
    /// `None` where the ring knows nothing of its readers.
    presence: Option<Presence>,
    /// Of a ring that is overwritten while it is read: the message that was copied last.
    copy: Vec<u128>,
    waiting: Waiting,
}

impl Reader {
    /// A reader that leaves no trace in the file.
    pub(super) fn without_place(memory: &Arc<Memory>, position: u64) -> Result<Self, RingError> {
        let copy = vec![0; memory.slot_bytes().div_ceil(ALIGNMENT)];
        Self::new(memory, position, None, copy)
    }

    /// A reader with a place in the file; `None` where somebody has it.
    pub(super) fn at_place(memory: &Arc<Memory>, place: Part) -> Result<Option<Self>, RingError> {
        let position = memory.position(place);
        let begins_now = memory.layout.options.kind == Kind::Broadcast;
        // From the moment that the writer sees the reader it waits for it.
        let prepare = || {
            if begins_now {
                position.store(memory.tail().load(Ordering::Acquire), Ordering::Relaxed);
            }
        };
        let Some(presence) = Presence::take(memory, place, prepare)? else { return Ok(None) };
        if begins_now {
            // The writer may not have seen it in time, and be further by now. Of its fence and this
            // one, one comes first: it sees the reader, or the reader sees how far it was.
            fence(Ordering::SeqCst);
            position.store(memory.tail().load(Ordering::Acquire), Ordering::Release);
        }
        let begin = position.load(Ordering::Relaxed);
        Self::new(memory, begin, Some(presence), Vec::new()).map(Some)
    }

    fn new(
        memory: &Arc<Memory>,
        position: u64,
        presence: Option<Presence>,
        copy: Vec<u128>,
    ) -> Result<Self, RingError> {
        if position >= POSITION_MAX {
            return Err(RingError::NotARing("a position in it is beyond all messages".into()));
        }
        if let Some(presence) = &presence {
            presence.settle();
        }
        memory.word(ARRIVALS_AT).fetch_add(1, Ordering::Release);
        memory.room().ring();
        Ok(Self {
            memory: Arc::clone(memory),
            next: memory.layout.cursor(position),
            writer: Peer::default(),
            presence,
            copy,
            waiting: Waiting::default(),
        })
    }

    /// Whether there is a message; else the stamp that was seen.
    #[inline]
    fn look(&mut self) -> Result<(), (ReadError, u64)> {
        let stamp = self.memory.stamp(self.next).load(Ordering::Acquire);
        if stamp == filled(self.next.position) {
            return Ok(());
        }
        self.look_closer(stamp)
    }

    fn look_closer(&mut self, stamp: u64) -> Result<(), (ReadError, u64)> {
        // The lowest bit says that the position is being written.
        if stamp | 1 > filled(self.next.position) | 1 {
            return Err((self.fall_behind(stamp), stamp));
        }
        if !self.writer.is_gone(&self.memory, Part::Writer) {
            return Err((ReadError::Empty, stamp));
        }
        // What it did before it went has happened by now.
        match self.memory.stamp(self.next).load(Ordering::Acquire) {
            last if last == filled(self.next.position) => Ok(()),
            last if last | 1 > filled(self.next.position) | 1 => {
                Err((self.fall_behind(last), last))
            }
            last => Err((ReadError::Disconnected, last)),
        }
    }

    /// The slot has a later message: goes on with the oldest one that is left.
    #[cold]
    fn fall_behind(&mut self, stamp: u64) -> ReadError {
        let capacity = self.memory.capacity();
        // A stamp is twice the number of messages up to its own.
        let end = (stamp >> 1).max(self.memory.tail().load(Ordering::Acquire));
        let oldest = end.saturating_sub(capacity);
        if self.presence.is_some() || end >= POSITION_MAX || oldest <= self.next.position {
            return ReadError::Corrupt;
        }
        let lost = oldest - self.next.position;
        self.next = self.memory.layout.cursor(oldest);
        ReadError::Lagged(lost)
    }

    /// The bytes of the next message, which lies in place or is copied.
    #[inline]
    fn fetch(&mut self) -> Result<usize, ReadError> {
        self.look().map_err(|(error, _)| error)?;
        if self.presence.is_some() {
            let length = self.memory.length(self.next).load(Ordering::Relaxed);
            let slot_bytes = self.memory.slot_bytes() as u64;
            return if length <= slot_bytes {
                Ok(length as usize)
            } else {
                Err(ReadError::Corrupt)
            };
        }
        let longest = self.memory.slot_bytes();
        let into = &mut bytemuck::cast_slice_mut(&mut self.copy)[..longest];
        match self.memory.seqlock(self.next).read(self.next.position, into) {
            Copied::Message(length) => Ok(length),
            Copied::TooLong => Err(ReadError::Corrupt),
            // Overwritten since the look above: so another look says how far the writer is.
            Copied::Changed => match self.look() {
                Err((error, _)) => Err(error),
                Ok(()) => Err(ReadError::Corrupt),
            },
        }
    }

    #[inline]
    fn pass(&mut self) {
        self.memory.layout.advance(&mut self.next);
        if let Some(presence) = &self.presence {
            let position = self.memory.position(presence.part());
            position.store(self.next.position, Ordering::Release);
            self.memory.room().ring();
        }
    }

    /// Borrows the next message, without taking it and without waiting: where it lies, or of a
    /// [`Kind::BroadcastLossy`] a copy.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    #[inline]
    pub fn try_borrow(&mut self) -> Result<Message<'_>, ReadError> {
        let length = self.fetch()?;
        Ok(Message { reader: self, length })
    }

    fn attempt(&mut self) -> Attempt<ReadError> {
        match self.look() {
            Err((ReadError::Empty, seen)) => {
                Attempt::Wait { word_at: self.memory.stamp_at(self.next), seen }
            }
            looked => Attempt::Done(looked.map_err(|(error, _)| error)),
        }
    }

    fn attempt_connected(&mut self) -> Attempt<ReadError> {
        let seen = self.memory.generation(Part::Writer).load(Ordering::Acquire);
        // A writer may have come and gone again, and have left something.
        match self.look() {
            Err((ReadError::Empty | ReadError::Disconnected, _)) => {}
            left => return Attempt::Done(left.map_err(|(error, _)| error)),
        }
        if is_played(&self.memory, Part::Writer) {
            return Attempt::Done(Ok(()));
        }
        Attempt::Wait { word_at: Part::Writer.generation_at(), seen }
    }

    /// Waits until there is a message, and leaves it there.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    ///
    /// # Panics
    ///
    /// Where it has to wait outside of a runtime.
    #[track_caller]
    pub fn ready(&mut self) -> impl Future<Output = Result<(), ReadError>> + Send {
        Wait::new(self, Self::attempt, Location::caller())
    }

    /// As [`try_borrow`](Self::try_borrow), after waiting for a message.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    ///
    /// # Panics
    ///
    /// Where it has to wait outside of a runtime.
    #[track_caller]
    pub fn borrow(&mut self) -> impl Future<Output = Result<Message<'_>, ReadError>> + Send {
        let location = Location::caller();
        async move {
            Wait::new(self, Self::attempt, location).await?;
            self.try_borrow()
        }
    }

    /// As [`try_borrow`](Self::try_borrow); the thread sleeps until there is a message.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn borrow_blocking(&mut self) -> Result<Message<'_>, ReadError> {
        Wait::new(self, Self::attempt, Location::caller()).block(None)?;
        self.try_borrow()
    }

    /// As [`borrow_blocking`](Self::borrow_blocking), for no longer than `limit`.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn borrow_timeout(&mut self, limit: Duration) -> Result<Message<'_>, ReadError> {
        Wait::new(self, Self::attempt, Location::caller()).block(Some(limit))?;
        self.try_borrow()
    }

    /// Takes the next message as a value, without waiting.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    #[inline]
    pub fn try_recv<T: AnyBitPattern>(&mut self) -> Result<T, ReadError> {
        self.try_borrow()?.take()
    }

    /// Takes the next message as a value, after waiting for one.
    ///
    /// Cancel-safe: where it is dropped before it is done, no message is lost.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    ///
    /// # Panics
    ///
    /// Where it has to wait outside of a runtime.
    #[track_caller]
    pub fn recv<T: AnyBitPattern>(&mut self) -> impl Future<Output = Result<T, ReadError>> + Send {
        let borrow = self.borrow();
        async move { borrow.await?.take() }
    }

    /// Takes the next message as a value; the thread sleeps until there is one.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn recv_blocking<T: AnyBitPattern>(&mut self) -> Result<T, ReadError> {
        self.borrow_blocking()?.take()
    }

    /// Waits until there is a writer that lives, or a message.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`ReadError::Lagged`] as for every read, [`ReadError::Cancelled`] where the task was asked
    /// to stop.
    ///
    /// # Panics
    ///
    /// Where it has to wait outside of a runtime.
    #[track_caller]
    pub fn connected(&mut self) -> impl Future<Output = Result<(), ReadError>> + Send {
        Wait::new(self, Self::attempt_connected, Location::caller())
    }

    /// As [`connected`](Self::connected), on a plain thread, for no longer than `limit`.
    ///
    /// # Errors
    ///
    /// [`ReadError::Timeout`] where none came in time.
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn connected_timeout(&mut self, limit: Duration) -> Result<(), ReadError> {
        Wait::new(self, Self::attempt_connected, Location::caller()).block(Some(limit))
    }

    /// How many messages came before the next one since the ring was made, for
    /// [`Ring::reader_from`](super::Ring::reader_from).
    pub fn position(&self) -> u64 {
        self.next.position
    }
}

impl End for Reader {
    type Error = ReadError;
    const WAIT: &'static str = "shared memory ring borrow";
    const TIMEOUT: ReadError = ReadError::Timeout;

    fn parts(&mut self) -> (&Arc<Memory>, &mut Waiting) {
        (&self.memory, &mut self.waiting)
    }

    fn alarm(memory: &Memory) -> Alarm<'_> {
        memory.items()
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("position", &self.position()).finish_non_exhaustive()
    }
}

/// A message that was borrowed: in place, or of a [`Kind::BroadcastLossy`] a copy. It is aligned to
/// 16 bytes, and stays the next one until it is [released](Self::release).
#[derive(Debug)]
#[must_use = "a message that is not released stays the next one"]
pub struct Message<'a> {
    reader: &'a mut Reader,
    length: usize,
}

impl Message<'_> {
    /// Gives the slot back: the next message is the one behind it.
    #[inline]
    pub fn release(self) {
        self.reader.pass();
    }

    /// Copies the message out as a value, and releases it. One of another length stays.
    ///
    /// # Errors
    ///
    /// [`ReadError::WrongLength`].
    #[inline]
    pub fn take<T: AnyBitPattern>(self) -> Result<T, ReadError> {
        let value = bytemuck::try_pod_read_unaligned(&self)
            .map_err(|_| ReadError::WrongLength { bytes: self.length, expected: size_of::<T>() })?;
        self.release();
        Ok(value)
    }
}

impl Deref for Message<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        let Reader { memory, next, presence, copy, .. } = &*self.reader;
        if presence.is_some() {
            // SAFETY: the stamp was seen, and the writer waits for readers with a place.
            return unsafe { memory.message(*next, self.length) };
        }
        &bytemuck::cast_slice(copy)[..self.length]
    }
}
