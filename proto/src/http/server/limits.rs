//! What a server allows its clients, each limit with its default.

use std::time::Duration;

use super::pace::Demand;
use crate::http::wire::{ChunkLimits, HeadLimits};

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr,)+) => {
        /// What a server allows its clients. Read by [`Server::limits`](super::Server::limits), set
        /// by the [`ServerBuilder`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        /// Sets the limits of a [`Server`](super::Server).
        #[derive(Clone, Copy, Debug, Default)]
        pub struct ServerBuilder {
            pub(super) limits: Limits,
        }

        impl ServerBuilder {
            $($(#[doc = $doc])+
            #[must_use]
            pub fn $name(mut self, value: $type) -> Self {
                self.limits.$name = value;
                self
            })+
        }
    };
}

impl Limits {
    /// What is asked of a client that sends a body.
    pub(super) fn of_body(&self) -> Demand {
        Demand { grace: self.body_grace, bytes_per_second_min: self.body_bytes_per_second_min }
    }

    /// What is asked of a client that takes a response.
    pub(super) fn of_response(&self) -> Demand {
        Demand {
            grace: self.response_grace,
            bytes_per_second_min: self.response_bytes_per_second_min,
        }
    }
}

limits! {
    /// Limits of a request's head. 16 KiB, 100 header lines, 8 KiB for the request line and for
    /// each header line.
    head: HeadLimits = HeadLimits::default(),
    /// Limits of what surrounds the payload of a chunked body. 256 B a chunk's line, 4 KiB of
    /// extensions, 4 KiB and 32 lines of trailers.
    chunks: ChunkLimits = ChunkLimits::default(),
    /// Bytes of a request's body, unless the handler says otherwise
    /// ([`Request::set_body_bytes_max`](super::Request::set_body_bytes_max)). 1 MiB; a handler that
    /// reads beyond it gets [`BodyError::TooLarge`](super::BodyError::TooLarge), which is answered
    /// 413.
    body_bytes_max: u64 = 1 << 20,
    /// Bytes of a body that a handler left unread which are thrown away to keep the connection. 64
    /// KiB; the connection of a longer one is closed behind the response.
    drain_bytes_max: u64 = 64 << 10,
    /// Requests of one connection that are answered in one go: then what they got is written, and
    /// the other tasks of the core have their turn. 64.
    pipeline_max: u32 = 64,
    /// Bytes of responses that are collected before they are written. 64 KiB.
    output_bytes_max: usize = 64 << 10,
    /// Requests that a connection may carry. No limit; behind the last one it is closed.
    requests_per_connection_max: u64 = u64::MAX,
    /// Connections of this server, which are those of one core. 16 384; those beyond it are
    /// answered 503 and closed.
    connections_max: usize = 16_384,
    /// Connections of one IP address, so that no client can have all of the server's. No limit of
    /// its own: all of a desk's strategies may come from one host, and whole firms from behind one
    /// proxy or load balancer. For a server that strangers reach. Those beyond it are answered 503
    /// and closed. An address of IPv6 counts as it is; Unix sockets have none.
    connections_per_address_max: usize = usize::MAX,
    /// Connections beyond these limits that are being told so. 64; those beyond it are closed
    /// without a word.
    refusals_max: usize = 64,
    /// How long a request's head may take: the first from when the connection was accepted, so that
    /// a TLS handshake is part of it, each other from its first byte. 10 s, then 408.
    header_timeout: Duration = Duration::from_secs(10),
    /// How long a connection may stand between two requests. 60 s, then it is closed.
    idle_timeout: Duration = Duration::from_secs(60),
    /// How long a body may keep its reader waiting before its rate counts. 5 s.
    body_grace: Duration = Duration::from_secs(5),
    /// Bytes a second at which a body has to come in while its reader waits, beyond `body_grace`.
    /// 240; a slower one is answered 408. 0 is no minimum.
    body_bytes_per_second_min: u64 = 240,
    /// How long a client may take none of the bytes that it is sent. 30 s, then the connection is
    /// closed, and the client sees a reset.
    write_timeout: Duration = Duration::from_secs(30),
    /// How long a client may keep a response waiting before its rate counts. 30 s: one that takes
    /// nothing at all is the matter of `write_timeout`.
    response_grace: Duration = Duration::from_secs(30),
    /// Bytes a second at which a client has to take a response, or a piece of one that comes in
    /// pieces, while the server waits for it, beyond `response_grace`. 240; the connection of a
    /// slower one is closed, and the client sees a reset. What the kernel takes to be sent counts
    /// as taken. 0 is no minimum.
    response_bytes_per_second_min: u64 = 240,
    /// How long a closing connection swallows what its client still sends, so that the client reads
    /// the last response rather than a reset. 2 s.
    linger_timeout: Duration = Duration::from_secs(2),
    /// How long requests may take to end once the server shuts down. 10 s, then they are cancelled.
    shutdown_timeout: Duration = Duration::from_secs(10),
}
