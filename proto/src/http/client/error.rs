//! How a request fails, by what its sender must know.
//!
//! The variants of [`Error`] answer one question: may the peer have acted? Why it failed
//! ([`Cause`]), in which phase, and who is at fault ([`Fault`]) stands inside, the same for all.
//! An error is one pointer wide, so that a good outcome stays small.

use std::error::Error as StdError;
use std::time::Duration;
use std::{fmt, io};

use http::{Method, StatusCode};
use taut_runtime::is_cancelled;

/// A part of a request's life that has a time-out of its own; see
/// [`Timeouts`](super::Timeouts).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Waiting for one of the limited connections.
    Pool,
    /// The name, the connection, and what a proxy wants first.
    Connect,
    /// The handshake of TLS.
    Tls,
    /// Writing the request's head and body.
    Write,
    /// Waiting for the head of the answer.
    Head,
    /// Waiting for the next bytes of the answer's body.
    Body,
    /// All of it, from the call to the end of the answer's body.
    Total,
}

impl Phase {
    /// The field of [`Timeouts`](super::Timeouts) that limits it.
    pub fn limit_name(self) -> &'static str {
        match self {
            Self::Pool => "pool",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Write => "write",
            Self::Head => "head",
            Self::Body => "body_idle",
            Self::Total => "total",
        }
    }
}

/// Who has to change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The program: what it asked for can't be sent, or needs other limits.
    Caller,
    /// The way to the peer, or its host: names, routes, connections, time.
    Network,
    /// The proxy refused, or does not speak its protocol.
    Proxy,
    /// The peer: it broke the protocol, or said no.
    Peer,
    /// Nobody: the task was cancelled.
    Nobody,
}

/// Why it failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The request can't be sent as it is; the text says why.
    InvalidRequest(String),
    /// A phase took longer than it may.
    TimedOut {
        /// Which.
        phase: Phase,
        /// Its limit.
        limit: Duration,
    },
    /// A system call or the connection failed, in this phase.
    Io(Phase, io::Error),
    /// The body that was to be sent could not be had.
    BodySource(io::Error),
    /// The peer closed the connection before its answer was complete.
    Closed,
    /// The proxy said no, or did not speak its protocol.
    Proxy(String),
    /// The peer's bytes are no valid answer; the text names the rule.
    InvalidResponse(String),
    /// The answer is larger than a limit allows.
    TooLarge {
        /// The field of [`Limits`](super::Limits).
        limit: &'static str,
        /// Its value.
        value: u64,
    },
    /// The answer's body could not be decoded, or is not what was asked for.
    Undecodable(Box<dyn StdError + Send + Sync>),
    /// The file that the answer was to go to could not be written.
    File(io::Error),
    /// The redirects did not end, or led to what can't be followed; the text says which.
    Redirect(String),
    /// The peer's answer says no.
    Status(StatusCode),
}

impl Cause {
    pub(super) fn invalid(why: impl Into<String>) -> Self {
        Self::InvalidRequest(why.into())
    }

    /// Whether a cancel ended it.
    pub(super) fn is_cancel(&self) -> bool {
        match self {
            Self::Io(_, error) | Self::BodySource(error) | Self::File(error) => is_cancelled(error),
            _ => false,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            cause if cause.is_cancel() => Fault::Nobody,
            Self::InvalidRequest(_) | Self::BodySource(_) | Self::File(_) => Fault::Caller,
            Self::TimedOut { phase: Phase::Pool, .. } => Fault::Caller,
            #[cfg(feature = "tls")]
            Self::Io(_, error) => fault_of_tls(error).unwrap_or(Fault::Network),
            #[cfg(not(feature = "tls"))]
            Self::Io(..) => Fault::Network,
            Self::TimedOut { .. } => Fault::Network,
            Self::Proxy(_) => Fault::Proxy,
            Self::TooLarge { .. }
            | Self::Closed
            | Self::InvalidResponse(_)
            | Self::Undecodable(_)
            | Self::Redirect(_)
            | Self::Status(_) => Fault::Peer,
        }
    }
}

