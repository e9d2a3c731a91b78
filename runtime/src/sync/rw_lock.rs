//! One writer or many readers, in the order in which they came.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use super::acquire::{Acquire, Line};
use super::grant::Grant;
use super::wait_queue::WaitQueue;
use crate::cancelled::Cancelled;

/// A value that many tasks at a time may read, or one may write, also while they await.
///
/// For the tasks of one core. The lock is fair: everyone waits in one line. A writer that waits
/// stops the readers that come after it, and readers that stand together at the front are let in
/// together, so neither side starves. A task that holds a read lock must not wait for a second one:
/// a writer between the two would wait for the task, and the task for the writer.
///
/// Costs and panics are those of the [`Mutex`](super::Mutex): nothing is poisoned.
///
/// ```
/// use taut_runtime::sync::RwLock;
///
/// taut_runtime::run(async {
///     let limits = RwLock::new(10);
///     {
///         let (one, other) = (limits.read().await?, limits.read().await?);
///         assert_eq!((*one, *other), (10, 10));
///     }
///     let mut limit = limits.write().await?;
///     *limit = 20;
///     let limit = limit.downgrade(); // nobody writes in between
///     assert_eq!(*limit, 20);
///     Ok::<(), taut_runtime::Cancelled>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RwLock<T: ?Sized> {
    held: Cell<Held>,
    queue: WaitQueue<Access>,
    value: UnsafeCell<T>,
}

/// Who holds the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// By so many; nobody, where that is zero.
    Read(usize),
    Write,
}

/// What a waiter wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl<T> RwLock<T> {
    /// An unlocked lock.
    pub fn new(value: T) -> Self {
        Self {
            held: Cell::new(Held::Read(0)),
            queue: WaitQueue::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits for its turn to read.
    ///
    /// Cancel-safe: dropping it leaves the line, and a lock that it was handed passes on.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the task was asked to stop before the lock was its own.
    #[track_caller]
    pub fn read(&self) -> impl Future<Output = Result<RwLockReadGuard<'_, T>, Cancelled>> {
        Acquire::new(self, Access::Read).map(|turn| turn.map(RwLockReadGuard::new))
    }

    /// Waits for its turn to write.
    ///
    /// Cancel-safe: as [`read`](Self::read); readers that stood behind it need not wait for it.
    ///
    /// # Errors
    ///
    /// As for `read`.
    #[track_caller]
    pub fn write(&self) -> impl Future<Output = Result<RwLockWriteGuard<'_, T>, Cancelled>> {
        Acquire::new(self, Access::Write).map(|turn| turn.map(RwLockWriteGuard::new))
    }

    /// As [`read`](Self::read), with a guard that keeps the lock: for what must not borrow.
    ///
    /// # Errors
    ///
    /// As for `read`.
    #[track_caller]
    pub fn read_owned(
        self: &Rc<Self>,
    ) -> impl Future<Output = Result<RwLockReadGuard<'static, T>, Cancelled>> + use<T>
    where
        T: 'static,
    {
        Acquire::new(Rc::clone(self), Access::Read).map(|turn| turn.map(RwLockReadGuard::new))
    }

    /// As [`write`](Self::write), with a guard that keeps the lock.
    ///
    /// # Errors
    ///
    /// As for `read`.
    #[track_caller]
    pub fn write_owned(
        self: &Rc<Self>,
    ) -> impl Future<Output = Result<RwLockWriteGuard<'static, T>, Cancelled>> + use<T>
    where
        T: 'static,
    {
        Acquire::new(Rc::clone(self), Access::Write).map(|turn| turn.map(RwLockWriteGuard::new))
    }

    /// Locks for reading, if that needs no wait: nobody writes, and nobody waits.
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        Grant::try_new(self.into(), Access::Read).map(|grant| RwLockReadGuard { grant })
    }

    /// Locks for writing, if that needs no wait.
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        Grant::try_new(self.into(), Access::Write).map(|grant| RwLockWriteGuard { grant })
    }

    /// As [`try_read`](Self::try_read), with a guard that keeps the lock.
    pub fn try_read_owned(self: &Rc<Self>) -> Option<RwLockReadGuard<'static, T>>
    where
        T: 'static,
    {
        let grant = Grant::try_new(Rc::clone(self).into(), Access::Read)?;
        Some(RwLockReadGuard { grant })
    }

    /// As [`try_write`](Self::try_write), with a guard that keeps the lock.
    pub fn try_write_owned(self: &Rc<Self>) -> Option<RwLockWriteGuard<'static, T>>
    where
        T: 'static,
    {
        let grant = Grant::try_new(Rc::clone(self).into(), Access::Write)?;
        Some(RwLockWriteGuard { grant })
    }

    /// The value: borrowing the lock mutably is a lock already.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: ?Sized> Line for RwLock<T> {
    type Want = Access;

    #[inline]
    fn queue(&self) -> &WaitQueue<Access> {
        &self.queue
    }

    fn name(&self, want: Access) -> &'static str {
        match want {
            Access::Read => "read lock",
            Access::Write => "write lock",
        }
    }

    #[inline]
    fn take(&self, want: Access) -> bool {
        let held = match (self.held.get(), want) {
            // The count is at its end only where guards were forgotten.
            (Held::Read(readers), Access::Read) if readers < usize::MAX => Held::Read(readers + 1),
            (Held::Read(0), Access::Write) => Held::Write,
            _ => return false,
        };
        self.held.set(held);
        true
    }

    #[inline]
    fn put_back(&self, _: Access) {
        self.held.set(match self.held.get() {
            Held::Read(readers) => Held::Read(readers - 1),
            Held::Write => Held::Read(0),
        });
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("RwLock");
        fields.field("held", &self.held.get());
        match self.try_read() {
            Some(guard) => fields.field("value", &&*guard),
            None => fields.field("value", &format_args!("<locked>")),
        };
        fields.field("queue", &self.queue).finish()
    }
}

/// The right to read what a [`RwLock`] guards, until it is dropped.
#[must_use = "the lock is given back when this is dropped"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    grant: Grant<'a, RwLock<T>>,
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    fn new(grant: Option<Grant<'a, RwLock<T>>>) -> Self {
        Self { grant: grant.expect("nobody is sent away from a lock") }
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard holds a grant to read, and while one does the lock grants nobody to
        // write; the lock is kept, or borrowed, by the grant. Nothing else reaches its value
        // without a grant but by a mutable borrow of it.
        unsafe { &*self.grant.line().value.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The right to write what a [`RwLock`] guards, until it is dropped.
#[must_use = "the lock is given back when this is dropped"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    grant: Grant<'a, RwLock<T>>,
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    fn new(grant: Option<Grant<'a, RwLock<T>>>) -> Self {
        Self { grant: grant.expect("nobody is sent away from a lock") }
    }

    /// Goes on as a reader, without letting another writer in between; lets the readers in that
    /// stand at the front of the line.
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        let lock = self.grant.line().clone();
        lock.held.set(Held::Read(1));
        self.grant.forget();
        let grant = Grant::new(lock, Access::Read);
        grant.line().advance();
        RwLockReadGuard { grant }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard holds the grant to write, while which there is no other grant; it
        // lends the value as itself is lent. The lock is kept, or borrowed, by the grant. Nothing
        // else reaches its value without a grant but by a mutable borrow of it.
        unsafe { &*self.grant.line().value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `deref`; and the guard itself is borrowed mutably.
        unsafe { &mut *self.grant.line().value.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
