//! Why a message was not sent, and why no more is tried.

use std::error::Error;
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;

use super::Ticket;

/// A message was not sent, or not known to be. It becomes an [`io::Error`] by `?`.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError {
    /// Nothing of it was given to a connection: it can be sent again, or not, without a doubt.
    Undelivered {
        /// The message, given back.
        message: Bytes,
        /// Why.
        error: io::Error,
    },
    /// It was begun. After a break it is among those of
    /// [`take_uncertain`](crate::ReconnectingStream::take_uncertain); after a cancel
    /// (`ECANCELED`) the connection stands, and the rest goes out with the next operation.
    Uncertain {
        /// What it is called there.
        ticket: Ticket,
        /// Why.
        error: io::Error,
    },
}

impl SendError {
    /// Why.
    pub fn error(&self) -> &io::Error {
        match self {
            Self::Undelivered { error, .. } | Self::Uncertain { error, .. } => error,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undelivered { error, .. } => {
                write!(f, "nothing of the message was sent: {error}")
            }
            Self::Uncertain { ticket, error } => {
                write!(f, "message {} was begun, its end is uncertain: {error}", ticket.number())
            }
        }
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.error())
    }
}

impl From<SendError> for io::Error {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Undelivered { error, .. } | SendError::Uncertain { error, .. } => error,
        }
    }
}

/// The limits of a [`ReconnectingStream`](crate::ReconnectingStream) were reached. Its next
/// operation begins anew.
///
/// Found inside of the [`io::Error`], which has the kind of the last failure, by
/// [`io::Error::get_ref`].
#[derive(Debug)]
pub struct GaveUp {
    pub(super) attempts: u32,
    pub(super) elapsed: Duration,
    pub(super) last: io::Error,
}

impl GaveUp {
    /// Attempts, and connections that did not hold, in a row.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How long there has been no connection that held.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attempts, elapsed, last } = self;
        write!(f, "gave up after {attempts} attempts in {elapsed:?}, the last of them: {last}")
    }
}

impl Error for GaveUp {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.last)
    }
}

impl From<GaveUp> for io::Error {
    fn from(error: GaveUp) -> Self {
        Self::new(error.last.kind(), error)
    }
}