/// Whose fault a failure of TLS is, if it is one.
#[cfg(feature = "tls")]
fn fault_of_tls(error: &io::Error) -> Option<Fault> {
    use crate::tls::{Fault as OfTls, TlsError};

    let error: &TlsError = error.get_ref()?.downcast_ref()?;
    Some(match error.fault() {
        OfTls::Peer => Fault::Peer,
        OfTls::Us => Fault::Caller,
        OfTls::Network => Fault::Network,
    })
}

/// What is known of a failed request.
#[derive(Debug)]
pub struct Failure {
    method: Method,
    place: String,
    bytes_written: u64,
    status: Option<StatusCode>,
    cause: Cause,
}

impl Failure {
    /// The method of the request.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Scheme, host, port and path. Not the query, which may hold secrets.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Bytes that went to the kernel: of the request, of a first attempt at it, and of the requests
    /// whose answers redirected to it.
    pub fn bytes_written(&self) -> u64 {
        self.bytes_written
    }

    /// The status of the answer, where its head was received.
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Why it failed.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }
}

/// A request that failed, by what its sender must know.
///
/// ```
/// use taut_proto::http::client::Error;
///
/// fn after(error: &Error) -> &'static str {
///     match error {
///         Error::NotSent(_) => "the venue knows nothing of it: send it again, if it still fits",
///         Error::WrittenNoAnswer(_) => "ask the venue for the order's state first",
///         Error::Refused(_) => "the venue said no",
///         Error::Unusable(_) => "the venue has acted; its answer can't be used",
///     }
/// }
/// # let _ = after;
/// ```
#[derive(Debug)]
pub enum Error {
    /// Nothing of the request left this host: the peer knows nothing of it.
    NotSent(Box<Failure>),
    /// The request, or a part of it, went out, and no complete answer came, or one to a request
    /// that was not sent whole: the peer may have done what it was asked for, or not. It is never
    /// sent again by itself if it is not idempotent.
    WrittenNoAnswer(Box<Failure>),
    /// The peer answered, and the answer says no; from
    /// [`error_for_status`](super::Response::error_for_status).
    Refused(Box<Failure>),
    /// The peer answered, and has done what its status says, but the answer can't be used: it is
    /// larger than a limit, can't be decoded, or redirects without end.
    Unusable(Box<Failure>),
}

impl Error {
    /// What is known of it.
    pub fn failure(&self) -> &Failure {
        match self {
            Self::NotSent(failure)
            | Self::WrittenNoAnswer(failure)
            | Self::Refused(failure)
            | Self::Unusable(failure) => failure,
        }
    }

    /// Why it failed.
    pub fn cause(&self) -> &Cause {
        self.failure().cause()
    }

    /// Who has to change something.
    pub fn fault(&self) -> Fault {
        self.cause().fault()
    }

    /// The status of the answer, where its head was received.
    pub fn status(&self) -> Option<StatusCode> {
        self.failure().status()
    }

    /// The phase that took too long, if that is why it failed.
    pub fn timed_out(&self) -> Option<Phase> {
        match self.cause() {
            Cause::TimedOut { phase, .. } => Some(*phase),
            _ => None,
        }
    }

    /// Whether nothing of the request left this host.
    pub fn is_not_sent(&self) -> bool {
        matches!(self, Self::NotSent(_))
    }

    /// Whether the request went out, wholly or in part, and no complete answer came.
    pub fn is_written_no_answer(&self) -> bool {
        matches!(self, Self::WrittenNoAnswer(_))
    }
}

/// Who asked for what: what an error tells beside its cause.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) place: String,
}

impl Asked {
    /// The error of a request of which so many bytes went out and this status came back.
    pub(super) fn failed(&self, written: u64, status: Option<StatusCode>, cause: Cause) -> Error {
        let unusable = matches!(
            cause,
            Cause::TooLarge { .. } | Cause::Undecodable(_) | Cause::File(_) | Cause::Redirect(_)
        );
        let refused = matches!(cause, Cause::Status(_));
        let failure = Box::new(Failure {
            method: self.method.clone(),
            place: self.place.clone(),
            bytes_written: written,
            status,
            cause,
        });
        match status {
            Some(_) if refused => Error::Refused(failure),
            Some(_) if unusable => Error::Unusable(failure),
            None if written == 0 => Error::NotSent(failure),
            _ => Error::WrittenNoAnswer(failure),
        }
    }

