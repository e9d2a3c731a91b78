//! Locks and signals between the tasks of one core: fair, without atomics, without lost wakes.
//!
//! | to | there is |
//! |---|---|
//! | use a value alone, across awaits | [`Mutex`] |
//! | read together or write alone | [`RwLock`] |
//! | limit how many do something | [`Semaphore`] |
//! | wait until something is so | [`Event`] |
//! | wait until a guarded value is as wanted | [`Condition`] |
//! | be told that something happened | [`Notify`] |
//! | wait for each other | [`Barrier`] |
//! | make a value once | [`OnceCell`] |
//!
//! All of them stand on two pieces: a line in which waiters stand in the order in which they came
//! (`wait_queue`), and the one future that waits there (`acquire`) until it is given what it wants
//! (`grant`). So all keep the same rules. A waiter that is dropped or cancelled hands on what it
//! was given. Of a cancel and a grant the first one counts: who holds a grant when its task is
//! asked to stop gets it, and the next await fails. None can leave its thread, and between threads
//! there are the primitives of the standard library and wakers.

mod acquire;
mod barrier;
mod condition;
mod event;
mod grant;
mod mutex;
mod notify;
mod once_cell;
mod rw_lock;
mod semaphore;
mod wait_queue;

pub use barrier::{Barrier, BarrierWaitResult};
pub use condition::Condition;
pub use event::Event;
pub use mutex::{Mutex, MutexGuard};
pub use notify::Notify;
pub use once_cell::OnceCell;
pub use rw_lock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::{AcquireError, Semaphore, SemaphorePermit, TryAcquireError};

pub(crate) use acquire::{Acquire, Line};
pub(crate) use grant::Grant;
pub(crate) use wait_queue::{Answer, Ticket, WaitQueue, Wakeup};
