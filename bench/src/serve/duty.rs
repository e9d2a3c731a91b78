//! What a server does with what it receives.

use clap::ValueEnum;

/// The kinds of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Duty {
    /// Sends back what comes.
    Echo,
    /// Sends nothing back.
    Swallow,
    /// Answers requests of HTTP/1.1.
    Http,
    /// The same over TLS; the raw servers stay plain.
    Https,
    /// Sends back the messages of a WebSocket.
    Ws,
    /// The same over TLS; the raw servers stay plain.
    Wss,
}

impl Duty {
    /// Whether servers with a TLS of their own use it.
    pub(crate) fn is_encrypted(self) -> bool {
        matches!(self, Self::Https | Self::Wss)
    }

    /// As on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Swallow => "swallow",
            Self::Http => "http",
            Self::Https => "https",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }
}
