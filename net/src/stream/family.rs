//! What tells the streams of one kind of socket from those of another.

use std::fmt::Debug;
use std::io;
use std::os::fd::OwnedFd;

/// The kind of socket that a [`Stream`](crate::Stream) is of: [`Tcp`](crate::Tcp) or
/// [`Unix`](crate::Unix).
///
/// For code that serves both:
///
/// ```
/// use taut_net::{Family, Stream};
///
/// async fn echo<F: Family>(mut stream: Stream<F>) -> std::io::Result<()> {
///     loop {
///         let message = stream.recv().await?;
///         if message.is_empty() {
///             return Ok(());
///         }
///         stream.write_all(&message).await?;
///     }
/// }
/// ```
pub trait Family: Kind + Debug + Unpin + 'static {
    /// An address of such a socket.
    type Address: Debug;

    /// Such a stream of the standard library, which blocks.
    type Std: From<OwnedFd>;
}

/// What only this crate needs to know, so that nobody else makes a family.
pub trait Kind {
    /// What a dump calls the waits.
    const WAITS: Waits;

    /// Whether the kernel stamps what such a socket receives.
    const IS_STAMPED: bool;

    /// An address as the kernel gave it.
    fn address(of_kernel: &socket2::SockAddr) -> io::Result<<Self as Family>::Address>
    where
        Self: Family;
}

/// The names of the waits on a stream.
#[derive(Debug)]
pub struct Waits {
    pub(crate) recv: &'static str,
    pub(crate) read: &'static str,
    pub(crate) read_exact: &'static str,
    pub(crate) read_to_end: &'static str,
    pub(crate) recv_into: &'static str,
    pub(crate) write: &'static str,
    pub(crate) write_all: &'static str,
    pub(crate) write_vectored: &'static str,
    pub(crate) send: &'static str,
    pub(crate) flush: &'static str,
    pub(crate) shutdown: &'static str,
    pub(crate) detach: &'static str,
    pub(crate) quiesce: &'static str,
}

/// The names for a stream that is called so.
macro_rules! waits {
    ($stream:literal) => {
        $crate::stream::Waits {
            recv: concat!("recv on ", $stream),
            read: concat!("read on ", $stream),
            read_exact: concat!("read_exact on ", $stream),
            read_to_end: concat!("read_to_end on ", $stream),
            recv_into: concat!("recv_into on ", $stream),
            write: concat!("write on ", $stream),
            write_all: concat!("write_all on ", $stream),
            write_vectored: concat!("write_vectored on ", $stream),
            send: concat!("send on ", $stream),
            flush: concat!("flush of ", $stream),
            shutdown: concat!("shutdown of ", $stream),
            detach: concat!("detach of ", $stream),
            quiesce: concat!("quiesce of ", $stream),
        }
    };
}

pub(crate) use waits;
