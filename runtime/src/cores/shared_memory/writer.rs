//! The writing end.
//!
//! Invariant: a slot is written only once every reader that holds up the writer has passed what was
//! in it, and its stamp comes last; so a claim that is dropped, or whose process dies, leaves
//! nothing, and the next claim has the same slot. Positions that other processes have written are
//! checked before they are counted with.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use bytemuck::NoUninit;

use super::alarm::Alarm;
use super::error::{RingError, WriteError};
use super::layout::{ARRIVALS_AT, Cursor, POSITION_GONE, POSITION_MAX, Part};
use super::memory::Memory;
use super::options::Kind;
use super::presence::{Peer, Presence, is_read, reclaim};
use super::wait::{Attempt, End, Wait};
use crate::cores::slots::filled;
use crate::cores::waiting::Waiting;

/// The only reader of a [`Kind::Spsc`].
const READER: Part = Part::Reader(0);

/// Bytes of [`u128`], which gives a message of its own an alignment as good as in place.
pub(super) const ALIGNMENT: usize = size_of::<u128>();

/// The writing end of a [`Ring`](super::Ring). It may move from one thread to another.
///
/// Dropping it leaves what was written to the readers, and the part to the next writer.
pub struct Writer {
    memory: Arc<Memory>,
    next: Cursor,
    /// What every reader had passed that had to be waited for, when that was last looked at.
    passed: u64,
    reader: Peer,
    /// Of a ring whose readers copy: where the message is written until it is committed.
    staged: Vec<u128>,
    waiting: Waiting,
    /// Held for its destructor.
    _presence: Presence,
}

impl Writer {
    pub(super) fn new(memory: &Arc<Memory>, presence: Presence) -> Result<Self, RingError> {
        let tail = memory.tail().load(Ordering::Acquire);
        if tail >= POSITION_MAX {
            return Err(RingError::NotARing("its tail is beyond all messages".into()));
        }
        let mut next = memory.layout.cursor(tail);
        // The writer before may have been killed between a stamp and the tail.
        if memory.stamp(next).load(Ordering::Acquire) == filled(tail) {
            memory.layout.advance(&mut next);
            memory.tail().store(next.position, Ordering::Release);
        }
        let lossy = memory.layout.options.kind == Kind::BroadcastLossy;
        let staged = if lossy { memory.slot_bytes().div_ceil(ALIGNMENT) } else { 0 };
        Ok(Self {
            memory: Arc::clone(memory),
            next,
            // As if the ring were full, so that the first claim looks.
            passed: next.position.saturating_sub(memory.capacity()),
            reader: Peer::default(),
            staged: vec![0; staged],
            waiting: Waiting::default(),
            _presence: presence,
        })
    }

    /// Whether there is room for a message; else the part that holds it up, and the position at
    /// which that was seen.
    #[inline]
    fn room(&mut self) -> Result<(), (WriteError, Part, u64)> {
        if !self.staged.is_empty() || self.next.position - self.passed < self.memory.capacity() {
            return Ok(());
        }
        self.look_for_room()
    }

    fn look_for_room(&mut self) -> Result<(), (WriteError, Part, u64)> {
        // After the tail was stored: a reader that comes now sees it, or is seen here.
        fence(Ordering::SeqCst);
        match self.memory.layout.options.kind {
            Kind::Spsc => {
                let position = self.memory.position(READER).load(Ordering::Acquire);
                if self.next.position.wrapping_sub(position) > self.memory.capacity() {
                    return Err((WriteError::Corrupt, READER, position));
                }
                self.passed = position;
                if self.next.position - position < self.memory.capacity() {
                    return Ok(());
                }
                match self.reader.is_gone(&self.memory, READER) {
                    true => Err((WriteError::Disconnected, READER, position)),
                    false => Err((WriteError::Full, READER, position)),
                }
            }
            _ => self.look_for_readers(),
        }
    }

