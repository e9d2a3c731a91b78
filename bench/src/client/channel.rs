//! A connection of a client that never sleeps, plain or with TLS in between.
//!
//! The record layer is that of `taut::tls`, without its I/O. Cost without TLS: one comparison a
//! call.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use taut::tls::{Provider, Roots, TlsConnector, TlsError, TlsVersion};
use taut_proto::tls::designs::{Design, own_client};

use super::{Patience, broken};
use crate::certificate::NAME;

const BUFFER_BYTES: usize = 64 << 10;

/// See the module's documentation. The stream must be non-blocking.
pub(crate) struct Channel {
    stream: OwnedFd,
    tls: Option<Box<Tls>>,
}

/// One end, and what is between it and the two sides.
struct Tls {
    end: Box<dyn Design + Send>,
    /// What came and is no whole record yet.
    received: Vec<u8>,
    /// Data that nobody has taken yet.
    opened: Vec<u8>,
    buffer: Vec<u8>,
}

impl From<OwnedFd> for Channel {
    fn from(stream: OwnedFd) -> Self {
        Self { stream, tls: None }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.tls.is_some() { "TLS" } else { "plain" };
        write!(f, "Channel({:?}, {kind})", self.stream)
    }
}

/// Trusts the certificate in that file, and speaks TLS 1.3 by `ring`.
pub(crate) fn connector(certificate: &Path) -> Result<TlsConnector, String> {
    let certificate = std::fs::read(certificate)
        .map_err(|error| format!("its certificate can't be read: {error}"))?;
    let refused = |error: TlsError| error.to_string();
    let roots = Roots::none().with_der(&certificate).map_err(refused)?;
    let builder = TlsConnector::builder().roots(roots).alpn(&[b"http/1.1"]);
    builder.provider(Provider::Ring).versions(&[TlsVersion::Tls13]).build().map_err(refused)
}

impl Channel {
    /// Shakes hands.
    pub(crate) fn encrypted(stream: OwnedFd, connector: &TlsConnector) -> Result<Self, String> {
        let end = own_client(connector, NAME).map_err(|error| error.to_string())?;
        let buffer = vec![0; BUFFER_BYTES];
        let mut tls = Box::new(Tls { end, received: Vec::new(), opened: Vec::new(), buffer });
        let mut patience = Patience::default();
        tls.flush(&stream).map_err(|error| broken("send", error))?;
        while tls.end.is_handshaking() {
            match tls.hear(&stream)? {
                Ok(0) => return Err("the server closed a connection in its handshake".to_owned()),
                Ok(_) => tls.flush(&stream).map_err(|error| broken("send", error))?,
                Err(Errno::AGAIN | Errno::INTR) => {
                    patience.nothing_came(|| "the handshake's answer".to_owned())?;
                }
                Err(error) => return Err(broken("recv", error)),
            }
        }
        Ok(Self { stream, tls: Some(tls) })
    }

    /// Hands over all of the bytes at once; `AGAIN` where there is no room for all of them.
    #[inline(always)]
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let Some(tls) = &mut self.tls else {
            return match send(&self.stream, bytes, SendFlags::NOSIGNAL)? {
                count if count == bytes.len() => Ok(()),
                _ => Err(Errno::AGAIN),
            };
        };
        tls.end.seal(bytes).map_err(|_| Errno::PROTO)?;
        tls.flush(&self.stream)
    }

    /// Takes as many bytes as there are, without waiting: none at the end, `AGAIN` where nothing
    /// has come, `PROTO` for records that can't be opened.
    #[inline(always)]
    pub(crate) fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, Errno> {
        let Some(tls) = &mut self.tls else {
            return recv(&self.stream, bytes, RecvFlags::empty()).map(|(count, _)| count);
        };
        while tls.opened.is_empty() {
            if tls.hear(&self.stream).map_err(|_| Errno::PROTO)?? == 0 {
                return Ok(0);
            }
        }
        let count = bytes.len().min(tls.opened.len());
        bytes[..count].copy_from_slice(&tls.opened[..count]);
        tls.opened.drain(..count);
        Ok(count)
    }
}

impl Tls {
    fn flush(&mut self, stream: &OwnedFd) -> Result<(), Errno> {
        let bytes = self.end.to_send();
        if !bytes.is_empty() && send(stream, bytes, SendFlags::NOSIGNAL)? != bytes.len() {
            return Err(Errno::AGAIN);
        }
        self.end.sent();
        Ok(())
    }

    /// Receives once and opens what is whole; how many bytes came from the socket.
    fn hear(&mut self, stream: &OwnedFd) -> Result<Result<usize, Errno>, String> {
        let count = match recv(stream, &mut self.buffer[..], RecvFlags::empty()) {
            Ok((count, _)) => count,
            Err(error) => return Ok(Err(error)),
        };
        self.received.extend_from_slice(&self.buffer[..count]);
        let opened = &mut self.opened;
        let each = &mut |data: &[u8]| opened.extend_from_slice(data);
        let used = self.end.open(&mut self.received, each).map_err(|error| error.to_string())?;
        self.received.drain(..used);
        Ok(Ok(count))
    }
}
