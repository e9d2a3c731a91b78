//! A TLS connection over a transport.
//!
//! | file | idea |
//! |---|---|
//! | `received` | received bytes, cut into records and opened where they are |
//! | `connection` | both directions, by polls |
//! | `split` | a connection as two halves, for tasks of their own |

mod connection;
mod received;
mod split;

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll};

use rustls::pki_types::CertificateDer;
use taut_net::framing::Receive;
use taut_net::{ReceiveTimestamps, StampedBy, Transport, transport};
use taut_runtime::buffer::RxBuf;
use taut_runtime::task::waiting;

use super::{Agreed, Finished, TlsVersion};
use connection::Connection;

#[cfg(feature = "tls-designs")]
pub(super) use received::Received;

pub use connection::WRITE_BYTES_MAX;
pub use split::{TlsReadHalf, TlsWriteHalf};

/// A TLS connection: what a [`TlsConnector`](super::TlsConnector) or
/// [`TlsAcceptor`](super::TlsAcceptor) makes of a transport. Itself a [`Transport`].
///
/// Received data comes in the pieces that the peer sealed, each opened where it landed. The end of
/// the stream is the peer's `close_notify`; a transport that ends without it is `UnexpectedEof`.
/// Either direction can end before the other.
///
/// Dropping the stream drops the transport without `close_notify`, so that the peer sees it as cut
/// off; [`shutdown`](Self::shutdown) first where all was sent that was to be sent.
pub struct TlsStream<T> {
    connection: Box<Connection<T>>,
}

impl<T: Transport> TlsStream<T> {
    pub(super) fn new(transport: T, finished: Finished) -> Self {
        Self { connection: Box::new(Connection::new(transport, finished)) }
    }

    /// The next data as the peer sealed it, without a copy; empty once the peer has said that it
    /// has sent everything. Cancel-safe.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` where the transport ended before; `InvalidData` where the peer broke the
    /// protocol or bytes were changed on the way; `ConnectionAborted` where the peer sent an alert;
    /// each also from every later call. What the transport tells. The cause is a
    /// [`TlsError`](super::TlsError).
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = io::Result<RxBuf>> {
        waiting("recv on TlsStream", transport::recv(&mut *self.connection))
    }

    /// Copies the next data to `to` and says how many bytes; 0 at the end. Cancel-safe.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    #[track_caller]
    pub fn read(&mut self, to: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        waiting("read on TlsStream", connection::read(&mut *self.connection, to))
    }

    /// Fills `to`. Not cancel-safe: bytes that a dropped future copied are gone from the stream.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` where the stream ends before; as for [`recv`](Self::recv).
    #[track_caller]
    pub fn read_exact(&mut self, to: &mut [u8]) -> impl Future<Output = io::Result<()>> {
        waiting("read_exact on TlsStream", connection::read_exact(&mut *self.connection, to))
    }

    /// Takes some of `bytes`, up to [`WRITE_BYTES_MAX`], and says how many. Cancel-safe: a pending
    /// write has taken nothing. What the transport does not take at once leaves with the next
    /// call of any kind; [`flush`](Self::flush) waits for it.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` after [`shutdown`](Self::shutdown); what the transport tells; why the
    /// connection failed, if it did.
    #[track_caller]
    pub fn write(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> {
        let connection = &mut *self.connection;
        waiting("write on TlsStream", poll_fn(|context| connection.poll_write(context, bytes)))
    }

    /// Writes all of `bytes`, and waits until the transport has taken them. A dropped future may
    /// have written a part, in whole records.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    #[track_caller]
    pub fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> {
        waiting("write_all on TlsStream", transport::write_all(&mut *self.connection, bytes))
    }

    /// Writes some bytes of several slices, in as few records as they fill. Cancel-safe as
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
        let connection = &mut *self.connection;
        let write = poll_fn(|context| connection.poll_write_vectored(context, slices));
        waiting("write_vectored on TlsStream", write)
    }

