//! Positions that a sender has claimed, filled with items, or written in place.
//!
//! Invariant: what is left of a claim when it is dropped is given up, whatever panicked before.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::ptr::NonNull;

use bytemuck::AnyBitPattern;

use super::producer::{Claimed, InPlace, Producer, Refused};
use super::sender::{Attempt, Sender};
use super::slots::Cursor;
use crate::channel::{SendError, TrySendError};

/// Positions that an end has claimed. Dropping it gives up what is left and wakes the receiver.
pub(super) struct Claim<'a, T: Send + 'static, P: Producer<T>> {
    end: &'a mut Sender<T, P>,
    claimed: Claimed,
}

impl<'a, T: Send + 'static, P: Producer<T>> Claim<'a, T, P> {
    #[inline]
    pub(super) fn new(end: &'a mut Sender<T, P>, claimed: Claimed) -> Self {
        Self { end, claimed }
    }

    #[inline]
    pub(super) fn is_used_up(&self) -> bool {
        self.claimed.left == 0
    }

    #[inline]
    pub(super) fn push(&mut self, item: T) {
        let at = self.pass();
        // SAFETY: the position was claimed by this end, and no other call comes to it.
        unsafe { self.end.producer.put(&self.end.ring, at, item) };
    }

    /// The next position, which is then used up.
    #[inline]
    fn pass(&mut self) -> Cursor {
        assert!(self.claimed.left > 0, "no position is left of this claim");
        let at = self.claimed.next;
        self.end.ring.slots.advance(&mut self.claimed.next);
        self.claimed.left -= 1;
        at
    }
}

impl<T: Send + 'static, P: Producer<T>> Drop for Claim<'_, T, P> {
    #[inline]
    fn drop(&mut self) {
        self.end.producer.end_claim(&self.end.ring, self.claimed);
        self.end.ring.items().notify();
    }
}

impl<T: AnyBitPattern + Send, P: Producer<T> + InPlace> Sender<T, P> {
    /// Claims the next slot without waiting, to write a large item where it will lie.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] where there is no room, [`TrySendError::Closed`] where nobody will
    /// receive.
    ///
    /// ```
    /// let (mut books, mut strategy) = taut_runtime::cores::spsc::channel::<[u64; 1000]>(4);
    /// let mut book = books.try_claim()?;
    /// book.fill(0);
    /// book[7] = 100;
    /// book.commit();
    /// assert_eq!(strategy.try_borrow()?[7], 100); // no copy was made
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_claim(&mut self) -> Result<Slot<'_, T, P>, TrySendError<()>> {
        match self.claim_positions(1) {
            Ok(claim) => Ok(Slot(claim)),
            Err(Refused::Closed) => Err(TrySendError::Closed(())),
            Err(Refused::Full(_) | Refused::Open) => Err(TrySendError::Full(())),
        }
    }

    /// Claims the next slot, after waiting for room.
    ///
    /// Cancel-safe: where it is dropped before it is done, nothing was claimed.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send), without an item.
    #[track_caller]
    pub fn claim(&mut self) -> impl Future<Output = Result<Slot<'_, T, P>, SendError<()>>> + Send {
        let location = Location::caller();
        async move {
            let mut claimed = None;
            let attempt = |end: &mut Self| {
                claimed = Some(end.producer.claim(&end.ring, 1)?);
                Ok(())
            };
            let waited = Attempt::new(self, attempt, location).await;
            waited.map_err(|stopped| stopped.give_back(Some(())))?;
            let claimed = claimed.expect("an attempt that succeeds has claimed");
            Ok(Slot(Claim::new(self, claimed)))
        }
    }
}

/// A slot of a ring that a sender has claimed and writes in place. It holds what was there before:
/// zeros, or an older item.
///
/// Nothing is sent until [`commit`](Self::commit): a slot that is dropped is given up. Those behind
/// it in an [`mpsc`](super::mpsc) ring wait meanwhile, so it should not be held over an `await`;
/// one that is forgotten keeps them waiting for ever.
pub struct Slot<'a, T: Send + 'static, P: Producer<T>>(Claim<'a, T, P>);

impl<T: AnyBitPattern + Send, P: Producer<T> + InPlace> Slot<'_, T, P> {
    /// Sends what was written.
    #[inline]
    pub fn commit(mut self) {
        let at = self.0.pass();
        self.0.end.ring.publish(at);
    }

    #[inline]
    fn value(&self) -> NonNull<T> {
        self.0.end.ring.slots.value(self.0.claimed.next)
    }
}

impl<T: AnyBitPattern + Send, P: Producer<T> + InPlace> Deref for Slot<'_, T, P> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the position is this end's until it is published. Slots begin as zeros, and what
        // was written later are items, so the bytes are there, and any are an item.
        unsafe { self.value().as_ref() }
    }
}

impl<T: AnyBitPattern + Send, P: Producer<T> + InPlace> DerefMut for Slot<'_, T, P> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { self.value().as_mut() }
    }
}

impl<T: Send + 'static, P: Producer<T>> fmt::Debug for Slot<'_, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("position", &self.0.claimed.next.position).finish()
    }
}
