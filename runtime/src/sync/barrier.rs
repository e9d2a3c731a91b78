//! A point at which tasks wait for each other.

use std::num::NonZero;

use super::acquire::{Acquire, Line};
use super::wait_queue::WaitQueue;
use crate::cancelled::Cancelled;

/// Lets tasks wait until so many of them have come, again and again.
///
/// For the tasks of one core. The last to come does not wait, and is told that it leads; the others
/// are woken in the order in which they came. Who is cancelled or dropped while it waits has not
/// come: others have to.
///
/// ```
/// use std::rc::Rc;
/// use taut_runtime::sync::Barrier;
///
/// taut_runtime::run(async {
///     let feeds_ready = Rc::new(Barrier::new(2));
///     let other = Rc::clone(&feeds_ready);
///     let task = taut_runtime::spawn(async move { other.wait().await });
///     let ours = feeds_ready.wait().await?;
///     let theirs = task.await??;
///     assert!(ours.is_leader() != theirs.is_leader());
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Barrier {
    size: NonZero<usize>,
    queue: WaitQueue,
}

impl Barrier {
    /// A barrier for so many tasks.
    ///
    /// # Panics
    ///
    /// Where `size` is 0: nobody would come to open it.
    #[track_caller]
    pub fn new(size: usize) -> Self {
        let size = NonZero::new(size).expect("a barrier is for at least one task");
        Self { size, queue: WaitQueue::new() }
    }

    /// Waits until all have come. Cancel-safe: dropped before that, it has not come.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the task was asked to stop before all had come.
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = Result<BarrierWaitResult, Cancelled>> {
        Acquire::new(self, ()).map(|turn| Ok(BarrierWaitResult { leader: turn?.is_some() }))
    }
}

impl Line for Barrier {
    type Want = ();

    #[inline]
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn name(&self, (): ()) -> &'static str {
        "barrier"
    }

    /// Nobody in line is granted anything: they are sent away together.
    fn take(&self, (): ()) -> bool {
        false
    }

    fn put_back(&self, (): ()) {}

    /// The last one opens the barrier.
    fn try_take(&self, (): ()) -> bool {
        let is_last = self.queue.len() + 1 == self.size.get();
        if is_last {
            self.queue.dismiss_all();
        }
        is_last
    }
}

/// How a task passed a [`Barrier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult {
    leader: bool,
}

impl BarrierWaitResult {
    /// Whether it came last: true for one task each time that the barrier opens.
    pub fn is_leader(self) -> bool {
        self.leader
    }
}