    pub(super) fn not_sent(&self, cause: Cause) -> Error {
        self.failed(0, None, cause)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pool => "no connection became free",
            Self::Connect => "the connection was not made",
            Self::Tls => "the TLS handshake was not done",
            Self::Write => "the request was not written",
            Self::Head => "the head of the answer did not come",
            Self::Body => "no more bytes of the answer came",
            Self::Total => "the answer was not complete",
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRequest(why) => write!(f, "the request can't be sent: {why}"),
            Self::TimedOut { phase, limit } => {
                write!(f, "{phase} within {limit:?}; see Timeouts::{}", phase.limit_name())
            }
            Self::Io(phase, error) => write!(f, "{phase}: {error}"),
            Self::BodySource(error) => write!(f, "the request's body could not be had: {error}"),
            Self::Closed => f.write_str("the peer closed the connection before its answer's end"),
            Self::Proxy(why) => write!(f, "the proxy: {why}"),
            Self::InvalidResponse(why) => write!(f, "the peer's answer breaks the protocol: {why}"),
            Self::TooLarge { limit, value } => {
                write!(f, "the answer is larger than Limits::{limit}, which is {value}")
            }
            Self::Undecodable(error) => write!(f, "the answer's body can't be decoded: {error}"),
            Self::File(error) => write!(f, "the answer could not be saved: {error}"),
            Self::Redirect(why) => write!(f, "the redirect can't be followed: {why}"),
            Self::Status(status) => write!(f, "the peer answered {status}"),
        }
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Io(_, error) | Self::BodySource(error) | Self::File(error) => Some(error),
            Self::Undecodable(error) => Some(&**error),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { method, place, bytes_written, cause, .. } = self.failure();
        let known = match self {
            Self::NotSent(_) => "nothing was sent",
            Self::WrittenNoAnswer(_) => "the request may have been acted on",
            Self::Refused(_) => "refused",
            Self::Unusable(_) => "answered, but not usably",
        };
        write!(f, "{method} {place}: {known} ({bytes_written} bytes written): {cause}")
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The cause's own text is part of this one's.
        self.cause().source()
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.cause() {
            Cause::Io(_, inner) if is_cancelled(inner) => return taut_runtime::Cancelled.into(),
            Cause::Io(_, inner) => inner.kind(),
            Cause::TimedOut { .. } => io::ErrorKind::TimedOut,
            Cause::InvalidRequest(_) => io::ErrorKind::InvalidInput,
            Cause::Closed => io::ErrorKind::UnexpectedEof,
            Cause::InvalidResponse(_) | Cause::Undecodable(_) => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        Asked { method: Method::POST, place: "https://venue.example/order".to_owned() }
    }

    fn late(phase: Phase) -> Cause {
        Cause::TimedOut { phase, limit: Duration::from_secs(1) }
    }

    #[test]
    fn what_went_out_decides_whether_the_peer_may_have_acted() {
        let before = asked().not_sent(late(Phase::Connect));
        assert!(before.is_not_sent() && before.timed_out() == Some(Phase::Connect));
        let after = asked().failed(1, None, late(Phase::Head));
        assert!(after.is_written_no_answer() && after.timed_out() == Some(Phase::Head));
        let cut = asked().failed(9, Some(StatusCode::OK), Cause::Closed);
        assert!(cut.is_written_no_answer(), "a part of an answer is no answer");
        assert_eq!((cut.status(), cut.fault()), (Some(StatusCode::OK), Fault::Peer));
    }

    #[test]
    fn a_cancelled_wait_is_known_through_every_layer() {
        let cause = Cause::Io(Phase::Head, taut_runtime::Cancelled.into());
        let error = asked().failed(5, None, cause);
        assert_eq!(error.fault(), Fault::Nobody);
        assert!(is_cancelled(&error));
        assert!(is_cancelled(&io::Error::from(error)));
    }

    #[test]
    fn the_text_says_what_why_and_where_to_change_it() {
        let text = asked().failed(182, None, late(Phase::Head)).to_string();
        assert_eq!(
            text,
            "POST https://venue.example/order: the request may have been acted on (182 bytes \
             written): the head of the answer did not come within 1s; see Timeouts::head"
        );
    }
}
