//! The place where a thread leaves the result of its work for the future that waits for it.
//!
//! Invariant: one lock orders the two sides, so either the future finds the answer or the thread
//! finds its waker. Whoever lets go of the place last drops what is in it: an answer that nobody
//! waits for is dropped by the thread that gave it.

use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::threads::{Mutex, lock};

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Answer<T>(Mutex<State<T>>);

#[derive(Debug)]
enum State<T> {
    Awaited(Option<Waker>),
    Given(T),
    /// The work was dropped instead of being run; or the answer was taken.
    Gone,
}

impl<T> Answer<T> {
    /// The place, and the right to answer.
    pub(crate) fn new() -> (Arc<Self>, Teller<T>) {
        let answer = Arc::new(Self(Mutex::new(State::Awaited(None))));
        (Arc::clone(&answer), Teller(answer))
    }

    /// The answer, or `None` where there will never be one; else has `waker` called when either
    /// comes about.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Option<T>> {
        let mut state = lock(&self.0);
        let before = match &mut *state {
            State::Awaited(Some(known)) if known.will_wake(waker) => return Poll::Pending,
            State::Awaited(known) => known.replace(waker.clone()),
            State::Given(_) | State::Gone => {
                return match std::mem::replace(&mut *state, State::Gone) {
                    State::Given(answer) => Poll::Ready(Some(answer)),
                    State::Awaited(_) | State::Gone => Poll::Ready(None),
                };
            }
        };
        drop(state);
        // Outside of the lock, since a foreign waker's destructor may run any code.
        drop(before);
        Poll::Pending
    }

    /// Whether there is an answer, or there will never be one.
    pub(crate) fn is_settled(&self) -> bool {
        !matches!(*lock(&self.0), State::Awaited(_))
    }

    /// Nobody waits any more.
    pub(crate) fn forget_waiter(&self) {
        let waker = match &mut *lock(&self.0) {
            State::Awaited(waker) => waker.take(),
            State::Given(_) | State::Gone => None,
        };
        drop(waker);
    }
}

/// Gives the answer; where it is dropped without one, there will be none.
#[derive(Debug)]
pub(crate) struct Teller<T>(Arc<Answer<T>>);

impl<T> Teller<T> {
    pub(crate) fn tell(self, answer: T) {
        self.settle(State::Given(answer));
    }

    fn settle(&self, state: State<T>) {
        let mut current = lock(&self.0.0);
        let State::Awaited(waker) = &mut *current else { return };
        let waker = waker.take();
        *current = state;
        drop(current);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Drop for Teller<T> {
    fn drop(&mut self) {
        self.settle(State::Gone);
    }
}