    /// Looks how far the readers are that are there; those that died are not waited for any more.
    fn look_for_readers(&mut self) -> Result<(), (WriteError, Part, u64)> {
        let mut reclaims = false;
        loop {
            let (mut behind, mut slowest) = (0, None);
            for place in self.memory.readers() {
                let generation = self.memory.generation(place).load(Ordering::Acquire);
                if generation.is_multiple_of(2) || (reclaims && reclaim(&self.memory, place)) {
                    continue;
                }
                let position = self.memory.position(place).load(Ordering::Acquire);
                if position == POSITION_GONE {
                    continue;
                }
                // One that has just come may stand at a place that is overwritten already: it is on
                // its way to a later one.
                let own = self.next.position.wrapping_sub(position).min(self.memory.capacity());
                if own >= behind {
                    (behind, slowest) = (own, Some((place, position)));
                }
            }
            self.passed = self.next.position - behind;
            match slowest {
                Some((place, position)) if behind == self.memory.capacity() => {
                    if reclaims || !self.reader.is_due() {
                        return Err((WriteError::Full, place, position));
                    }
                    reclaims = true;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Claims the next slot for a message of `length` bytes, without waiting. What is in it at
    /// first is whatever was there before: write all of it.
    ///
    /// ```
    /// use taut_runtime::cores::shared_memory::{Kind, Options, Ring};
    ///
    /// let ring = Ring::create_unnamed(&Options::new(Kind::Spsc, 48, 16))?;
    /// let (mut writer, mut reader) = (ring.writer()?, ring.reader()?);
    /// let mut claim = writer.try_claim(4)?;
    /// claim.copy_from_slice(b"tick");
    /// claim.commit();
    /// let message = reader.try_borrow()?;
    /// assert_eq!(&*message, b"tick"); // where it was written: no copy was made
    /// message.release();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    #[inline]
    pub fn try_claim(&mut self, length: usize) -> Result<Claim<'_>, WriteError> {
        self.check_length(length)?;
        self.room().map_err(|(error, ..)| error)?;
        Ok(Claim { writer: self, length })
    }

    #[inline]
    fn check_length(&self, length: usize) -> Result<(), WriteError> {
        let slot_bytes = self.memory.slot_bytes();
        if length > slot_bytes {
            return Err(WriteError::TooLong { bytes: length, slot_bytes });
        }
        Ok(())
    }

    fn attempt(&mut self) -> Attempt<WriteError> {
        match self.room() {
            Err((WriteError::Full, part, seen)) => {
                Attempt::Wait { word_at: part.position_at(), seen }
            }
            room => Attempt::Done(room.map_err(|(error, ..)| error)),
        }
    }

    fn attempt_connected(&mut self) -> Attempt<WriteError> {
        let seen = self.memory.word(ARRIVALS_AT).load(Ordering::Acquire);
        let mut readers = self.memory.readers();
        if !self.staged.is_empty() || readers.any(|place| is_read(&self.memory, place)) {
            return Attempt::Done(Ok(()));
        }
        Attempt::Wait { word_at: ARRIVALS_AT, seen }
    }

    /// As [`try_claim`](Self::try_claim), after waiting for room.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    ///
    /// # Panics
    ///
    /// Where it has to wait outside of a runtime.
    #[track_caller]
    pub fn claim(
        &mut self,
        length: usize,
    ) -> impl Future<Output = Result<Claim<'_>, WriteError>> + Send {
        let location = Location::caller();
        async move {
            self.check_length(length)?;
            Wait::new(self, Self::attempt, location).await?;
            Ok(Claim { writer: self, length })
        }
    }

    /// As [`try_claim`](Self::try_claim); the thread sleeps until there is room.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn claim_blocking(&mut self, length: usize) -> Result<Claim<'_>, WriteError> {
        self.claim_within(length, None)
    }

    /// As [`claim_blocking`](Self::claim_blocking), for no longer than `limit`.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn claim_timeout(
        &mut self,
        length: usize,
        limit: Duration,
    ) -> Result<Claim<'_>, WriteError> {
        self.claim_within(length, Some(limit))
    }

    #[track_caller]
    fn claim_within(
        &mut self,
        length: usize,
        limit: Option<Duration>,
    ) -> Result<Claim<'_>, WriteError> {
        self.check_length(length)?;
        Wait::new(self, Self::attempt, Location::caller()).block(limit)?;
        Ok(Claim { writer: self, length })
    }

    /// Writes a value as a message, without waiting.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    #[inline]
    pub fn try_send<T: NoUninit>(&mut self, value: &T) -> Result<(), WriteError> {
        self.try_claim(size_of::<T>()).map(|claim| claim.commit_value(value))
    }

    /// Writes a value as a message, after waiting for room.
    ///
    /// Cancel-safe: where it is dropped before it is done, nothing was written.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    ///
    /// # Panics
    ///
    /// Where it has to wait outside of a runtime.
    #[track_caller]
    pub fn send<T: NoUninit>(&mut self, value: &T) -> impl Future<Output = Result<(), WriteError>> {
        let claim = self.claim(size_of::<T>());
        async move { claim.await.map(|claim| claim.commit_value(value)) }
    }

    /// Writes a value as a message; the thread sleeps until there is room.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn send_blocking<T: NoUninit>(&mut self, value: &T) -> Result<(), WriteError> {
        self.claim_blocking(size_of::<T>()).map(|claim| claim.commit_value(value))
    }

    /// Waits until there is a reader that lives; not at all with a
    /// [`Kind::BroadcastLossy`], whose readers nobody knows of.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`WriteError::Cancelled`] where the task was asked to stop.
    ///
    /// # Panics
    ///
    /// Where it has to wait outside of a runtime.
    #[track_caller]
    pub fn connected(&mut self) -> impl Future<Output = Result<(), WriteError>> + Send {
        Wait::new(self, Self::attempt_connected, Location::caller())
    }

    /// As [`connected`](Self::connected), on a plain thread, for no longer than `limit`.
    ///
    /// # Errors
    ///
    /// [`WriteError::Timeout`] where none came in time.
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn connected_timeout(&mut self, limit: Duration) -> Result<(), WriteError> {
        Wait::new(self, Self::attempt_connected, Location::caller()).block(Some(limit))
    }

    /// Messages that were ever written to the ring, by all writers together: the position of the
    /// next one.
    pub fn position(&self) -> u64 {
        self.next.position
    }
}

