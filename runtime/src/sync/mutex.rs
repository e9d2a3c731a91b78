//! Mutual exclusion between tasks, also across awaits.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use super::acquire::{Acquire, Line};
use super::grant::{Grant, LineRef};
use super::wait_queue::WaitQueue;
use crate::cancelled::Cancelled;

/// A value that one task at a time may use, also while it awaits.
///
/// For the tasks of one core; where no await lies between, a `RefCell` does. The lock is fair: it
/// passes from hand to hand in the order in which it was asked for, and nobody overtakes a waiter
/// that was chosen and has not run yet. Locking and unlocking without contention costs a few
/// nanoseconds, and never a system call or, once as many have waited as ever do, an allocation.
///
/// There is no poisoning: a task that panics unlocks, and the value is as the panic left it. Panics
/// are told where tasks are joined; whoever guards an invariant that a panic can break restores it
/// in a destructor, or ends the runtime there.
///
/// ```
/// use std::rc::Rc;
/// use taut_runtime::{sync::Mutex, task, yield_now};
///
/// taut_runtime::run(async {
///     let book = Rc::new(Mutex::new(Vec::new()));
///     let writer = Rc::clone(&book);
///     let task = taut_runtime::spawn(async move {
///         let mut levels = writer.lock().await?;
///         levels.push(100);
///         yield_now().await; // still locked
///         levels.push(101);
///         Ok::<(), taut_runtime::Cancelled>(())
///     });
///     yield_now().await;
///     assert_eq!(*book.lock().await?, [100, 101]);
///     task.await??;
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Mutex<T: ?Sized> {
    locked: Cell<bool>,
    queue: WaitQueue,
    value: UnsafeCell<T>,
}

impl<T> Mutex<T> {
    /// An unlocked mutex.
    pub fn new(value: T) -> Self {
        Self { locked: Cell::new(false), queue: WaitQueue::new(), value: UnsafeCell::new(value) }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for its turn; the mutex is locked until the guard is dropped.
    ///
    /// Cancel-safe: dropping it leaves the line, and a lock that it was handed passes to the next.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the task was asked to stop before the lock was its own.
    #[track_caller]
    pub fn lock(&self) -> impl Future<Output = Result<MutexGuard<'_, T>, Cancelled>> {
        Acquire::new(self, ()).map(|turn| turn.map(MutexGuard::new))
    }

    /// As [`lock`](Self::lock), with a guard that keeps the mutex: for what must not borrow.
    ///
    /// # Errors
    ///
    /// As for `lock`.
    #[track_caller]
    pub fn lock_owned(
        self: &Rc<Self>,
    ) -> impl Future<Output = Result<MutexGuard<'static, T>, Cancelled>> + use<T>
    where
        T: 'static,
    {
        Acquire::new(Rc::clone(self), ()).map(|turn| turn.map(MutexGuard::new))
    }

    /// Locks, if that needs no wait.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        Grant::try_new(self.into(), ()).map(|grant| MutexGuard { grant })
    }

    /// As [`try_lock`](Self::try_lock), with a guard that keeps the mutex.
    pub fn try_lock_owned(self: &Rc<Self>) -> Option<MutexGuard<'static, T>>
    where
        T: 'static,
    {
        Grant::try_new(Rc::clone(self).into(), ()).map(|grant| MutexGuard { grant })
    }

    /// Whether a guard exists, or is on its way to a waiter.
    pub fn is_locked(&self) -> bool {
        self.locked.get()
    }

    /// The value: borrowing the mutex mutably is a lock already.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: ?Sized> Line for Mutex<T> {
    type Want = ();

    #[inline]
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn name(&self, (): ()) -> &'static str {
        "mutex"
    }

    #[inline]
    fn take(&self, (): ()) -> bool {
        !self.locked.replace(true)
    }

    #[inline]
    fn put_back(&self, (): ()) {
        self.locked.set(false);
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(guard) => fields.field("value", &&*guard),
            None => fields.field("value", &format_args!("<locked>")),
        };
        fields.field("queue", &self.queue).finish()
    }
}

/// The lock of a [`Mutex`]; unlocks when it is dropped. That of
/// [`lock_owned`](Mutex::lock_owned) keeps its mutex, and borrows nothing.
#[must_use = "the mutex is unlocked when this is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    grant: Grant<'a, Mutex<T>>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    pub(super) fn new(grant: Option<Grant<'a, Mutex<T>>>) -> Self {
        Self { grant: grant.expect("nobody is sent away from a mutex") }
    }

    /// Unlocks; what was locked.
    pub(super) fn unlock(self) -> LineRef<'a, Mutex<T>> {
        self.grant.line().clone()
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard holds the one grant of its mutex, and lends it as itself is lent; the
        // mutex is kept, or borrowed, by the grant. Nothing else reaches the value of a mutex
        // without a grant but by a mutable borrow of it.
        unsafe { &*self.grant.line().value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `deref`; and the guard itself is borrowed mutably.
        unsafe { &mut *self.grant.line().value.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
