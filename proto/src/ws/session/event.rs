//! What a session tells, and how connections fail.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::ws::{CloseFrame, Error, Message};

/// What a [`Session`](super::Session) hands out, in the order in which it came about.
///
/// Connections are numbered from 1 on. Each message is of the connection that was named last by a
/// [`Switched`](Self::Switched), or by a [`Connected`](Self::Connected) that replaces none.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A message.
    Message(Message),
    /// The next attempt comes after a pause: that of the backoff, that which
    /// [`retry`](super::SessionBuilder::retry) asked for, or the rate limit's as it is now.
    Waiting {
        /// How long.
        pause: Duration,
        /// Failures in a row before.
        failures: u32,
    },
    /// An attempt begins.
    Connecting {
        /// Failures in a row before.
        failures: u32,
        /// The connection that is to be replaced, and goes on meanwhile.
        replaces: Option<u64>,
    },
    /// The attempt failed.
    AttemptFailed(Failure),
    /// There is a connection, for which [`on_connect`](super::SessionBuilder::on_connect) has done
    /// its part.
    Connected {
        /// Its number.
        connection: u64,
        /// The connection that goes on until [`Switched`](Self::Switched).
        replaces: Option<u64>,
    },
    /// The connection is lost. What the venue sent from here on until the next one was subscribed
    /// is missing; where a `Switched` follows at once, only what the newer one has not.
    Lost {
        /// Its number.
        connection: u64,
        /// Why.
        why: Failure,
    },
    /// From here on messages are those of another connection, from its first. Where the one before
    /// was not [`Lost`](Self::Lost), nothing is missing, and some come twice where there are no
    /// [`positions`](super::SessionBuilder::positions).
    Switched {
        /// The connection before.
        from: u64,
        /// The connection from here on.
        to: u64,
    },
    /// The limits were reached before there was a replacement. The connection goes on, and
    /// [`replace`](super::Session::replace) tries anew.
    NotReplaced {
        /// Which goes on.
        connection: u64,
        /// Why nothing more is tried.
        why: GaveUp,
    },
    /// Nothing more is tried. The last thing that a session tells.
    GaveUp(GaveUp),
}

/// Why an attempt failed, or a connection was lost.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// There was no connection: what the function that makes them told.
    Connect(Box<dyn StdError>),
    /// The hook of [`on_connect`](super::SessionBuilder::on_connect) failed.
    Subscribe(Error),
    /// The attempt took longer than
    /// [`attempt_timeout`](super::SessionBuilder::attempt_timeout), or than was left of
    /// [`outage_max`](super::SessionBuilder::outage_max).
    AttemptTimedOut(Duration),
    /// The venue closed the connection, and with what.
    Closed(Option<CloseFrame>),
    /// The connection failed.
    Broken(Error),
    /// It was dropped by [`reconnect`](super::Session::reconnect).
    Dropped,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "no connection: {error}"),
            Self::Subscribe(error) => write!(f, "the subscription failed: {error}"),
            Self::AttemptTimedOut(limit) => {
                write!(f, "no connection that is subscribed within {limit:?}; see attempt_timeout")
            }
            Self::Closed(None) => f.write_str("the venue closed the connection"),
            Self::Closed(Some(CloseFrame { code, reason })) => {
                write!(f, "the venue closed the connection with {code} \"{reason}\"")
            }
            Self::Broken(error) => write!(f, "the connection failed: {error}"),
            Self::Dropped => f.write_str("the connection was dropped by `reconnect`"),
        }
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Connect(error) => Some(&**error),
            Self::Subscribe(error) | Self::Broken(error) => Some(error),
            Self::AttemptTimedOut(_) | Self::Closed(_) | Self::Dropped => None,
        }
    }
}

/// What is to follow a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The next attempt, after the pause of the backoff.
    Backoff,
    /// The next attempt, not before so long: a venue that says when it will listen again.
    After(Duration),
    /// Nothing: a key that is refused will be refused again.
    Never,
}

/// A session has given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaveUp {
    /// Why.
    pub reason: GaveUpReason,
    /// Attempts that failed, and connections that did not hold, in a row.
    pub attempts: u32,
    /// How long there has been no connection that held.
    pub elapsed: Duration,
}

/// Why a session has given up. The failure itself was the event before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GaveUpReason {
    /// A limit of the builder was reached: [`attempts_max`](super::SessionBuilder::attempts_max)
    /// or [`outage_max`](super::SessionBuilder::outage_max).
    Exhausted,
    /// The hook of [`retry`](super::SessionBuilder::retry) said so.
    Permanent,
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, attempts, elapsed } = self;
        let why = match reason {
            GaveUpReason::Exhausted => "attempts_max or outage_max is reached",
            GaveUpReason::Permanent => "trying again is of no use",
        };
        write!(f, "gave up after {attempts} failures in {elapsed:?}: {why}")
    }
}

impl StdError for GaveUp {}

/// Where a message stands in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Which stream of those that the connection carries: a number, or hash, of its symbol and
    /// channel.
    pub key: u64,
    /// Its number in there, which grows from message to message.
    pub sequence: u64,
}
