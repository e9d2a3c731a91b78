//! Rings between processes, in memory that they share.
//!
//! One [`Ring`] of one of three [`Kind`]s: one reader, many that hold up the writer, or many that
//! lose what they are too slow for. Messages are bytes, up to a size that is set when the ring is
//! made; plain values go in and out by [`Writer::send`] and [`Reader::recv`]. The file is a memfd
//! whose descriptor is handed over, or has a path in `/dev/shm`.
//!
//! ```
//! use taut_runtime::cores::shared_memory::{Kind, Options, ReadError, Ring};
//!
//! // In one process:
//! # let path = std::env::temp_dir().join(format!("taut-doc-{}", std::process::id()));
//! let ring = Ring::open_or_create(&path, &Options::new(Kind::Spsc, 48, 1024))?;
//! let mut ticks = ring.writer()?;
//! ticks.try_send(&[101_u64, 7])?;
//!
//! // In the other one:
//! let ring = Ring::open_or_create(&path, &Options::new(Kind::Spsc, 48, 1024))?;
//! let mut feed = ring.reader()?;
//! # std::fs::remove_file(&path)?;
//! taut_runtime::run(async move {
//!     feed.connected().await?;
//! #   drop(ticks);
//!     // Until the writer has gone, or died: then the quotes have to be pulled.
//!     while let Ok([price, size]) = feed.recv::<[u64; 2]>().await {
//!         assert_eq!((price, size), (101, 7));
//!     }
//!     assert_eq!(feed.recv::<[u64; 2]>().await, Err(ReadError::Disconnected));
//!     Ok::<(), ReadError>(())
//! })??;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When a process goes or dies
//!
//! Each part, the writer's and a reader's, is played by one process at a time, and is free again
//! when that has dropped its end, has ended or was killed: the kernel then gives up the lock that
//! goes with it, also across containers. A child that was forked and executes no other program
//! keeps its parent's parts; and `/proc` has to be there.
//!
//! What can be done without the other side is done. A reader first gets all that was written, then
//! [`ReadError::Disconnected`] for as long as there is no writer; the next writer goes on behind
//! the last whole message, and so does the reader. The writer of a [`Kind::Spsc`] fills the ring,
//! then gets [`WriteError::Disconnected`] for as long as there is no reader; the next reader begins
//! with the first message that was not [released](Message::release), so the one that its
//! predecessor died over comes again. A [`Kind::Broadcast`] stops waiting for a reader that dies. A
//! death is noticed within twice [`PEER_CHECK_EVERY`] by a side that makes no progress, and costs
//! the others nothing.
//!
//! # What it costs
//!
//! While both sides spin: the transfer of a cache line, a fence for each side, no system call. A
//! core that waits looks at the ring in each turn. One that sleeps can't be woken by another
//! process: while it awaits a ring it sleeps no longer than
//! [`Builder::shared_memory_poll`](crate::Builder::shared_memory_poll), which is what a parked core
//! adds to the latency, and what makes it wake so often. A plain thread sleeps on a futex and is
//! woken by one system call. Who makes no progress pays one more every [`PEER_CHECK_EVERY`].
//!
//! # Whom it trusts
//!
//! Every length and position that comes out of the file is checked when it is used, so a file that
//! is damaged, or that another program writes to, gives errors or wrong messages and never an
//! access beyond the ring. But bytes in place are plain memory: whoever may write to the file could
//! change them while they are looked at, so give it only to processes that keep to this protocol,
//! or use a [`Kind::BroadcastLossy`], which copies. A ring with a path could also be cut short, see
//! [`Ring::open`].
//!
//! | file | idea |
//! |---|---|
//! | `mapping` | the file and its memory |
//! | `lock` | a part of the ring is held by a lock that ends with its process |
//! | `options`, `layout` | what a ring is made of, and where in the file it stands |
//! | `memory` | the words by name, and the slots |
//! | `presence` | who plays which part, and whether the other side lives |
//! | `alarm`, `wait` | sleeping until another process changes a word |
//! | `ring`, `writer`, `reader` | what users hold |

mod alarm;
mod error;
mod layout;
mod lock;
mod mapping;
mod memory;
mod options;
mod presence;
mod reader;
mod ring;
mod wait;
mod writer;

pub use error::{ReadError, RingError, WriteError};
pub use options::{CAPACITY_MAX, Kind, Options, READERS_MAX, SLOT_BYTES_MAX};
pub use presence::PEER_CHECK_EVERY;
pub use reader::{Message, Reader};
pub use ring::Ring;
pub use writer::{Claim, Writer};

use crate::executor::try_current;

/// Counts a system call, if a core makes it.
fn count_system_call() {
    if let Some(core) = try_current() {
        core.counters.syscalls.increment();
    }
}

/// Counts a wake of another thread, if a core sends it.
fn count_wake() {
    if let Some(core) = try_current() {
        core.counters.syscalls.increment();
        core.counters.wakes_sent.increment();
    }
}
