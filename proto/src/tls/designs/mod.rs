//! Ways to seal and open records, to be measured beside each other and to check each other: rustls
//! with its buffers, rustls without them, and our own record layer.
//!
//! Behind the feature `tls-designs`, for benchmarks and tests; no part of the interface.

mod aead;
mod buffered;
mod own;
mod unbuffered;

pub use aead::Aead;

use super::stream::Received;
use super::{TlsAcceptor, TlsConnector, TlsError};

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `rustls::ClientConnection` and its server: data is copied in and out of its buffers.
    Buffered,
    /// `rustls::unbuffered`: the caller's buffers, with a copy and an allocation a record inside.
    Unbuffered,
    /// [`RecordLayer`](super::RecordLayer).
    Own,
    /// The same, fed as a stream feeds it: with one buffer after the other, which goes back once it
    /// is used up, so that a record which spans several is gathered.
    OwnInSlots,
}

impl Way {
    /// The designs, each once.
    pub const ALL: [Self; 3] = [Self::Buffered, Self::Unbuffered, Self::Own];
}

/// One end of a connection without I/O.
pub trait Design {
    /// Seals data, at the end of what is to be sent.
    ///
    /// # Errors
    ///
    /// Where nothing can be sent any more.
    fn seal(&mut self, data: &[u8]) -> Result<(), TlsError>;

    /// Has new keys from now on, and tells the peer.
    ///
    /// # Errors
    ///
    /// With TLS 1.2.
    fn update_keys(&mut self) -> Result<(), TlsError>;

    /// Says that this end has sent everything.
    fn close(&mut self);

    /// What is to be sent.
    fn to_send(&self) -> &[u8];

    /// All of it was sent.
    fn sent(&mut self);

    /// Opens the whole records at the beginning of `received`, and gives data to `each`; how many
    /// bytes were used up.
    ///
    /// # Errors
    ///
    /// Where the peer broke the protocol or gave up.
    fn open(&mut self, received: &mut [u8], each: &mut dyn FnMut(&[u8]))
    -> Result<usize, TlsError>;

    /// Seals one record as a peer that breaks the protocol might: of any kind, whatever is in it.
    /// Has new keys behind it where `rekeys`. Whether it did: only our own layer can be made to.
    fn seal_record(&mut self, kind: u8, payload: &[u8], rekeys: bool) -> bool {
        let _ = (kind, payload, rekeys);
        false
    }

    /// Whether the peer has said that it has sent everything.
    fn is_peer_done(&self) -> bool;

    /// Whether the handshake is not over.
    fn is_handshaking(&self) -> bool;
}

/// A client.
///
/// # Errors
///
/// Where the name is none.
pub fn client(way: Way, connector: &TlsConnector, name: &str) -> Result<Box<dyn Design>, TlsError> {
    let config = || std::sync::Arc::clone(connector.config());
    let server = || {
        let name = rustls::pki_types::ServerName::try_from(name.to_owned());
        name.map_err(|error| TlsError::configuration("the server's name", error))
    };
    Ok(match way {
        Way::Buffered => {
            let connection = rustls::ClientConnection::new(config(), server()?)?;
            Box::new(buffered::Buffered::new(connection.into()))
        }
        Way::Unbuffered => {
            let connection = rustls::client::UnbufferedClientConnection::new(config(), server()?)?;
            Box::new(unbuffered::Unbuffered::client(connection)?)
        }
        Way::Own => own_client(connector, name)?,
        Way::OwnInSlots => Box::new(own::Own::new(connector.handshake(name)?, Received::default())),
    })
}

/// A server.
///
/// # Errors
///
/// Where the settings are refused.
pub fn server(way: Way, acceptor: &TlsAcceptor) -> Result<Box<dyn Design>, TlsError> {
    let config = || std::sync::Arc::clone(acceptor.config());
    Ok(match way {
        Way::Buffered => {
            let connection = rustls::ServerConnection::new(config())?;
            Box::new(buffered::Buffered::new(connection.into()))
        }
        Way::Unbuffered => {
            let connection = rustls::server::UnbufferedServerConnection::new(config())?;
            Box::new(unbuffered::Unbuffered::server(connection))
        }
        Way::Own => own_server(acceptor)?,
        Way::OwnInSlots => Box::new(own::Own::new(acceptor.handshake()?, Received::default())),
    })
}

/// A client of [`Way::Own`], which another thread may have.
///
/// # Errors
///
/// Where the name is none.
pub fn own_client(
    connector: &TlsConnector,
    name: &str,
) -> Result<Box<dyn Design + Send>, TlsError> {
    Ok(Box::new(own::Own::new(connector.handshake(name)?, own::InPlace)))
}

/// A server of [`Way::Own`], which another thread may have.
///
/// # Errors
///
/// Where the settings are refused.
pub fn own_server(acceptor: &TlsAcceptor) -> Result<Box<dyn Design + Send>, TlsError> {
    Ok(Box::new(own::Own::new(acceptor.handshake()?, own::InPlace)))
}

/// Carries all that each has to send to the other, until neither has more.
///
/// # Errors
///
/// Of either end.
pub fn exchange(left: &mut dyn Design, right: &mut dyn Design) -> Result<(), TlsError> {
    while !left.to_send().is_empty() || !right.to_send().is_empty() {
        carry(left, right)?;
        carry(right, left)?;
    }
    Ok(())
}

fn carry(from: &mut dyn Design, to: &mut dyn Design) -> Result<(), TlsError> {
    let mut bytes = from.to_send().to_vec();
    from.sent();
    let used = to.open(&mut bytes, &mut |_| ())?;
    debug_assert_eq!(used, bytes.len(), "whole records were sent");
    Ok(())
}
