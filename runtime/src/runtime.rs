//! The entry points: `run` for a start without ceremony, `Runtime::builder` for those who tune.

use std::fmt;
use std::rc::Rc;

use crate::buffer::TxBuf;
use crate::builder::Builder;
use crate::config::{Config, Driver};
use crate::counters::Counters;
use crate::error::BuildError;
use crate::executor::{Core, LongTurn, current};
use crate::features::Features;
use crate::task::Dump;

/// Runs a future to its end on a runtime with default settings, on the calling thread.
///
/// # Errors
///
/// Where no runtime could be built; see [`Builder::build`].
///
/// ```
/// let sum = taut_runtime::run(async { 1 + 2 })?;
/// assert_eq!(sum, 3);
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
#[track_caller]
pub fn run<F: Future>(future: F) -> Result<F::Output, BuildError> {
    Ok(Runtime::new()?.block_on(future))
}

/// A snapshot of the counters of the runtime on this thread.
///
/// # Panics
///
/// Outside of a runtime.
pub fn counters() -> Counters {
    current().counters.snapshot()
}

/// The longest turns of the runtime on this thread, see [`Runtime::long_turns`].
///
/// # Panics
///
/// Outside of a runtime.
pub fn long_turns() -> Vec<LongTurn> {
    current().long_turns()
}

/// The features of the runtime on this thread.
///
/// # Panics
///
/// Outside of a runtime.
pub fn features() -> Features {
    current().features.clone()
}

/// All tasks of the runtime on this thread and what they wait for, see [`Dump`].
///
/// Each waiting task is polled once, with its waits told to stay as they are: where one of them is
/// a future of your own that borrows a `RefCell` when polled, don't hold that cell here.
///
/// # Panics
///
/// Outside of a runtime.
pub fn dump() -> Dump {
    current().dump()
}

/// A single-threaded runtime: one executor, one driver, one set of buffers.
///
/// It belongs to the thread that built it. Dropping it drops every task's future, cancels what is
/// in flight and waits until the kernel has let go of all memory.
///
/// ```
/// use taut_runtime::{Runtime, WaitStrategy};
///
/// let runtime = Runtime::builder().wait(WaitStrategy::Park).build()?;
/// let value = runtime.block_on(async { taut_runtime::spawn(async { 7 }).await });
/// assert_eq!(value?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Runtime {
    pub(crate) core: Rc<Core>,
}

impl Runtime {
    /// A runtime with default settings.
    ///
    /// # Errors
    ///
    /// See [`Builder::build`].
    pub fn new() -> Result<Self, BuildError> {
        Self::builder().build()
    }

    /// Settings for a runtime.
    pub fn builder() -> Builder {
        Builder { config: Config::default() }
    }

    /// Runs a future to its end, and every spawned task meanwhile. Tasks that have not ended stay,
    /// and go on with the next call.
    ///
    /// # Panics
    ///
    /// With the future's own panic, after which the runtime can be used again; inside of the same
    /// runtime's `block_on`; after a foreign waker's panic, which ends the runtime.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.core.block_on(future)
    }

    /// What was asked, granted and refused, with the reasons.
    pub fn features(&self) -> &Features {
        &self.core.features
    }

    /// A snapshot of the counters.
    pub fn counters(&self) -> Counters {
        self.core.counters.snapshot()
    }

    /// The longest turns so far, the longest first: at most
    /// [`LONG_TURNS_MAX`](crate::LONG_TURNS_MAX); none unless [`Builder::turn_budget`] is set.
    pub fn long_turns(&self) -> Vec<LongTurn> {
        self.core.long_turns()
    }

    /// All tasks and what they wait for, see [`Dump`].
    ///
    /// Each waiting task is polled once, with its waits told to stay as they are.
    pub fn dump(&self) -> Dump {
        self.core.dump()
    }

    /// Which driver runs.
    pub fn driver(&self) -> Driver {
        // Only `Drop` ends the driver.
        self.core.driver.borrow().kind().unwrap_or_default()
    }

    /// Takes an outgoing buffer from the registered pool.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](std::io::ErrorKind::OutOfMemory) while all buffers are in use.
    pub fn tx_buf(&self) -> std::io::Result<TxBuf> {
        self.core.send_pool.take()
    }

    /// Receive slots that neither a stream nor the user holds.
    pub fn receive_buffers_idle(&self) -> usize {
        self.core.receive_pool.idle_slots()
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.core.end();
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("driver", &self.driver()).finish_non_exhaustive()
    }
}
