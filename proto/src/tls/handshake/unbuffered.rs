//! The handshake without I/O, over the interface of rustls that leaves buffers to its caller.
//!
//! Invariant: rustls sees no record behind the one that ends the handshake, so it holds no data and
//! no keys of later records: it is given whole records one by one, and nothing once it is done.

use std::fmt;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, UnbufferedStatus};
use rustls::{ClientConfig, CommonState, Error, HandshakeKind, ServerConfig};

use super::{Agreed, Finished};
use crate::tls::record::{RECORD_HEADER_BYTES, RecordLayer, Secrets};
use crate::tls::trust::take_server_name;
use crate::tls::{Provider, TlsError, TlsErrorKind, TlsVersion};

/// A handshake that is under way, without I/O.
///
/// Give it what is received; send what stands in [`to_send`](Self::to_send) before anything else is
/// waited for.
///
/// ```no_run
/// # use taut_proto::tls::{TlsConnector, TlsError};
/// # fn receive() -> Vec<u8> { vec![] }
/// # fn send(bytes: &[u8]) -> usize { bytes.len() }
/// # fn main() -> Result<(), TlsError> {
/// let mut handshake = TlsConnector::builder().build()?.handshake("api.example.com")?;
/// loop {
///     let sent = send(handshake.to_send());
///     handshake.sent(sent);
///     if handshake.receive(&receive())? {
///         break;
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Handshake {
    engine: Engine,
    provider: Provider,
    /// Received and not used up.
    incoming: Vec<u8>,
    /// How much of `incoming` is whole records that rustls knows.
    whole: usize,
    /// How much of `incoming` rustls is shown: `whole`, or a part of a record more.
    shown: usize,
    outgoing: Vec<u8>,
    sent: usize,
    /// What the client asked for.
    server_name: Option<String>,
}

/// Either end of a connection.
enum Engine {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// What a look at the received bytes came to.
enum Step {
    /// There is more to do with the same bytes.
    Again,
    NeedsMore,
}

impl Handshake {
    /// A client's; the first message is in [`to_send`](Self::to_send).
    pub(in crate::tls) fn client(
        config: Arc<ClientConfig>,
        provider: Provider,
        name: ServerName<'static>,
    ) -> Result<Self, TlsError> {
        let mut handshake =
            Self::new(Engine::Client(UnbufferedClientConnection::new(config, name)?), provider);
        handshake.receive(&[])?;
        Ok(handshake)
    }

    /// A server's, which the client begins.
    pub(in crate::tls) fn server(
        config: Arc<ServerConfig>,
        provider: Provider,
    ) -> Result<Self, TlsError> {
        Ok(Self::new(Engine::Server(UnbufferedServerConnection::new(config)?), provider))
    }

    fn new(engine: Engine, provider: Provider) -> Self {
        Self {
            engine,
            provider,
            incoming: Vec::new(),
            whole: 0,
            shown: 0,
            outgoing: Vec::new(),
            sent: 0,
            server_name: None,
        }
    }

    /// What is to be sent next.
    #[must_use]
    pub fn to_send(&self) -> &[u8] {
        &self.outgoing[self.sent..]
    }

    /// The first `bytes` of [`to_send`](Self::to_send) were sent.
    ///
    /// # Panics
    ///
    /// Where there are fewer.
    pub fn sent(&mut self, bytes: usize) {
        assert!(bytes <= self.to_send().len(), "sent {bytes} of {}", self.to_send().len());
        self.sent += bytes;
    }

    /// Goes on with what was received; whether the handshake is done. What is in
    /// [`to_send`](Self::to_send) then is still to be sent.
    ///
    /// # Errors
    ///
    /// Why there will be no connection. The alert for the peer is in [`to_send`](Self::to_send).
    pub fn receive(&mut self, received: &[u8]) -> Result<bool, TlsError> {
        self.incoming.extend_from_slice(received);
        while !self.engine.is_done() {
            match self.step() {
                Ok(Step::Again) => {}
                // It was the peer that had the last word.
                Ok(Step::NeedsMore) if self.engine.is_done() => {}
                Ok(Step::NeedsMore) => match record_end(&self.incoming, self.whole) {
                    Some(end) => (self.whole, self.shown) = (end, end),
                    // A look at its first bytes may be enough to refuse it.
                    None if self.shown < self.incoming.len() => self.shown = self.incoming.len(),
                    None => return Ok(false),
                },
                Err(error) => {
                    // What is left to send is the alert.
                    while self.engine.common().wants_write() && self.step().is_ok() {}
                    return Err(error.into());
                }
            }
        }
        Ok(true)
    }

