//! How an end of a ring waits for a word that another process changes: on a core by the loop's own
//! look, on a plain thread by a futex.
//!
//! Invariant: what is awaited is a change of one word; whether the other process still lives is
//! looked at with each attempt, and one comes at least every [`PEER_CHECK_EVERY`].

use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::alarm::Alarm;
use super::memory::Memory;
use super::presence::PEER_CHECK_EVERY;
use crate::cancelled::Cancelled;
use crate::cores::waiting::Waiting;
use crate::executor::{checkpoint_and_give_way, try_current};

/// What an attempt came to.
pub(super) enum Attempt<E> {
    Done(Result<(), E>),
    /// Nothing before the word at this place of the file is not `seen` any more.
    Wait {
        word_at: usize,
        seen: u64,
    },
}

/// An end of a ring.
pub(super) trait End {
    type Error: From<Cancelled>;
    /// What a dump calls the wait.
    const WAIT: &'static str;
    const TIMEOUT: Self::Error;

    fn parts(&mut self) -> (&Arc<Memory>, &mut Waiting);
    /// What this end sleeps at on a plain thread.
    fn alarm(memory: &Memory) -> Alarm<'_>;
}

/// Makes attempts until one is done.
pub(super) struct Wait<'a, E: End, A> {
    end: &'a mut E,
    attempt: A,
    waits: bool,
    location: &'static Location<'static>,
}

impl<'a, E, A> Wait<'a, E, A>
where
    E: End,
    A: FnMut(&mut E) -> Attempt<E::Error>,
{
    pub(super) fn new(end: &'a mut E, attempt: A, location: &'static Location<'static>) -> Self {
        Self { end, attempt, waits: false, location }
    }

    /// On a plain thread, which sleeps meanwhile, but no longer than `limit`.
    #[track_caller]
    pub(super) fn block(mut self, limit: Option<Duration>) -> Result<(), E::Error> {
        assert!(
            try_current().is_none(),
            "this would block the core that runs on this thread: use an async form, and await it"
        );
        // Plain threads have no core, and so no clock of one.
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let Self { end, attempt, .. } = &mut self;
        loop {
            let (word_at, seen) = match attempt(end) {
                Attempt::Done(result) => return result,
                Attempt::Wait { word_at, seen } => (word_at, seen),
            };
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(E::TIMEOUT);
            }
            let (memory, _) = end.parts();
            let alarm = E::alarm(memory);
            let announced = alarm.announce();
            if memory.word(word_at).load(Ordering::Relaxed) == seen {
                alarm.sleep(announced, left.unwrap_or(Duration::MAX).min(PEER_CHECK_EVERY));
            }
        }
    }
}

impl<E: End, A> Unpin for Wait<'_, E, A> {}

impl<E, A> Future for Wait<'_, E, A>
where
    E: End,
    A: FnMut(&mut E) -> Attempt<E::Error>,
{
    type Output = Result<(), E::Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { end, attempt, waits, location } = &mut *self;
        let checked = ready!(checkpoint_and_give_way(context, E::WAIT, location));
        // A wait that begins in a cancelled task fails; one that has what it waited for gives it.
        if !*waits {
            checked?;
        }
        loop {
            let (word_at, seen) = match attempt(end) {
                Attempt::Done(result) => {
                    // The watch has most likely fired; if not, the next wait takes it over. After
                    // an error there may be none.
                    *waits &= result.is_err();
                    return Poll::Ready(result);
                }
                Attempt::Wait { word_at, seen } => (word_at, seen),
            };
            checked?;
            let (memory, waiting) = end.parts();
            let word = memory.word(word_at);
            if !std::mem::replace(waits, true)
                && try_current().is_some_and(|core| core.linger(word, seen))
            {
                continue;
            }
            // SAFETY: the word lies in the mapping, which the memory keeps; it is the end's only
            // one.
            unsafe { waiting.wait_for_peer(memory, word, seen, context) };
            return Poll::Pending;
        }
    }
}

impl<E: End, A> Drop for Wait<'_, E, A> {
    #[inline]
    fn drop(&mut self) {
        if self.waits {
            self.end.parts().1.stop_looking();
        }
    }
}
