//! Why a message is refused.

use http::StatusCode;

/// Why a message is refused, with the status that a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reject {
    /// The body is longer than the reader takes.
    BodyTooLong,
    /// The peer took too long.
    TimedOut,
}

impl Reject {
    /// What a server answers before it closes the connection.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }
}

impl std::fmt::Display for Reject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Reject {}