    /// Lets rustls look at what was received.
    fn step(&mut self) -> Result<Step, Error> {
        let shown = &mut self.incoming[..self.shown];
        let (used, step) = match &mut self.engine {
            Engine::Client(client) => react(client.process_tls_records(shown), &mut self.outgoing),
            Engine::Server(server) => {
                // What another handshake of this thread may have left.
                drop(take_server_name());
                let reaction = react(server.process_tls_records(shown), &mut self.outgoing);
                self.server_name = take_server_name().or_else(|| self.server_name.take());
                reaction
            }
        };
        self.incoming.drain(..used);
        self.whole = self.whole.saturating_sub(used);
        self.shown -= used;
        step
    }

    /// The connection that the handshake made.
    ///
    /// # Errors
    ///
    /// Where the handshake is not done, or the peer began to speak under the new keys within its
    /// last message.
    pub fn finish(self) -> Result<Finished, TlsError> {
        if !self.engine.is_done() {
            return Err(TlsError::new(TlsErrorKind::Local, "the TLS handshake is not done"));
        }
        if self.whole > 0 {
            return Err(TlsError::misbehaved("a message across the end of the handshake"));
        }
        let agreed = self.engine.agreed(self.server_name)?;
        let (extracted, secrets) = match self.engine {
            Engine::Client(client) => {
                let (extracted, kernel) = client.dangerous_into_kernel_connection()?;
                (extracted, Secrets::Client(kernel))
            }
            Engine::Server(server) => {
                let (extracted, kernel) = server.dangerous_into_kernel_connection()?;
                (extracted, Secrets::Server(kernel))
            }
        };
        let (inbound, outbound) = (extracted.rx, extracted.tx);
        let layer = RecordLayer::new(agreed.version, self.provider, secrets, inbound, outbound)?;
        Ok(Finished { layer, agreed, received: self.incoming })
    }
}

impl Engine {
    fn common(&self) -> &CommonState {
        match self {
            Self::Client(client) => client,
            Self::Server(server) => server,
        }
    }

    /// Whether all keys are agreed on, and all that the handshake has to say was given out.
    fn is_done(&self) -> bool {
        !self.common().is_handshaking() && !self.common().wants_write()
    }

    fn agreed(&self, server_name: Option<String>) -> Result<Agreed, TlsError> {
        let common = self.common();
        let version = common.protocol_version().and_then(TlsVersion::of);
        Ok(Agreed {
            version: version.ok_or_else(|| TlsError::from(Error::HandshakeNotComplete))?,
            alpn: common.alpn_protocol().map(<[u8]>::to_vec),
            server_name,
            peer_certificates: common.peer_certificates().unwrap_or_default().to_vec(),
            is_resumed: common.handshake_kind() == Some(HandshakeKind::Resumed),
        })
    }
}

/// Does what rustls asks for; how many bytes it has used up.
fn react<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    outgoing: &mut Vec<u8>,
) -> (usize, Result<Step, Error>) {
    let UnbufferedStatus { discard, state } = status;
    let step = state.and_then(|state| match state {
        ConnectionState::EncodeTlsData(mut data) => {
            let before = outgoing.len();
            if let Err(EncodeError::InsufficientSize(size)) = data.encode(&mut []) {
                outgoing.resize(before + size.required_size, 0);
            }
            let encoded = data.encode(&mut outgoing[before..]);
            encoded.map_err(|error| Error::General(error.to_string()))?;
            Ok(Step::Again)
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Ok(Step::Again)
        }
        // A server may write before the client's last message is there; this one waits for it.
        ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_) => Ok(Step::NeedsMore),
        _ => Err(Error::General("data within the TLS handshake".to_owned())),
    });
    (discard, step)
}

/// Where the record that begins at `start` ends, where all of it is there.
fn record_end(received: &[u8], start: usize) -> Option<usize> {
    let header = received[start..].first_chunk::<RECORD_HEADER_BYTES>()?;
    let payload = usize::from(u16::from_be_bytes([header[3], header[4]]));
    let end = start + RECORD_HEADER_BYTES + payload;
    (end <= received.len()).then_some(end)
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match &self.engine {
            Engine::Client(_) => "client",
            Engine::Server(_) => "server",
        };
        write!(f, "Handshake({side}, {} bytes to send)", self.to_send().len())
    }
}
