//! How a handshake fails, and who is at fault.

use std::error::Error as StdError;
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::violation::HandshakeViolation;
use crate::http::client::{self, Fault};
use crate::http::wire::Reject;
use crate::ws::wire::DeflateRefusal;

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandshakeError {
    /// What was asked for can't be sent; the text says why.
    Invalid(String),
    /// Of a client: the request did not get through, or its answer did not. Has the phase that took
    /// too long, and whether anything was sent.
    Http(client::Error),
    /// Of a client: the server answered, but not with 101.
    Refused(Box<Refusal>),
    /// The peer broke a rule. A client was told so.
    Violation(HandshakeViolation),
    /// Of a client: the server answered the offer of compression in a way that it may not.
    Deflate(DeflateRefusal),
    /// Of a server: the client's bytes are no request, go beyond a limit, or took too long. It was
    /// told so, unless nothing came at all.
    Reject(Reject),
    /// Of a server: [`Acceptor::check`](super::Acceptor::check) said no, with this status.
    Declined(StatusCode),
    /// Of a server: the client closed the connection before it had sent a request.
    Closed,
    /// Of a server: the client did not take the answer in time.
    Unread(Duration),
}

/// A server's answer that is not 101.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// The status: 401, 429, 503, or a redirect that was not to be followed.
    pub status: StatusCode,
    /// All headers, such as `Retry-After`.
    pub headers: HeaderMap,
    /// The beginning of the body; see
    /// [`Connector::refusal_bytes_max`](super::Connector::refusal_bytes_max).
    pub body: Bytes,
}

impl HandshakeError {
    /// Who has to change something.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Invalid(_) => Fault::Caller,
            Self::Http(error) => error.fault(),
            Self::Reject(Reject::TimedOut) | Self::Unread(_) | Self::Closed => Fault::Network,
            Self::Refused(_)
            | Self::Deflate(_)
            | Self::Violation(_)
            | Self::Reject(_)
            | Self::Declined(_) => Fault::Peer,
        }
    }

    /// The status of the answer, by which a server refused or a client was refused.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Http(error) => error.status(),
            Self::Refused(refusal) => Some(refusal.status),
            Self::Violation(violation) => violation.status(),
            Self::Reject(reject) => Some(reject.status()),
            Self::Declined(status) => Some(*status),
            Self::Invalid(_) | Self::Deflate(_) | Self::Closed | Self::Unread(_) => None,
        }
    }

    /// The kind of I/O error that it is most like.
    pub(crate) fn io_kind(&self) -> io::ErrorKind {
        match self {
            Self::Invalid(_) => io::ErrorKind::InvalidInput,
            Self::Refused(_) => io::ErrorKind::ConnectionRefused,
            Self::Declined(_) => io::ErrorKind::PermissionDenied,
            Self::Closed => io::ErrorKind::UnexpectedEof,
            Self::Reject(Reject::TimedOut) | Self::Unread(_) => io::ErrorKind::TimedOut,
            Self::Http(_) => io::ErrorKind::Other,
            Self::Violation(_) | Self::Deflate(_) | Self::Reject(_) => io::ErrorKind::InvalidData,
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(why) => f.write_str(why),
            Self::Http(error) => error.fmt(f),
            Self::Refused(refusal) => {
                write!(f, "the server answered {}", refusal.status)?;
                let text = String::from_utf8_lossy(&refusal.body);
                match text.lines().next() {
                    Some(line) => write!(f, ": {}", line.chars().take(200).collect::<String>()),
                    None => Ok(()),
                }
            }
            Self::Violation(violation) => violation.fmt(f),
            Self::Deflate(refusal) => refusal.fmt(f),
            Self::Reject(reject) => reject.fmt(f),
            Self::Declined(status) => write!(f, "the client was answered {status}"),
            Self::Closed => f.write_str("the client closed the connection before its request"),
            Self::Unread(limit) => write!(f, "the client did not take the answer for {limit:?}"),
        }
    }
}

impl StdError for HandshakeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Http(error) => error.source(),
            _ => None,
        }
    }
}
