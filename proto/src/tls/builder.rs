//! How the two ends are set up: what they share, then what only one of them has.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::{ClientConfig, KeyLogFile, ServerConfig};

use super::trust::Identities;
use super::{
    HANDSHAKE_TIMEOUT, Identity, KeyExchangeGroup, Provider, Roots, TlsAcceptor, TlsConnector,
    TlsError, TlsVersion,
};

/// Sessions that a connector, or an acceptor, keeps to be resumed, unless another limit is set:
/// 256.
pub const SESSIONS_MAX: usize = 256;

/// Tickets that a server sends after each handshake with TLS 1.3, unless another number is set: 2.
pub const TICKETS_PER_CONNECTION: usize = 2;

/// Sets up a [`TlsConnector`] or a [`TlsAcceptor`]. To be sent to each core, which builds its own:
/// each core resumes the sessions that it has had itself.
#[derive(Clone, Debug)]
pub struct TlsBuilder<S> {
    provider: Provider,
    versions: Vec<TlsVersion>,
    groups: Vec<KeyExchangeGroup>,
    alpn: Vec<Vec<u8>>,
    handshake_timeout: Duration,
    sessions_max: usize,
    logs_keys: bool,
    side: S,
}

/// What only a client has to be told.
#[derive(Clone, Debug)]
pub struct Client {
    roots: Roots,
    identity: Option<Identity>,
    sends_server_name: bool,
}

/// What only a server has to be told.
#[derive(Clone, Debug)]
pub struct Server {
    identity: Identity,
    /// Those for clients that ask for a name.
    named: Vec<(String, Identity)>,
    clients: Clients,
    tickets_per_connection: usize,
}

/// Which certificates clients have to show.
#[derive(Clone, Debug)]
enum Clients {
    None,
    Optional(Roots),
    Required(Roots),
}

impl<S> TlsBuilder<S> {
    fn new(side: S) -> Self {
        Self {
            provider: Provider::default(),
            versions: vec![TlsVersion::Tls13, TlsVersion::Tls12],
            groups: Vec::new(),
            alpn: Vec::new(),
            handshake_timeout: HANDSHAKE_TIMEOUT,
            sessions_max: SESSIONS_MAX,
            logs_keys: false,
            side,
        }
    }

    /// The library of ciphers; without it the one that there is, [`Provider::default`].
    #[must_use]
    pub fn provider(self, provider: Provider) -> Self {
        Self { provider, ..self }
    }

    /// The versions to speak; without it TLS 1.3 and 1.2.
    #[must_use]
    pub fn versions(self, versions: &[TlsVersion]) -> Self {
        Self { versions: versions.to_vec(), ..self }
    }

    /// The groups to exchange keys in, the preferred one first; without it all that the provider
    /// has. A client guesses the first one: a server that lacks it costs another round trip.
    #[must_use]
    pub fn key_exchange_groups(self, groups: &[KeyExchangeGroup]) -> Self {
        Self { groups: groups.to_vec(), ..self }
    }

    /// The application protocols, such as `http/1.1`, the preferred one first. A server refuses a
    /// client that names only others; a peer that names none is taken.
    #[must_use]
    pub fn alpn(self, protocols: &[&[u8]]) -> Self {
        Self { alpn: protocols.iter().map(|name| name.to_vec()).collect(), ..self }
    }

    /// How long a handshake may take; without it [`HANDSHAKE_TIMEOUT`].
    #[must_use]
    pub fn handshake_timeout(self, limit: Duration) -> Self {
        Self { handshake_timeout: limit, ..self }
    }

    /// How many sessions are kept to be resumed; without it [`SESSIONS_MAX`]. With 0 none is.
    #[must_use]
    pub fn sessions_max(self, sessions: usize) -> Self {
        Self { sessions_max: sessions, ..self }
    }

    /// Appends the secrets of each connection to the file that the variable `SSLKEYLOGFILE` names,
    /// for Wireshark. Whoever reads that file reads the connections. Nothing where it is not set.
    #[must_use]
    pub fn log_keys(self) -> Self {
        Self { logs_keys: true, ..self }
    }

    fn supported_versions(&self) -> Vec<&'static rustls::SupportedProtocolVersion> {
        self.versions.iter().map(|version| version.supported()).collect()
    }
}

impl TlsBuilder<Client> {
    pub(super) fn client() -> Self {
        let side = Client { roots: Roots::webpki(), identity: None, sends_server_name: true };
        Self::new(side)
    }

