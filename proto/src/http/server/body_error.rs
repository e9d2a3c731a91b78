//! Why the body of a request can't be read.

use std::{fmt, io};

use http::StatusCode;

use super::Response;
use crate::http::wire::Reject;

/// Why the body of a request can't be read. A handler that passes it on as its response answers
/// what the error calls for; whatever it answers, the connection is closed behind it.
#[derive(Debug)]
#[non_exhaustive]
pub enum BodyError {
    /// It is longer than the limit. Answered 413.
    TooLarge {
        /// Bytes that were allowed.
        bytes_max: u64,
    },
    /// It came in too slowly. Answered 408.
    TooSlow,
    /// Its chunks break a rule. Answered as the rule says, mostly 400.
    Malformed(Reject),
    /// The client closed its side before the end of the body. Answered 400.
    Truncated,
    /// The connection failed, or the task was asked to stop.
    Io(io::Error),
}

impl BodyError {
    /// What to answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Malformed(reject) => reject.status(),
            Self::Truncated | Self::Io(_) => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes_max } => {
                write!(f, "the body is longer than the limit of {bytes_max} bytes")
            }
            Self::TooSlow => f.write_str("the body came in too slowly"),
            Self::Malformed(reject) => write!(f, "the body is malformed: {reject}"),
            Self::Truncated => f.write_str("the client closed before the end of the body"),
            Self::Io(error) => write!(f, "the connection failed within the body: {error}"),
        }
    }
}

impl std::error::Error for BodyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Malformed(reject) => Some(reject),
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for BodyError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<BodyError> for Response {
    fn from(error: BodyError) -> Self {
        Self::text(error.to_string()).status(error.status()).close()
    }
}
