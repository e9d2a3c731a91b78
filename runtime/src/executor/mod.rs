//! Tasks and the turn of the loop: one thread, FIFO, two lanes, no atomic read-modify-write on the
//! owner's path.
//!
//! | file | idea |
//! |---|---|
//! | `attention` | what the leaves that are polled now have to heed |
//! | `cancel` | asking a task to stop, and noticing that it does not |
//! | `foreign` | wakers of combinators, for a cancel to reach the leaves behind them |
//! | `trace` | what tasks wait for, found when a dump is asked for |
//! | `block` | memory of tasks, recycled by size class |
//! | `pooled` | other shared memory out of the same blocks |
//! | `header` | the part of a task that is the same for every future: state, links |
//! | `references` | who can reach a task, counted without atomics on its own thread |
//! | `cell` | the part that knows the future: poll, drop, output |
//! | `waker` | `std::task::Waker` over a header, sound from any thread |
//! | `contain` | the end of panics that nobody waits for |
//! | `wake` | what an operation stores instead of a waker: the task to run |
//! | `queue` | the intrusive FIFO of runnable tasks |
//! | `remote` | inbox and doorbell for wakes from other threads |
//! | `doorbell` | the descriptor that wakes a sleeping core |
//! | `thread` | waiting on a plain thread for what tasks wait for |
//! | `join` | the handle that awaits, aborts or detaches a task |
//! | `core` | all that one core owns, and the thread's way to it |
//! | `pollers` | foreign things that the loop calls in every turn |
//! | `watch` | words that other threads and processes change, looked at in every turn |
//! | `turn` | the loop |
//! | `turn_length` | how long tasks keep the loop from its next turn, and which ones |
//! | `heartbeat` | the loop says that it turns, or sleeps |

mod attention;
mod block;
mod cancel;
mod cell;
mod contain;
mod core;
mod doorbell;
mod foreign;
mod header;
mod heartbeat;
mod join;
#[cfg(all(test, loom))]
mod models;
mod pollers;
mod pooled;
mod queue;
mod references;
mod remote;
mod thread;
mod trace;
mod turn;
mod turn_length;
mod wake;
mod waker;
mod watch;
mod yielding;

pub use join::{Flatten, JoinError, JoinHandle};
pub use pollers::{Poller, PollerHandle, add_poller};
pub use turn_length::{LONG_TURNS_MAX, LongTurn};
pub use yielding::{YieldNow, yield_now};

pub(crate) use attention::{Scope, checkpoint, checkpoint_and_give_way, checkpoint_at, give_way};
pub(crate) use contain::{PanicPayload, contain};
pub(crate) use core::{Core, ERRANDS_ROOM, Errand, Tidy, current, try_current};
pub(crate) use foreign::ForeignWait;
pub(crate) use heartbeat::Heartbeat;
pub(crate) use pooled::Pooled;
pub(crate) use remote::Remote;
pub(crate) use thread::block_on;
pub(crate) use turn_length::{LongTurnHook, TurnLengths};
pub(crate) use wake::{WakeList, WakeSlot};
#[cfg(not(loom))]
pub(crate) use watch::PEER_CHECK_EVERY_NS;
pub(crate) use watch::{Owner, WatchKey, Watches, Word};

/// Runs a future as a task of the runtime on this thread.
///
/// The task starts at the back of the hot lane. Dropping the handle detaches it; it then ends with
/// its future or with the runtime. Costs no allocation once the runtime is warm.
///
/// # Panics
///
/// Outside of a runtime.
///
/// ```
/// taut_runtime::run(async {
///     let sum = taut_runtime::spawn(async { 1 + 2 }).await?;
///     assert_eq!(sum, 3);
///     Ok::<(), taut_runtime::JoinError>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    current().spawn(future, Lane::Hot)
}

/// Runs a future as a task of the background lane: polled after the hot lane, and only so many
/// times a turn as [`Builder::background_budget`](crate::Builder::background_budget) says.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn spawn_background<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    current().spawn(future, Lane::Background)
}

/// Whether a runtime runs on this thread, so that [`spawn`] and the like have one: for drops, which
/// happen anywhere.
pub fn is_inside_runtime() -> bool {
    try_current().is_some()
}

/// Which of a core's two queues a task runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Hot,
    Background,
}
