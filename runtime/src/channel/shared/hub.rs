//! The state of a channel behind a lock.
//!
//! Invariant: no code of the user's runs while the lock is held: wakers are cloned, fired and
//! dropped outside of it, and so are items dropped. So nothing can lock twice, and the state is
//! always whole. Cost: one lock for each send and receive that need not wait.
//!
//! `models` runs it in every interleaving of threads.

use std::task::Waker;

use crate::channel::error::{TryRecvError, TrySendError};
use crate::channel::ring::Ring;
use crate::channel::state::State;
use crate::executor::contain;
use crate::sync::Wakeup;
use crate::threads::{Mutex, MutexGuard, lock};

/// Whom to wake: nobody, once that was done.
pub(crate) type Wake = Option<Waker>;

pub(crate) type SharedState<T> = State<Ring<T>, Wake>;

/// See the module's documentation.
pub(crate) struct Hub<T> {
    state: Mutex<SharedState<T>>,
}

impl<T> Hub<T> {
    #[track_caller]
    pub(crate) fn new(capacity: usize) -> Self {
        Self { state: Mutex::new(State::new(Ring::new(capacity))) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, SharedState<T>> {
        lock(&self.state)
    }

    pub(crate) fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        let sent = self.lock().send(item, false)?;
        fire(sent.wake);
        Ok(())
    }

    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        let (item, wake) = self.lock().recv(false)?;
        fire(wake);
        Ok(item)
    }

    /// Refuses further items and lets go of all who wait.
    pub(crate) fn close(&self) {
        self.lock().close();
        while let Some(wake) = self.dismiss() {
            // One that panics must not keep the others asleep.
            contain(|| fire(Some(wake)));
        }
    }

    fn dismiss(&self) -> Option<Wake> {
        self.lock().dismiss()
    }

    /// Drops what nobody will receive, now that the last receiver is gone.
    pub(crate) fn discard(&self) {
        while let Some(item) = self.pop() {
            drop(item);
        }
    }

    fn pop(&self) -> Option<T> {
        self.lock().pop()
    }
}

/// With no lock held.
pub(crate) fn fire(wake: Option<Wake>) {
    if let Some(waker) = wake.flatten() {
        waker.wake();
    }
}

impl Wakeup for Wake {
    /// Only the waiter's own thread knows.
    fn is_cancelled(&self) -> bool {
        false
    }
}
