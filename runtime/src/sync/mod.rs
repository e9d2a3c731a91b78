//! Locks and signals between the tasks of one core: fair, without atomics, without lost wakes.
//!
//! | file | idea |
//! |---|---|
//! | `wait_queue` | the fair line of waiters |
//! | `acquire` | the one future that waits in it |

mod acquire;
mod wait_queue;

pub(crate) use acquire::{Acquire, Line};
pub(crate) use wait_queue::WaitQueue;
