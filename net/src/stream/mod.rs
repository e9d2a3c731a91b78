//! A connected stream of bytes: what TCP connections and Unix sockets have in common.
//!
//! | file | idea |
//! |---|---|
//! | `family` | what tells one kind of stream from another |
//! | `split` | a connection as two halves, for tasks of their own |
//! | `handover` | a connection that moves to another core |
//! | `futures_traits`, `tokio_traits`, `async_write` | the I/O traits of others |
//!
//! Invariant: bytes are received in order by one operation at a time, and dropping any future loses
//! none that were received.

#[cfg(any(feature = "futures-io", feature = "tokio-io"))]
mod async_write;
mod family;
mod handover;
mod split;

#[cfg(feature = "futures-io")]
mod futures_traits;
#[cfg(feature = "tokio-io")]
mod tokio_traits;

use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::net::Shutdown;

use socket2::SockRef;
use taut_runtime::buffer::{RxBuf, SendBuf};
use taut_runtime::io::{Descriptor, Inbound, Outbound};
use taut_runtime::task::waiting;

use crate::has_descriptor::has_descriptor;

pub use family::Family;
pub use handover::{DetachError, Detached};
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};

pub(crate) use family::{Kind, Waits, waits};

/// A connected stream: a [`TcpStream`](crate::TcpStream) or a [`UnixStream`](crate::UnixStream).
///
/// Reads come in three kinds: [`recv`](Self::recv) hands out the bytes where they landed, without
/// a copy; [`read`](Self::read) copies them into the caller's memory;
/// [`recv_into`](Self::recv_into) lets the kernel write into the caller's buffer, for large
/// messages. They can be mixed, and dropping any of them loses nothing.
///
/// Dropping the stream closes it, after what was written or given to [`send`](Self::send) has gone
/// to the kernel.
#[derive(Debug)]
pub struct Stream<F> {
    pub(crate) read: OwnedReadHalf<F>,
    pub(crate) write: OwnedWriteHalf<F>,
}

impl<F: Family> Stream<F> {
    pub(crate) fn from_connected(descriptor: Descriptor) -> Self {
        let inbound = Inbound::new(descriptor.clone());
        let outbound = Outbound::new(descriptor.clone());
        Self::from_halves(inbound, outbound, descriptor)
    }

    fn from_halves(inbound: Inbound, outbound: Outbound, descriptor: Descriptor) -> Self {
        let (copy, family) = (descriptor.clone(), PhantomData);
        Self {
            read: OwnedReadHalf { inbound, descriptor: copy, family },
            write: OwnedWriteHalf { outbound, descriptor, shut_on_drop: false, family },
        }
    }

    /// The next bytes as they came in, without a copy; empty at the end of the stream.
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// The connection's failure, such as `ConnectionReset`, once; then the end.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = io::Result<RxBuf>> {
        self.read.recv()
    }

    /// Copies the next bytes to `to` and says how many; 0 at the end. Cancel-safe.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    #[track_caller]
    pub fn read(&mut self, to: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        self.read.read(to)
    }

    /// Fills `to`. Not cancel-safe: bytes that a dropped future copied are gone from the stream.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` where the stream ends before; as for [`recv`](Self::recv).
    #[track_caller]
    pub fn read_exact(&mut self, to: &mut [u8]) -> impl Future<Output = io::Result<()>> {
        self.read.read_exact(to)
    }

    /// Appends all bytes up to the end of the stream and says how many. What a dropped future read
    /// is in `to`.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    #[track_caller]
    pub fn read_to_end(&mut self, to: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> {
        self.read.read_to_end(to)
    }

    /// Lets the kernel write the next bytes into the spare capacity of `buffer`; gives their
    /// number, 0 at the end, and the buffer. Cancel-safe for the stream; the buffer goes with a
    /// dropped future.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv); `InvalidInput` where `buffer` has no spare capacity.
    #[track_caller]
    pub fn recv_into(
        &mut self,
        buffer: Vec<u8>,
    ) -> impl Future<Output = (io::Result<usize>, Vec<u8>)> {
        self.read.recv_into(buffer)
    }

    /// Writes some of `bytes` and says how many. Cancel-safe: a pending write has sent nothing.
    ///
    /// # Errors
    ///
    /// `BrokenPipe`, `ConnectionReset`; the failure of a `send` whose future was dropped.
    #[track_caller]
    pub fn write(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> {
        self.write.write(bytes)
    }

    /// Writes all of `bytes`. A dropped future may have written a part.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    #[track_caller]
    pub fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> {
        self.write.write_all(bytes)
    }

    /// Writes some bytes of several slices, with one system call. Cancel-safe as
    /// [`write`](Self::write).
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    #[track_caller]
    pub fn write_vectored(
        &mut self,
        slices: &[IoSlice<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        self.write.write_vectored(slices)
    }

    /// Sends all of an owned buffer without a copy: an `RxBuf`, a `TxBuf`, `Bytes` or a `Vec<u8>`.
    /// A dropped future does not stop it: it goes on in the background, complete and in order. Only
    /// one that still waited for an earlier `send` has not begun, and sends nothing.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    #[track_caller]
    pub fn send<B: Into<SendBuf>>(
        &mut self,
        buffer: B,
    ) -> impl Future<Output = io::Result<()>> + use<'_, B, F> {
        self.write.send(buffer)
    }

    /// Waits until every `send` is with the kernel. Cancel-safe.
    ///
    /// # Errors
    ///
    /// The failure of a `send` whose future was dropped.
    #[track_caller]
    pub fn flush(&mut self) -> impl Future<Output = io::Result<()>> {
        self.write.flush()
    }

    /// Ends one direction, or both, after every `send` is with the kernel. The peer reads the end
    /// of the stream.
    ///
    /// # Errors
    ///
    /// What `shutdown(2)` tells, such as `NotConnected`.
    #[track_caller]
    pub fn shutdown(&mut self, how: Shutdown) -> impl Future<Output = io::Result<()>> {
        waiting(F::WAITS.shutdown, async move {
            if how != Shutdown::Read {
                self.write.outbound.flush().await?;
            }
            SockRef::from(&*self).shutdown(how)
        })
    }

    /// Makes the stream *hot*: the spin loop receives from it directly while a reader waits. The
    /// fastest way in for the one or two sockets that matter most; each turn of the loop then costs
    /// a system call, and the core does not sleep meanwhile.
    pub fn set_hot(&mut self, hot: bool) {
        self.read.set_hot(hot);
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// What `getpeername(2)` tells: `NotConnected` where the peer is gone.
    pub fn peer_addr(&self) -> io::Result<F::Address> {
        F::address(&SockRef::from(self).peer_addr()?)
    }

    /// Splits into halves that different tasks can own.
    pub fn into_split(self) -> (OwnedReadHalf<F>, OwnedWriteHalf<F>) {
        let Self { read, mut write } = self;
        write.shut_on_drop = true;
        (read, write)
    }
}

has_descriptor!(Stream<F>, read.descriptor);