    /// Who may vouch for the server; without it [`Roots::webpki`].
    #[must_use]
    pub fn roots(self, roots: Roots) -> Self {
        Self { side: Client { roots, ..self.side }, ..self }
    }

    /// Who we are, for servers that ask.
    #[must_use]
    pub fn identity(self, identity: Identity) -> Self {
        Self { side: Client { identity: Some(identity), ..self.side }, ..self }
    }

    /// Does not tell the server, in the clear, which name it is asked for. Its certificate is
    /// checked against the name all the same.
    #[must_use]
    pub fn without_server_name(self) -> Self {
        Self { side: Client { sends_server_name: false, ..self.side }, ..self }
    }

    /// A connector for this core.
    ///
    /// # Errors
    ///
    /// What does not fit together: no authority to trust, a key that is not the certificate's, a
    /// group that the provider lacks, no version.
    pub fn build(self) -> Result<TlsConnector, TlsError> {
        let provider = self.provider.for_rustls(&self.groups)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.supported_versions())?
            .with_root_certificates(self.side.roots.store()?);
        let mut config = match self.side.identity {
            Some(Identity { certificates, key }) => {
                let set = builder.with_client_auth_cert(certificates, key);
                set.map_err(|error| TlsError::configuration("the client's identity", error))?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn;
        config.resumption = match self.sessions_max {
            0 => Resumption::disabled(),
            sessions => Resumption::in_memory_sessions(sessions),
        };
        config.enable_sni = self.side.sends_server_name;
        config.enable_secret_extraction = true;
        if self.logs_keys {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(TlsConnector::new(config, self.provider, self.handshake_timeout))
    }
}

impl TlsBuilder<Server> {
    pub(super) fn server(identity: Identity) -> Self {
        let tickets_per_connection = TICKETS_PER_CONNECTION;
        let named = Vec::new();
        Self::new(Server { identity, named, clients: Clients::None, tickets_per_connection })
    }

    /// Shows another identity to clients that ask for this DNS name (SNI).
    #[must_use]
    pub fn identity_for(mut self, server_name: &str, identity: Identity) -> Self {
        self.side.named.push((server_name.to_ascii_lowercase(), identity));
        self
    }

    /// Refuses clients without a certificate that one of these vouches for.
    #[must_use]
    pub fn require_client_certificates(self, roots: Roots) -> Self {
        Self { side: Server { clients: Clients::Required(roots), ..self.side }, ..self }
    }

    /// Asks clients for a certificate, and refuses those with a wrong one, but not those with none.
    #[must_use]
    pub fn ask_for_client_certificates(self, roots: Roots) -> Self {
        Self { side: Server { clients: Clients::Optional(roots), ..self.side }, ..self }
    }

    /// How many tickets each client is sent after the handshake with TLS 1.3; without it
    /// [`TICKETS_PER_CONNECTION`].
    #[must_use]
    pub fn tickets_per_connection(self, tickets: usize) -> Self {
        Self { side: Server { tickets_per_connection: tickets, ..self.side }, ..self }
    }

    /// An acceptor for this core.
    ///
    /// # Errors
    ///
    /// As for a connector.
    pub fn build(self) -> Result<TlsAcceptor, TlsError> {
        let provider = self.provider.for_rustls(&self.groups)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&self.supported_versions())?;
        let verifier = |roots: &Roots| {
            let roots = Arc::new(roots.store()?);
            let provider = Arc::clone(&provider);
            Ok::<_, TlsError>(WebPkiClientVerifier::builder_with_provider(roots, provider))
        };
        let unfit =
            |error| TlsError::configuration("the authorities for clients can't be used", error);
        let builder = match &self.side.clients {
            Clients::None => builder.with_no_client_auth(),
            Clients::Required(roots) => {
                builder.with_client_cert_verifier(verifier(roots)?.build().map_err(unfit)?)
            }
            Clients::Optional(roots) => {
                let verifier = verifier(roots)?.allow_unauthenticated().build().map_err(unfit)?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let identities = Identities::new(self.side.identity, self.side.named, &provider)?;
        let mut config = builder.with_cert_resolver(Arc::new(identities));
        config.alpn_protocols = self.alpn;
        config.session_storage = match self.sessions_max {
            0 => Arc::new(NoServerSessionStorage {}),
            sessions => ServerSessionMemoryCache::new(sessions),
        };
        config.send_tls13_tickets =
            if self.sessions_max == 0 { 0 } else { self.side.tickets_per_connection };
        config.enable_secret_extraction = true;
        if self.logs_keys {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(TlsAcceptor::new(config, self.provider, self.handshake_timeout))
    }
}
