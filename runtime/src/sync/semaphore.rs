//! A limit on how many do something at once.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::{fmt, io};

use super::acquire::{Acquire, Line};
use super::grant::{Grant, LineRef};
use super::wait_queue::WaitQueue;
use crate::cancelled::Cancelled;

/// Permits, of which those are taken that a piece of work needs, and given back after it.
///
/// For the tasks of one core. Fair: permits go to waiters in the order in which they came, and a
/// large request at the front is not passed by small ones behind it, even where there is enough for
/// these. Taking and giving back without a wait costs a few nanoseconds.
///
/// ```
/// use std::rc::Rc;
/// use taut_runtime::sync::Semaphore;
///
/// taut_runtime::run(async {
///     let in_flight = Rc::new(Semaphore::new(2)); // orders that the venue allows at once
///     let first = in_flight.acquire_owned(1).await?;
///     let order = taut_runtime::spawn(async move {
///         let _permit = first; // given back when the task ends
///     });
///     let rest = in_flight.acquire(2).await?;
///     assert_eq!((rest.count(), in_flight.available()), (2, 0));
///     order.await?;
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Semaphore {
    available: Cell<usize>,
    /// Those that are taken included.
    total: Cell<usize>,
    closed: Cell<bool>,
    queue: WaitQueue<usize>,
}

impl Semaphore {
    /// A semaphore with so many permits.
    pub fn new(permits: usize) -> Self {
        Self {
            available: Cell::new(permits),
            total: Cell::new(permits),
            closed: Cell::new(false),
            queue: WaitQueue::new(),
        }
    }

    /// Waits until so many permits are its own, all at once. More than there are in all come only
    /// when some are added.
    ///
    /// Cancel-safe: dropping it leaves the line, and permits that it was handed pass on.
    ///
    /// # Errors
    ///
    /// [`AcquireError::Closed`] once the semaphore is closed, [`AcquireError::Cancelled`] where the
    /// task was asked to stop before it had its permits.
    #[track_caller]
    pub fn acquire(
        &self,
        permits: usize,
    ) -> impl Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
        Acquire::new(self, permits).map(|turn| SemaphorePermit::new(turn?))
    }

    /// As [`acquire`](Self::acquire), with permits that keep the semaphore: for what must not
    /// borrow.
    ///
    /// # Errors
    ///
    /// As for `acquire`.
    #[track_caller]
    pub fn acquire_owned(
        self: &Rc<Self>,
        permits: usize,
    ) -> impl Future<Output = Result<SemaphorePermit<'static>, AcquireError>> + use<> {
        Acquire::new(Rc::clone(self), permits).map(|turn| SemaphorePermit::new(turn?))
    }

    /// Takes permits, if that needs no wait: there are enough, and nobody waits for some.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError::Closed`] once the semaphore is closed, else
    /// [`TryAcquireError::NoPermits`].
    pub fn try_acquire(&self, permits: usize) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        Self::take_now(self.into(), permits)
    }

    /// As [`try_acquire`](Self::try_acquire), with permits that keep the semaphore.
    ///
    /// # Errors
    ///
    /// As for `try_acquire`.
    pub fn try_acquire_owned(
        self: &Rc<Self>,
        permits: usize,
    ) -> Result<SemaphorePermit<'static>, TryAcquireError> {
        Self::take_now(Rc::clone(self).into(), permits)
    }

    fn take_now(
        semaphore: LineRef<'_, Self>,
        permits: usize,
    ) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        if semaphore.closed.get() {
            return Err(TryAcquireError::Closed);
        }
        let grant = Grant::try_new(semaphore, permits).ok_or(TryAcquireError::NoPermits)?;
        Ok(SemaphorePermit { grant })
    }

    /// Permits that nobody has taken.
    pub fn available(&self) -> usize {
        self.available.get()
    }

    /// Adds permits.
    ///
    /// # Panics
    ///
    /// Where there would be more than `usize::MAX` in all.
    pub fn add_permits(&self, permits: usize) {
        let total = self.total.get().checked_add(permits);
        self.total.set(total.expect("a semaphore has at most usize::MAX permits"));
        self.hand_on(permits);
    }

    /// Ends the waiting: who waits, and who comes, gets an error. Permits that were taken stay so.
    pub fn close(&self) {
        self.closed.set(true);
        self.queue.dismiss_all();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }
}

impl Line for Semaphore {
    type Want = usize;

    #[inline]
    fn queue(&self) -> &WaitQueue<usize> {
        &self.queue
    }

    fn name(&self, _: usize) -> &'static str {
        "semaphore"
    }

    #[inline]
    fn take(&self, permits: usize) -> bool {
        let available = self.available.get();
        if permits <= available {
            self.available.set(available - permits);
        }
        permits <= available
    }

    #[inline]
    fn put_back(&self, permits: usize) {
        self.available.set(self.available.get() + permits);
    }

    #[inline]
    fn is_closed(&self) -> bool {
        self.closed.get()
    }
}

/// Permits of a [`Semaphore`]; dropping this gives them back.
#[must_use = "the permits are given back when this is dropped"]
pub struct SemaphorePermit<'a> {
    grant: Grant<'a, Semaphore>,
}

impl<'a> SemaphorePermit<'a> {
    fn new(grant: Option<Grant<'a, Semaphore>>) -> Result<Self, AcquireError> {
        Ok(Self { grant: grant.ok_or(AcquireError::Closed)? })
    }

    /// How many permits these are.
    pub fn count(&self) -> usize {
        self.grant.want()
    }

    /// Takes the permits out of the semaphore for good.
    pub fn forget(self) {
        let total = &self.grant.line().total;
        total.set(total.get() - self.count());
        self.grant.forget();
    }
}

impl fmt::Debug for SemaphorePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphorePermit").field("count", &self.count()).finish_non_exhaustive()
    }
}

/// Why permits were not waited for to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcquireError {
    /// The semaphore was closed: whoever owns it wants the work to end.
    Closed,
    /// The task was asked to stop; nobody is at fault.
    Cancelled(Cancelled),
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the semaphore is closed",
            Self::Cancelled(_) => "the wait for permits was given up",
        })
    }
}

impl Error for AcquireError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Closed => None,
            Self::Cancelled(cancelled) => Some(cancelled),
        }
    }
}

impl From<Cancelled> for AcquireError {
    fn from(cancelled: Cancelled) -> Self {
        Self::Cancelled(cancelled)
    }
}

impl From<AcquireError> for io::Error {
    fn from(error: AcquireError) -> Self {
        match error {
            AcquireError::Closed => Self::new(io::ErrorKind::BrokenPipe, error),
            AcquireError::Cancelled(cancelled) => cancelled.into(),
        }
    }
}

/// Why permits could not be taken at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryAcquireError {
    /// The semaphore was closed: whoever owns it wants the work to end.
    Closed,
    /// Others have them, or wait for them: try later, or wait with [`Semaphore::acquire`].
    NoPermits,
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the semaphore is closed",
            Self::NoPermits => "not enough permits are there for whoever comes now",
        })
    }
}

impl Error for TryAcquireError {}
