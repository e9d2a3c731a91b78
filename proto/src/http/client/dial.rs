//! How a connection to an origin is made: straight, through a proxy, or over a Unix socket; and TLS
//! on top for `https`.

#[cfg(feature = "tls")]
use std::cell::OnceCell;
use std::path::PathBuf;

use taut_net::{Connector, TcpStream, UnixStream};

use super::connection::{Bounds, Connection};
use super::destination::Origin;
use super::error::{Cause, Phase};
use super::proxies::Proxies;
use super::proxy::Proxy;
use super::transport::ClientTransport;
#[cfg(feature = "tls")]
use crate::tls::TlsConnector;

/// Makes the connections of a client.
#[derive(Debug, Default)]
pub(super) struct Dialer {
    pub(super) connector: Connector,
    pub(super) unix_socket: Option<PathBuf>,
    pub(super) proxies: Proxies,
    #[cfg(feature = "tls")]
    pub(super) tls: OnceCell<TlsConnector>,
}

impl Dialer {
    /// A connection that a request can go over.
    pub(super) async fn dial(
        &self,
        origin: &Origin,
        bounds: &Bounds,
    ) -> Result<Box<Connection>, Cause> {
        let Bounds { timeouts, limits, total } = bounds;
        let routing = self.route(origin, bounds);
        let routed = total.within(Phase::Connect, timeouts.connect, routing).await?;
        let (transport, wants_absolute) = routed?;
        let transport = match origin.is_secure {
            true => self.secure(transport, origin, bounds).await?,
            false => transport,
        };
        let mut connection = Box::new(Connection::new(transport, limits));
        connection.wants_absolute = wants_absolute;
        Ok(connection)
    }

    /// A transport that leads to the origin, and whether requests on it name whole URLs.
    async fn route(
        &self,
        origin: &Origin,
        bounds: &Bounds,
    ) -> Result<(ClientTransport, bool), Cause> {
        if let Some(path) = &self.unix_socket {
            let stream = UnixStream::connect(path.as_path()).await;
            return Ok((ClientTransport::Unix(stream.map_err(unconnected)?), false));
        }
        match self.proxy_for(origin) {
            None => Ok((ClientTransport::Tcp(self.tcp(&origin.host, origin.port).await?), false)),
            Some(proxy) => {
                let stream = self.tcp(&proxy.host, proxy.port).await?;
                proxy.pass(stream, origin, bounds).await
            }
        }
    }

    /// The proxy that connections to an origin go through.
    pub(super) fn proxy_for(&self, origin: &Origin) -> Option<&Proxy> {
        self.proxies.before(origin).filter(|_| self.unix_socket.is_none())
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<TcpStream, Cause> {
        self.connector.connect((host, port)).await.map_err(unconnected)
    }

    /// The one place that makes TLS.
    #[cfg(feature = "tls")]
    async fn secure(
        &self,
        transport: ClientTransport,
        origin: &Origin,
        bounds: &Bounds,
    ) -> Result<ClientTransport, Cause> {
        let handshake = self.tls()?.connect(&origin.host, transport);
        let limit = bounds.timeouts.tls;
        let secured = bounds.total.within(Phase::Tls, limit, handshake).await?;
        let secured = secured.map_err(|error| Cause::Io(Phase::Tls, error.into()))?;
        if let Some(protocol) = secured.alpn().filter(|protocol| !protocol.starts_with(b"http/1."))
        {
            let protocol = protocol.escape_ascii();
            let why = "this client speaks http/1.1, which its connector's ALPN has to be";
            return Err(Cause::invalid(format!("the peer chose {protocol}: {why}")));
        }
        Ok(ClientTransport::Tls(Box::new(secured)))
    }

    /// The connector that was given, else one that trusts Mozilla's authorities.
    #[cfg(feature = "tls")]
    fn tls(&self) -> Result<&TlsConnector, Cause> {
        if self.tls.get().is_none() {
            let made = TlsConnector::builder().alpn(&[b"http/1.1"]).build();
            let made = made.map_err(|error| Cause::invalid(error.to_string()))?;
            // Nothing was waited for since it was looked at.
            let _ = self.tls.set(made);
        }
        Ok(self.tls.get().expect("it was made above"))
    }

    #[cfg(not(feature = "tls"))]
    async fn secure(
        &self,
        _: ClientTransport,
        _: &Origin,
        _: &Bounds,
    ) -> Result<ClientTransport, Cause> {
        Err(Cause::invalid("https needs the feature `tls`"))
    }
}

fn unconnected(error: std::io::Error) -> Cause {
    Cause::Io(Phase::Connect, error)
}
