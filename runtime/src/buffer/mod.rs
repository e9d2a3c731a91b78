//! Memory that the kernel reads and writes: received data without copies, registered send buffers.
//!
//! Received bytes land in slots of one region per core, the *receive pool*. Users see a slot as an
//! [`RxBuf`]: a cheap handle that derefs to bytes, can be cloned and sliced, and gives its slot
//! back when the last handle is dropped. Outgoing messages can be written in place into a
//! [`TxBuf`], a slot of the *send pool*, whose region is registered with the ring so that no call
//! has to pin its pages.
//!
//! Invariant: a slot is in exactly one place: offered to the kernel, in a stream's queue, in the
//! user's hands, or in the free list. Cost: taking and returning a slot is a handful of plain
//! loads and stores; no allocation, no system call.

mod receive;
mod receive_mut;
mod receive_pool;
mod region;
mod send;

pub use receive::RxBuf;
pub use receive_mut::RxBufMut;
pub use send::{SendBuf, TxBuf};

pub(crate) use receive_pool::{ProvidedRing, ReceivePool};
pub(crate) use region::{Region, RegionNames};
pub(crate) use send::SendPool;
