//! The way to a core's reception.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::error::SubmitError;
use super::reception::Job;
use super::submitted::{Submitted, work};
use crate::channel::shared;

/// Submits work to a core, from any thread. Clones lead to the same core.
///
/// Made by [`reception`](super::reception).
#[derive(Clone)]
pub struct CoreHandle {
    inbox: shared::Sender<Job>,
    name: Arc<str>,
}

impl CoreHandle {
    pub(super) fn new(inbox: shared::Sender<Job>, name: Arc<str>) -> Self {
        Self { inbox, name }
    }

    /// What errors call the core.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the core takes no more work: its reception has ended.
    pub fn is_closed(&self) -> bool {
        self.inbox.is_closed()
    }

    /// Runs a future on the core and gives its result.
    ///
    /// The closure goes to the core at once and is called there, so the future need not be `Send`;
    /// where the inbox is full, it goes when the result is awaited and there is room. What is
    /// submitted through one handle and finds room at once begins in this order.
    ///
    /// ```
    /// use std::time::Duration;
    /// use taut_runtime::{cores::reception, is_cancelled, time::sleep};
    ///
    /// let (gateway, inbox) = reception("gateway", 64);
    /// let core = std::thread::spawn(move || taut_runtime::run(inbox.serve()));
    /// taut_runtime::run(async {
    ///     let order = gateway.submit(|| sleep(Duration::from_secs(3600)));
    ///     order.cancel(); // reaches the sleep on the other core
    ///     assert!(is_cancelled(&order.await?.unwrap_err()));
    ///     Ok::<(), taut_runtime::cores::SubmitError>(())
    /// })??;
    /// # drop(gateway);
    /// # core.join().unwrap()??;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn submit<F, R>(&self, make: F) -> Submitted<R::Output>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future + 'static,
        R::Output: Send + 'static,
    {
        let (name, location) = (Arc::clone(&self.name), Location::caller());
        let (job, order) = work(make, location);
        match self.inbox.try_send(job) {
            Ok(()) => Submitted::sent(order, name, location),
            Err(shared::TrySendError::Full(job)) => {
                let inbox = self.inbox.clone();
                // Boxed, since it is in nobody's way but that of work which has to wait anyway.
                let sending = Box::pin(async move { inbox.send(job).await });
                Submitted::waiting(order, sending, name, location)
            }
            Err(shared::TrySendError::Closed(_)) => {
                Submitted::refused(order, SubmitError::closed(name.clone()), name, location)
            }
        }
    }

    /// As [`submit`](Self::submit), but only where there is room at once: what it gives is with the
    /// core, also where it is dropped right away.
    ///
    /// # Errors
    ///
    /// [`Full`](super::SubmitErrorKind::Full) where the inbox has no room,
    /// [`Closed`](super::SubmitErrorKind::Closed) where the reception has ended. The closure is
    /// dropped, and was not called.
    #[track_caller]
    pub fn try_submit<F, R>(&self, make: F) -> Result<Submitted<R::Output>, SubmitError>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future + 'static,
        R::Output: Send + 'static,
    {
        let (name, location) = (Arc::clone(&self.name), Location::caller());
        let (job, order) = work(make, location);
        match self.inbox.try_send(job) {
            Ok(()) => Ok(Submitted::sent(order, name, location)),
            Err(shared::TrySendError::Full(_)) => {
                Err(SubmitError::full(name, self.inbox.capacity()))
            }
            Err(shared::TrySendError::Closed(_)) => Err(SubmitError::closed(name)),
        }
    }

    /// As [`submit`](Self::submit), for a plain thread, which sleeps until the result is there.
    ///
    /// # Errors
    ///
    /// Where there is no result, see [`SubmitErrorKind`](super::SubmitErrorKind).
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn submit_blocking<F, R>(&self, make: F) -> Result<R::Output, SubmitError>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future + 'static,
        R::Output: Send + 'static,
    {
        self.submit(make).wait()
    }
}

impl fmt::Debug for CoreHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoreHandle")
            .field("name", &self.name)
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
