//! Where the keys of a connection come from, after rustls has agreed on them.

use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;
use rustls::{ConnectionTrafficSecrets, Error};

/// What is left of the handshake: the schedule of keys, and at a client the store of tickets.
pub(crate) enum Secrets {
    Client(KernelConnection<ClientConnectionData>),
    Server(KernelConnection<ServerConnectionData>),
}

/// A key with the number of its next record.
pub(crate) type TrafficKeys = (u64, ConnectionTrafficSecrets);

impl Secrets {
    /// The next key to open records with.
    pub(super) fn next_inbound(&mut self) -> Result<TrafficKeys, Error> {
        match self {
            Self::Client(client) => client.update_rx_secret(),
            Self::Server(server) => server.update_rx_secret(),
        }
    }

    /// The next key to seal records with.
    pub(super) fn next_outbound(&mut self) -> Result<TrafficKeys, Error> {
        match self {
            Self::Client(client) => client.update_tx_secret(),
            Self::Server(server) => server.update_tx_secret(),
        }
    }

    pub(super) fn is_client(&self) -> bool {
        matches!(self, Self::Client(_))
    }

    /// Keeps a ticket for later connections; whether it was this end's to keep.
    pub(super) fn keep_ticket(&mut self, ticket: &[u8]) -> Result<bool, Error> {
        match self {
            Self::Client(client) => client.handle_new_session_ticket(ticket).map(|()| true),
            Self::Server(_) => Ok(false),
        }
    }
}