    /// Waits until all that was written is with the kernel. Cancel-safe.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    #[track_caller]
    pub fn flush(&mut self) -> impl Future<Output = io::Result<()>> {
        let connection = &mut *self.connection;
        waiting("flush of TlsStream", poll_fn(|context| connection.poll_flush(context)))
    }

    /// Ends the writing direction: `close_notify`, then the transport's own end. The peer may go on
    /// sending, and is read as before. Cancel-safe: a later call goes on where a dropped one was.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    #[track_caller]
    pub fn shutdown(&mut self) -> impl Future<Output = io::Result<()>> {
        let connection = &mut *self.connection;
        waiting("shutdown of TlsStream", poll_fn(|context| connection.poll_shutdown(context)))
    }

    /// Seals from now on with new keys. Happens by itself where keys wear out; this is for
    /// connections that stay for days. Leaves with the next write.
    ///
    /// # Errors
    ///
    /// With TLS 1.2, which has no such thing, and after [`shutdown`](Self::shutdown).
    pub fn update_keys(&mut self) -> Result<(), super::TlsError> {
        self.connection.layer.update_keys()
    }

    /// Has the spin loop receive directly while a reader waits, as for the transport.
    pub fn set_hot(&mut self, hot: bool) {
        self.connection.transport.set_hot(hot);
    }

    /// What it runs over. Reading or writing there breaks the connection; its options are free.
    #[must_use]
    pub fn transport(&self) -> &T {
        &self.connection.transport
    }

    /// All that both ends agreed on, to be kept for as long as it is needed.
    #[must_use]
    pub fn agreed(&self) -> &Rc<Agreed> {
        &self.connection.agreed
    }

    /// The application protocol that both ends agreed on.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.connection.agreed.alpn.as_deref()
    }

    /// The version of TLS.
    #[must_use]
    pub fn protocol_version(&self) -> TlsVersion {
        self.connection.agreed.version
    }

    /// The peer's certificate and those that vouch for it, in DER, the peer's first; empty where it
    /// showed none.
    #[must_use]
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        &self.connection.agreed.peer_certificates
    }

    /// Whether an earlier session was resumed.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.connection.agreed.is_resumed
    }

    /// Splits into halves that different tasks of this core can own.
    #[must_use]
    pub fn into_split(self) -> (TlsReadHalf<T>, TlsWriteHalf<T>) {
        split::split(self.connection)
    }
}

impl<T: Transport> Transport for TlsStream<T> {
    #[inline]
    fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<io::Result<RxBuf>> {
        self.connection.poll_recv(context)
    }

    fn stop_waiting(&mut self) {
        self.connection.stop_waiting();
    }

    #[inline]
    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.connection.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.connection.poll_write_vectored(context, slices)
    }

    #[inline]
    fn poll_write_in_place(
        &mut self,
        context: &mut Context<'_>,
        memory: &mut Vec<u8>,
        start: usize,
    ) -> Poll<io::Result<usize>> {
        self.connection.poll_write_in_place(context, memory, start)
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.poll_flush(context)
    }

    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.poll_shutdown(context)
    }

    fn set_hot(&mut self, hot: bool) {
        Self::set_hot(self, hot);
    }

    fn set_receive_timestamps(&mut self, by: Option<StampedBy>) -> io::Result<()> {
        self.connection.set_receive_timestamps(by)
    }

    #[inline]
    fn receive_timestamps(&self) -> ReceiveTimestamps {
        self.connection.receive_timestamps()
    }
}

impl<T: Transport> Receive for TlsStream<T> {
    fn recv(&mut self) -> impl Future<Output = io::Result<RxBuf>> {
        Self::recv(self)
    }
}

impl<T: fmt::Debug> fmt::Debug for TlsStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsStream({:?}", self.connection.agreed.version)?;
        write!(f, " over {:?})", self.connection.transport)
    }
}
