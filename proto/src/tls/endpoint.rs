//! The two ends: a connector and an acceptor, one of each for a core.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use taut_net::Transport;
use taut_runtime::task::waiting;

use super::builder::{Client, Server, TlsBuilder};
use super::handshake::drive;
use super::{Handshake, Identity, Provider, TlsError, TlsStream};

/// What both ends keep.
struct Endpoint<C> {
    config: Arc<C>,
    provider: Provider,
    handshake_timeout: Duration,
}

/// Makes TLS of the connections that this end opens. Clones are cheap and share the sessions that
/// can be resumed.
///
/// ```no_run
/// use taut_net::TcpStream;
/// use taut_proto::tls::TlsConnector;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let connector = TlsConnector::builder().alpn(&[b"http/1.1"]).build()?;
/// let tcp = TcpStream::connect("api.example.com:443").await?;
/// let mut stream = connector.connect("api.example.com", tcp).await?;
/// stream.write_all(b"GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n").await?;
/// let answer = stream.recv().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TlsConnector(Rc<Endpoint<ClientConfig>>);

impl TlsConnector {
    #[cfg(feature = "tls-designs")]
    pub(super) fn config(&self) -> &Arc<ClientConfig> {
        &self.0.config
    }

    /// Sets up a connector.
    #[must_use]
    pub fn builder() -> TlsBuilder<Client> {
        TlsBuilder::client()
    }

    pub(super) fn new(config: ClientConfig, provider: Provider, limit: Duration) -> Self {
        let config = Arc::new(config);
        Self(Rc::new(Endpoint { config, provider, handshake_timeout: limit }))
    }

    /// Shakes hands with a server and checks that its certificate is for `server_name`: a DNS name,
    /// or an IP address. A dropped future drops the transport.
    ///
    /// # Errors
    ///
    /// Why there is no connection, and whose [fault](TlsError::fault) it is. A cancelled task gets
    /// the transport's `ECANCELED`.
    #[track_caller]
    pub fn connect<T: Transport>(
        &self,
        server_name: &str,
        transport: T,
    ) -> impl Future<Output = Result<TlsStream<T>, TlsError>> + use<T> {
        let handshake = self.handshake(server_name);
        let limit = self.0.handshake_timeout;
        waiting("TLS handshake", async move { drive(handshake?, transport, limit).await })
    }

    /// The handshake without I/O.
    ///
    /// # Errors
    ///
    /// Where `server_name` is no name.
    pub fn handshake(&self, server_name: &str) -> Result<Handshake, TlsError> {
        let name = ServerName::try_from(server_name.to_owned()).map_err(|error| {
            TlsError::configuration(format!("the server's name, {server_name:?}"), error)
        })?;
        Handshake::client(Arc::clone(&self.0.config), self.0.provider, name)
    }
}

/// Makes TLS of the connections that this end accepted. Clones are cheap and share the sessions
/// that can be resumed.
///
/// ```no_run
/// use taut_net::TcpListener;
/// use taut_proto::tls::{Identity, TlsAcceptor};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let pem = std::fs::read("server.pem")?;
/// let acceptor = TlsAcceptor::builder(Identity::from_pem(&pem, &pem)?).build()?;
/// let listener = TcpListener::bind("0.0.0.0:443".parse()?)?;
/// let mut stream = acceptor.accept(listener.accept().await?).await?;
/// stream.write_all(b"welcome").await?;
/// stream.shutdown().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TlsAcceptor(Rc<Endpoint<ServerConfig>>);

impl TlsAcceptor {
    #[cfg(feature = "tls-designs")]
    pub(super) fn config(&self) -> &Arc<ServerConfig> {
        &self.0.config
    }

    /// Sets up an acceptor that shows this identity.
    #[must_use]
    pub fn builder(identity: Identity) -> TlsBuilder<Server> {
        TlsBuilder::server(identity)
    }

    pub(super) fn new(config: ServerConfig, provider: Provider, limit: Duration) -> Self {
        let config = Arc::new(config);
        Self(Rc::new(Endpoint { config, provider, handshake_timeout: limit }))
    }

    /// Shakes hands with a client. A dropped future drops the transport.
    ///
    /// # Errors
    ///
    /// As for [`TlsConnector::connect`].
    #[track_caller]
    pub fn accept<T: Transport>(
        &self,
        transport: T,
    ) -> impl Future<Output = Result<TlsStream<T>, TlsError>> + use<T> {
        let handshake = self.handshake();
        let limit = self.0.handshake_timeout;
        waiting("TLS handshake", async move { drive(handshake?, transport, limit).await })
    }

    /// The handshake without I/O.
    ///
    /// # Errors
    ///
    /// Where the settings are refused; they were checked when the acceptor was built.
    pub fn handshake(&self) -> Result<Handshake, TlsError> {
        Handshake::server(Arc::clone(&self.0.config), self.0.provider)
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsConnector({:?})", self.0.provider)
    }
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsAcceptor({:?})", self.0.provider)
    }
}
