//! Many cores: one pinned runtime on each, and what passes between them.
//!
//! [`cores`](crate::cores()) takes a list of cores and gives each the same future; [`Cores::new`]
//! gives each core a role of its own. Either way all runtimes are built before any future starts,
//! the first error or panic stops the others, and nothing is left hanging: a core that does not
//! stop is named, and left behind.
//!
//! ```
//! use std::io;
//! use taut_runtime::cores::Cores;
//!
//! # let core: Vec<usize> = {
//! #     let set = rustix::thread::sched_getaffinity(None)?;
//! #     (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
//! # };
//! # let (feed, strategy) = (core[0], core[core.len() - 1]);
//! let (mut ticks, mut prices) = taut_runtime::cores::spsc::channel(64);
//! let outcome = Cores::new()
//!     .allow_shared_cores(true) // for hosts with one core
//!     .role("feed", feed, move |core| async move {
//!         for price in 1..=10_u64 {
//!             ticks.send(price).await?;
//!         }
//!         println!("{} is done", core.name());
//!         Ok::<_, io::Error>(0)
//!     })
//!     .role("strategy", strategy, move |_core| async move {
//!         let mut sum = 0;
//!         while let Ok(price) = prices.recv().await {
//!             sum += price;
//!         }
//!         Ok::<_, io::Error>(sum)
//!     })
//!     .run()?;
//! assert_eq!(outcome.into_values(), [Some(0), Some(55)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | file | idea |
//! |---|---|
//! | `launch` | one pinned runtime per core: start, stop, results |
//! | `signal` | who sleeps until another thread changes a word |
//! | `waiting` | how one end of a ring waits for a word |
//! | `slots` | the memory of a ring: stamps and values |
//! | `ring` | what the two ends share |
//! | `producer` | who may write to the next slots |
//! | `claim` | the positions that a sender fills, or writes in place |
//! | `sender`, `receiver` | the ends |
//! | `mesh` | every core connected with every other |
//! | `submit` | work for another core, and its result |
//! | `broadcaster`, `subscriber` | the ends of a ring that gives every item to each receiver |
//! | `mode` | what that does about a slow one |
//! | `readers` | how far each has come |
//! | `receive` | how a receiving end waits |
//! | `seqlock` | bytes that may be overwritten while they are read |
//! | [`shared_memory`] | rings between processes |

mod broadcaster;
mod claim;
pub(crate) mod launch;
mod mesh;
mod mode;
#[cfg(all(test, loom))]
mod models;
mod producer;
mod readers;
mod receive;
mod receiver;
mod ring;
mod sender;
#[cfg_attr(loom, allow(dead_code, reason = "its user is left out of models"))]
mod seqlock;
mod signal;
mod slots;
mod submit;
mod subscriber;
mod waiting;

pub mod broadcast;
pub mod mpsc;
// Its words lie in a file, where those of the model checker cannot be.
#[cfg(not(loom))]
pub mod shared_memory;
pub mod spsc;

pub use crate::host::{CoreList, CoreListError};
pub use claim::Slot;
pub use launch::{
    Alike, ByRole, CoreContext, CoreEnd, CoreFailure, CoreInfo, CoreKey, CoreSelection, Cores,
    CoresError, CoresErrorKind, Outcome, Running, StopCause, isolated, node,
};
pub use mesh::{Mesh, MeshReceiver, MeshSender, mesh};
pub use receiver::{Borrowed, Drain, Receiver};
pub use sender::Sender;
pub(crate) use signal::Signal;
pub use submit::{
    CoreHandle, Directory, Reception, SubmitError, SubmitErrorKind, Submitted, reception, submit_to,
};