impl End for Writer {
    type Error = WriteError;
    const WAIT: &'static str = "shared memory ring claim";
    const TIMEOUT: WriteError = WriteError::Timeout;

    fn parts(&mut self) -> (&Arc<Memory>, &mut Waiting) {
        (&self.memory, &mut self.waiting)
    }

    fn alarm(memory: &Memory) -> Alarm<'_> {
        memory.room()
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("position", &self.position()).finish_non_exhaustive()
    }
}

/// The bytes of a message that is being written: in place, but with a
/// [`Kind::BroadcastLossy`]. They are aligned to 16 bytes. Dropping it gives the slot up, as if it
/// had not been claimed.
#[derive(Debug)]
#[must_use = "a claim that is dropped sends nothing: `commit` it"]
pub struct Claim<'a> {
    writer: &'a mut Writer,
    length: usize,
}

impl Claim<'_> {
    /// Sends the message.
    #[inline]
    pub fn commit(self) {
        let Self { writer, length } = self;
        let memory = &writer.memory;
        if writer.staged.is_empty() {
            memory.publish(writer.next, length);
        } else {
            let bytes = &bytemuck::cast_slice(&writer.staged)[..length];
            memory.seqlock(writer.next).write(writer.next.position, bytes);
        }
        memory.layout.advance(&mut writer.next);
        memory.tail().store(writer.next.position, Ordering::Release);
        memory.items().ring();
    }

    #[inline]
    fn commit_value<T: NoUninit>(mut self, value: &T) {
        self.copy_from_slice(bytemuck::bytes_of(value));
        self.commit();
    }
}

impl Deref for Claim<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        let Writer { memory, next, staged, .. } = &*self.writer;
        if staged.is_empty() {
            // SAFETY: there was room, so all readers have passed the slot; the reference borrows
            // this claim, which borrows the writer.
            return unsafe { memory.message(*next, self.length) };
        }
        &bytemuck::cast_slice(staged)[..self.length]
    }
}

impl DerefMut for Claim<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        let Writer { memory, next, staged, .. } = &mut *self.writer;
        if staged.is_empty() {
            // SAFETY: as above, and borrowed for itself alone.
            return unsafe { memory.message_mut(*next, self.length) };
        }
        &mut bytemuck::cast_slice_mut(staged)[..self.length]
    }
}
