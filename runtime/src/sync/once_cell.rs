//! A value that is made once, by whoever needs it first.

use std::cell::{self, Cell};
use std::convert::Infallible;
use std::fmt;
use std::panic::Location;

use super::acquire::{Acquire, Line};
use super::wait_queue::WaitQueue;
use crate::cancelled::Cancelled;

/// A cell that is written once, by an initialiser that may await.
///
/// For the tasks of one core. One initialiser runs at a time; the others wait in line. Where it
/// fails, panics, or is cancelled or dropped, the next in line runs its own. Once there is a value
/// all have it.
///
/// ```
/// use taut_runtime::sync::OnceCell;
///
/// taut_runtime::run(async {
///     let session = OnceCell::new();
///     let connect = async || {
///         taut_runtime::yield_now().await;
///         "connected"
///     };
///     assert_eq!(session.get(), None);
///     assert_eq!(*session.get_or_init(connect).await?, "connected");
///     assert_eq!(session.get(), Some(&"connected"));
///     Ok::<(), taut_runtime::Cancelled>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OnceCell<T> {
    value: cell::OnceCell<T>,
    initialising: Cell<bool>,
    queue: WaitQueue,
}

impl<T> OnceCell<T> {
    /// An empty cell.
    pub fn new() -> Self {
        Self {
            value: cell::OnceCell::new(),
            initialising: Cell::new(false),
            queue: WaitQueue::new(),
        }
    }

    /// The value, if there is one.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, if there is one.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// The value, if there is one.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Writes the value, and wakes who waits for it. An initialiser that runs goes on, and its
    /// value is dropped.
    ///
    /// # Errors
    ///
    /// Gives the value back where there is one already.
    pub fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        self.queue.dismiss_all();
        Ok(())
    }

    /// The value, or else what the initialiser makes of it.
    ///
    /// Cancel-safe: dropped while it waits it leaves the line, and dropped while its initialiser
    /// runs it drops that and lets the next in line run its own. An initialiser that asks for the
    /// same cell waits for itself.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the task was asked to stop before its turn came.
    #[track_caller]
    pub fn get_or_init(
        &self,
        initialise: impl AsyncFnOnce() -> T,
    ) -> impl Future<Output = Result<&T, Cancelled>> {
        let location = Location::caller();
        async move {
            let initialise = async || Ok::<T, Infallible>(initialise().await);
            match self.initialised(initialise, location).await? {
                Ok(value) => Ok(value),
                Err(never) => match never {},
            }
        }
    }

    /// The value, or else what the initialiser makes of it, or its error.
    ///
    /// Cancel-safe: as [`get_or_init`](Self::get_or_init).
    ///
    /// # Errors
    ///
    /// The initialiser's own, which leaves the cell empty, and [`Cancelled`] where the task was
    /// asked to stop before its turn came.
    #[track_caller]
    pub fn get_or_try_init<E: From<Cancelled>>(
        &self,
        initialise: impl AsyncFnOnce() -> Result<T, E>,
    ) -> impl Future<Output = Result<&T, E>> {
        let location = Location::caller();
        async move { self.initialised(initialise, location).await? }
    }

    async fn initialised<E>(
        &self,
        initialise: impl AsyncFnOnce() -> Result<T, E>,
        location: &'static Location<'static>,
    ) -> Result<Result<&T, E>, Cancelled> {
        let turn = Acquire::at(self, (), location).await?;
        if turn.is_some() {
            match initialise().await {
                // Where it was set meanwhile, that value stays.
                Ok(value) => drop(self.set(value)),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(self.get().expect("who is sent away, or has set it, finds a value")))
    }
}

impl<T> Line for OnceCell<T> {
    type Want = ();

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn name(&self, (): ()) -> &'static str {
        "once cell"
    }

    fn take(&self, (): ()) -> bool {
        !self.initialising.replace(true)
    }

    fn put_back(&self, (): ()) {
        self.initialising.set(false);
    }

    fn is_closed(&self) -> bool {
        self.value.get().is_some()
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> Self {
        Self { value: value.into(), ..Self::new() }
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell")
            .field("value", &self.value.get())
            .field("initialising", &self.initialising.get())
            .field("queue", &self.queue)
            .finish()
    }
}
