//! Waiting until a value under a mutex is as wanted.

use std::panic::Location;

use super::acquire::{Acquire, Line};
use super::grant::Grant;
use super::mutex::MutexGuard;
use super::wait_queue::WaitQueue;
use crate::cancelled::Cancelled;
use crate::task::shield;

/// A condition variable: lets the holder of a [`Mutex`](super::Mutex) wait, unlocked, until another
/// task says that the value has changed.
///
/// For the tasks of one core. Waiters are woken in the order in which they came, and get the mutex
/// in that order. Nobody is woken without being notified, but between a notification and the lock
/// others may hold the mutex, so the value is to be looked at again:
/// [`wait_while`](Self::wait_while) does. A notification with nobody waiting is forgotten.
///
/// ```
/// use std::{collections::VecDeque, rc::Rc};
/// use taut_runtime::sync::{Condition, Mutex};
///
/// taut_runtime::run(async {
///     let shared = Rc::new((Mutex::new(VecDeque::new()), Condition::new()));
///     let worker = Rc::clone(&shared);
///     let task = taut_runtime::spawn(async move {
///         let (orders, changed) = &*worker;
///         let guard = orders.lock().await?;
///         let (mut guard, waited) = changed.wait_while(guard, |orders| orders.is_empty()).await;
///         waited?;
///         Ok::<_, taut_runtime::Cancelled>(guard.pop_front())
///     });
///     taut_runtime::yield_now().await;
///     shared.0.lock().await?.push_back("sell");
///     shared.1.notify_one();
///     assert_eq!(task.await??, Some("sell"));
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Condition {
    queue: WaitQueue,
}

impl Condition {
    /// A condition that nobody waits for.
    pub fn new() -> Self {
        Self { queue: WaitQueue::new() }
    }

    /// Unlocks, waits for a notification, and locks again; the guard, and whether the wait was cut
    /// short.
    ///
    /// The guard comes back in any case: a cancel does not reach the second wait for the mutex.
    /// Cancel-safe: dropped, it leaves the line and passes a notification that it was given to the
    /// next; the mutex is then unlocked, or locked by others.
    ///
    /// # Errors
    ///
    /// With the guard [`Cancelled`], where the task was asked to stop before it was notified: the
    /// next notification goes to another.
    #[track_caller]
    pub fn wait<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
    ) -> impl Future<Output = (MutexGuard<'a, T>, Result<(), Cancelled>)> {
        self.wait_at(guard, Location::caller())
    }

    /// Waits as long as the predicate holds for the value: looks before the first wait and after
    /// each notification.
    ///
    /// ```
    /// # use taut_runtime::sync::{Condition, Mutex};
    /// # taut_runtime::run(async {
    /// let (position, changed) = (Mutex::new(0), Condition::new());
    /// let guard = position.lock().await?;
    /// let (guard, waited) = changed.wait_while(guard, |position| *position > 0).await;
    /// waited?;
    /// assert_eq!(*guard, 0);
    /// # Ok::<(), taut_runtime::Cancelled>(())
    /// # })??;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait): the guard comes back with the [`Cancelled`].
    #[track_caller]
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut predicate: impl FnMut(&mut T) -> bool,
    ) -> impl Future<Output = (MutexGuard<'a, T>, Result<(), Cancelled>)> {
        let location = Location::caller();
        async move {
            let mut waited = Ok(());
            while waited.is_ok() && predicate(&mut guard) {
                (guard, waited) = self.wait_at(guard, location).await;
            }
            (guard, waited)
        }
    }

    async fn wait_at<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        location: &'static Location<'static>,
    ) -> (MutexGuard<'a, T>, Result<(), Cancelled>) {
        let mut turn = Acquire::at(self, (), location);
        // In line before the mutex is unlocked: no notification comes in between.
        if let Err(cancelled) = turn.enter().await {
            return (guard, Err(cancelled));
        }
        let mutex = guard.unlock();
        let waited = turn.await.map(|grant| grant.map(Grant::forget)).map(drop);
        let locked = shield(Acquire::at(mutex, (), location)).await;
        (MutexGuard::new(locked.expect("a shield keeps a cancel off")), waited)
    }

    /// Wakes the one who waits longest.
    pub fn notify_one(&self) {
        self.queue.grant_first();
    }

    /// Wakes all who wait now.
    pub fn notify_all(&self) {
        self.queue.dismiss_all();
    }
}

impl Default for Condition {
    fn default() -> Self {
        Self::new()
    }
}

impl Line for Condition {
    type Want = ();

    #[inline]
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn name(&self, (): ()) -> &'static str {
        "condition"
    }

    /// There is never anything to take: a notification goes to who waits already.
    #[inline]
    fn take(&self, (): ()) -> bool {
        false
    }

    #[inline]
    fn put_back(&self, (): ()) {}

    fn hand_on(&self, (): ()) {
        self.notify_one();
    }
}
