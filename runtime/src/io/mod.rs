//! What protocol crates build on: descriptors, inbound bytes, accepted sockets, outbound bytes.
//!
//! These types hold the part of a stream that is the same for TCP, Unix sockets and pipes, over
//! either driver. Users meet them through `taut::net`. For themselves users have [`pipe`]s, and
//! [`Pollable`] for any other descriptor that can be waited for.
//!
//! Data's way in: kernel, slot of the receive pool, the stream's queue, the reader. Its way out:
//! the caller's bytes, one non-blocking call; only what the kernel does not take at once goes
//! through the driver.

mod broken_pipe;
mod checkpoint;
#[cfg(feature = "futures-io")]
mod copy;
mod core_local;
mod datagram;
mod datagrams;
mod descriptor;
mod handover;
mod hot;
mod inbound;
mod incoming;
mod messages;
mod napi;
mod outbound;
mod outgoing;
mod pipe;
mod pollable;
mod readiness;
mod receive_now;
mod receive_records;
mod record;
mod send_file;
mod send_records;
mod source;
mod stamped;
mod transmit_timestamps;

#[cfg(feature = "futures-io")]
mod futures_traits;
#[cfg(feature = "tokio-io")]
mod tokio_traits;

pub use checkpoint::poll_checkpoint;
#[cfg(feature = "futures-io")]
pub use copy::copy_bidirectional;
pub use core_local::core_local;
pub use datagram::{Datagram, ReceiveTimestamps};
pub use datagrams::{DatagramOptions, Datagrams};
pub use descriptor::{Descriptor, Interest, connect, readiness};
pub use handover::Handover;
pub use inbound::Inbound;
pub use incoming::Incoming;
pub use messages::Messages;
pub use napi::poll_napi;
pub use outbound::Outbound;
pub use outgoing::{DatagramSender, Outgoing, SEGMENTS_MAX};
pub use pipe::{PipeReader, PipeWriter, pipe};
pub use pollable::Pollable;
pub use transmit_timestamps::{TRANSMIT_TIMESTAMPS_MAX, TimestampQueue, TransmitTimestamp};

pub(crate) use core_local::CoreLocals;
pub(crate) use descriptor::{InFlight, perform};
pub(crate) use hot::HotSources;
pub(crate) use inbound::InboundState;
pub(crate) use incoming::IncomingState;
pub(crate) use napi::no_napi_polling;
pub(crate) use readiness::BULK_BYTES;
pub(crate) use receive_now::{is_flooded, receive_now, receive_now_to};
pub(crate) use receive_records::{MessageShape, RECEIVE_FLAGS};
pub(crate) use source::Source;
pub(crate) use transmit_timestamps::TransmitState;
