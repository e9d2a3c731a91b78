//! Unix sockets: between processes of one host, with descriptors and credentials.
//!
//! | file | idea |
//! |---|---|
//! | `address` | paths and abstract names |
//! | `bind`, `path` | a name to be found at: permissions, stale sockets, cleaning up |
//! | `connect` | being connected, also while the listener's queue is full |
//! | `stream`, `listener` | bytes in order, by the [`Stream`](crate::Stream) that TCP has |
//! | `endpoint` | messages with what comes along; under all of the following |
//! | `fd_stream` | a stream that descriptors are passed on |
//! | `datagram`, `seqpacket` | messages, without and with a connection |
//! | `credentials`, `options` | who the peer is, and options that all share |
//! | `sys` | the calls without a safe form |

mod address;
mod bind;
mod connect;
mod credentials;
mod datagram;
mod endpoint;
mod fd_stream;
mod listener;
mod options;
mod path;
mod seqpacket;
mod stream;
mod sys;

pub use address::ToUnixAddress;
pub use bind::UnixBind;
pub use credentials::Credentials;
pub use datagram::UnixDatagram;
pub use endpoint::{FDS_MAX, UnixMessage};
pub use fd_stream::UnixFdStream;
pub use listener::{UnixAccepted, UnixListener, UnixSeqpacketListener, UnixSocketListener};
pub use seqpacket::UnixSeqpacket;
pub use stream::{Unix, UnixStream};
