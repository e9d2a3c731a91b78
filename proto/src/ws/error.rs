//! How a connection fails.

use std::error::Error as StdError;
use std::time::Duration;
use std::{fmt, io};

use super::handshake::HandshakeError;
use super::wire::{CloseFrame, Violation};

/// Why a connection failed, or a message was not taken. One pointer wide, so that a message stays
/// small.
pub struct Error(Box<ErrorKind>);

/// What an [`Error`] is.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no connection: its handshake failed.
    Handshake(HandshakeError),
    /// The peer broke the protocol, or went beyond a limit. It was told so by a close frame.
    Violation(Violation),
    /// The connection ended without a close frame of the peer: what it sent last may be missing.
    CutOff,
    /// The peer did not do in time what it has to.
    TimedOut(Wait, Duration),
    /// A system call or the transport failed.
    Io(io::Error),
    /// Nothing can be sent any more: a close frame was sent, or received.
    Closed(Option<CloseFrame>),
    /// The peer takes less than is queued.
    QueueFull {
        /// What waits to be sent, in bytes.
        queued_bytes: usize,
        /// The limit, [`Options::queue_bytes_max`](super::Options::queue_bytes_max).
        queue_bytes_max: usize,
    },
    /// What was asked for can't be done; the text says why.
    Invalid(&'static str),
}

/// What a peer was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wait {
    /// The answer to a ping: [`Keepalive::pong_timeout`](super::Keepalive::pong_timeout).
    Pong,
    /// Anything at all: [`Keepalive::idle_timeout`](super::Keepalive::idle_timeout).
    Idle,
    /// The answer to a close frame: [`Options::close_timeout`](super::Options::close_timeout).
    Close,
}

impl Error {
    /// What it is.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// What it is, to keep.
    pub fn into_kind(self) -> ErrorKind {
        *self.0
    }

    /// Why the handshake failed, where that is what it is.
    pub fn handshake(&self) -> Option<&HandshakeError> {
        match &*self.0 {
            ErrorKind::Handshake(error) => Some(error),
            _ => None,
        }
    }

    /// The rule that the peer broke, where that is why.
    pub fn violation(&self) -> Option<Violation> {
        match *self.0 {
            ErrorKind::Violation(violation) => Some(violation),
            _ => None,
        }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        ErrorKind::Handshake(error).into()
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        ErrorKind::Io(error).into()
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match *error.0 {
            ErrorKind::Io(error) => return error,
            ErrorKind::Handshake(HandshakeError::Http(error)) => return error.into(),
            ErrorKind::Handshake(ref error) => error.io_kind(),
            ErrorKind::Violation(_) => io::ErrorKind::InvalidData,
            ErrorKind::CutOff => io::ErrorKind::UnexpectedEof,
            ErrorKind::TimedOut(..) => io::ErrorKind::TimedOut,
            ErrorKind::Closed(_) => io::ErrorKind::BrokenPipe,
            ErrorKind::QueueFull { .. } => io::ErrorKind::WouldBlock,
            ErrorKind::Invalid(_) => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            ErrorKind::Handshake(error) => write!(f, "the handshake failed: {error}"),
            ErrorKind::Violation(violation) => {
                write!(f, "the peer sent {violation}; it was closed with {}", violation.code())
            }
            ErrorKind::CutOff => f.write_str(
                "the connection ended without a close frame: what was sent last may be missing",
            ),
            ErrorKind::TimedOut(wait, limit) => {
                let what = match wait {
                    Wait::Pong => "no answer to a ping",
                    Wait::Idle => "nothing was received",
                    Wait::Close => "no answer to a close frame",
                };
                write!(f, "{what} for {limit:?}")
            }
            ErrorKind::Io(error) => write!(f, "the transport failed: {error}"),
            ErrorKind::Closed(None) => f.write_str("nothing can be sent after a close frame"),
            ErrorKind::Closed(Some(CloseFrame { code, reason })) => {
                write!(f, "nothing can be sent: the peer closed with {code} \"{reason}\"")
            }
            ErrorKind::QueueFull { queued_bytes, queue_bytes_max } => write!(
                f,
                "the peer takes too little: {queued_bytes} bytes are queued; wait for flush, or \
                 raise queue_bytes_max ({queue_bytes_max})"
            ),
            ErrorKind::Invalid(why) => f.write_str(why),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &*self.0 {
            ErrorKind::Handshake(error) => Some(error),
            ErrorKind::Io(error) => Some(error),
            ErrorKind::Violation(violation) => Some(violation),
            _ => None,
        }
    }
}
