//! The connection that a request goes over: one type, whichever way it was made.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use taut_net::{ReceiveTimestamps, StampedBy, TcpStream, Transport, UnixStream};
use taut_runtime::buffer::RxBuf;

#[cfg(feature = "tls")]
use crate::tls::TlsStream;

/// A connection of the client: a [`Transport`] of one of these kinds.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientTransport {
    /// Plain TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
    /// TLS over one of the others.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<Self>>),
}

macro_rules! each {
    ($self:ident, $transport:ident => $call:expr) => {
        match $self {
            Self::Tcp($transport) => $call,
            Self::Unix($transport) => $call,
            #[cfg(feature = "tls")]
            Self::Tls($transport) => $call,
        }
    };
}

impl Transport for ClientTransport {
    #[inline]
    fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<io::Result<RxBuf>> {
        each!(self, transport => transport.poll_recv(context))
    }

    fn stop_waiting(&mut self) {
        each!(self, transport => transport.stop_waiting());
    }

    #[inline]
    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, transport => transport.poll_write(context, bytes))
    }

    #[inline]
    fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, transport => transport.poll_write_vectored(context, slices))
    }

    #[inline]
    fn poll_write_in_place(
        &mut self,
        context: &mut Context<'_>,
        memory: &mut Vec<u8>,
        start: usize,
    ) -> Poll<io::Result<usize>> {
        each!(self, transport => transport.poll_write_in_place(context, memory, start))
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, transport => transport.poll_flush(context))
    }

    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, transport => transport.poll_shutdown(context))
    }

    fn set_hot(&mut self, hot: bool) {
        match self {
            // Streams have a method of the same name.
            Self::Tcp(stream) => Transport::set_hot(stream, hot),
            Self::Unix(stream) => Transport::set_hot(stream, hot),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Transport::set_hot(&mut **stream, hot),
        }
    }

    fn set_receive_timestamps(&mut self, by: Option<StampedBy>) -> io::Result<()> {
        match self {
            // Streams have methods of the same names.
            Self::Tcp(stream) => Transport::set_receive_timestamps(stream, by),
            Self::Unix(stream) => Transport::set_receive_timestamps(stream, by),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.set_receive_timestamps(by),
        }
    }

    #[inline]
    fn receive_timestamps(&self) -> ReceiveTimestamps {
        match self {
            Self::Tcp(stream) => stream.receive_timestamps(),
            Self::Unix(stream) => Transport::receive_timestamps(stream),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.receive_timestamps(),
        }
    }
}
