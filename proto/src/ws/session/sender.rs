//! Sending on a session's connection, whichever it is.
//!
//! Invariant: a message is given to a connection that is there, or refused; nothing is kept for
//! later. Nobody waits for the venue to take it: what the kernel does not take at once leaves while
//! the session is read.

use std::cell::RefCell;
use std::error::Error as StdError;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::{fmt, io};

use taut_net::Transport;
use taut_runtime::Cancelled;
use taut_runtime::task::waiting;

use super::links::Links;
use super::rate::TooSoon;
use crate::ws::{Error, Outbox};

/// Sends on the connection of a [`Session`](super::Session): a handle, for other tasks of the core.
///
/// That a message was sent says that it is with a live connection, and no more: where that is lost
/// right after, only the venue knows whether it was read.
pub struct Sender<T: Transport + 'static>(pub(super) Rc<RefCell<Links<T>>>);

/// A message was not sent, nor any part of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError {
    /// There is no connection.
    NotConnected,
    /// The connection was lost while the message waited for its turn. There may be another by now:
    /// what to make of the message after the gap is the user's to decide.
    Lost,
    /// The rate limit does not allow it now.
    TooSoon(TooSoon),
    /// The connection refused it: it is about to close, or the venue takes too little.
    Refused(Error),
    /// The task was asked to stop while the message waited for its turn.
    Cancelled(Cancelled),
}

impl<T: Transport + 'static> Sender<T> {
    /// Sends a text message, once the rate limit allows it. Dropped while it waits, it has sent
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`SendError`], but for [`TooSoon`](SendError::TooSoon).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn send_text(&self, text: &str) -> impl Future<Output = Result<(), SendError>> {
        waiting("send_text on a session", self.send(|outbox| outbox.queue_text(text)))
    }

    /// Sends a binary message, as [`send_text`](Self::send_text).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn send_binary(&self, data: &[u8]) -> impl Future<Output = Result<(), SendError>> {
        waiting("send_binary on a session", self.send(|outbox| outbox.queue_binary(data)))
    }

    /// Sends a text message now, or not at all.
    ///
    /// # Errors
    ///
    /// [`SendError`]; where it is [`TooSoon`](SendError::TooSoon), with the time from which on it
    /// would be allowed.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn try_send_text(&self, text: &str) -> Result<(), SendError> {
        self.try_send(|outbox| outbox.queue_text(text))
    }

    /// Sends a binary message now, or not at all.
    ///
    /// # Errors
    ///
    /// As for [`try_send_text`](Self::try_send_text).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn try_send_binary(&self, data: &[u8]) -> Result<(), SendError> {
        self.try_send(|outbox| outbox.queue_binary(data))
    }

    /// Sends what `fill` queues, now or not at all: one message, as the rate limit counts it, that
    /// may be [written in place](Outbox::reserve).
    ///
    /// # Errors
    ///
    /// As for [`try_send_text`](Self::try_send_text); what `fill` tells is
    /// [`Refused`](SendError::Refused).
    ///
    /// # Panics
    ///
    /// Outside of a runtime; where `fill` uses the session.
    pub fn try_send(
        &self,
        fill: impl FnOnce(&mut Outbox) -> Result<(), Error>,
    ) -> Result<(), SendError> {
        let mut links = self.0.borrow_mut();
        if links.outgoing().is_none() {
            return Err(SendError::NotConnected);
        }
        if let Some(limit) = &links.message_limit {
            limit.check().map_err(SendError::TooSoon)?;
        }
        give(&mut links, fill)?;
        if let Some(limit) = &links.message_limit {
            limit.charge(1);
        }
        Ok(())
    }

    /// Whether there is a connection to send on, as far as is known.
    pub fn is_connected(&self) -> bool {
        self.0.borrow_mut().outgoing().is_some()
    }

    /// What waits to be sent, in bytes; 0 without a connection. Where it grows, the venue takes
    /// less than it is sent.
    pub fn queued_bytes(&self) -> usize {
        let mut links = self.0.borrow_mut();
        links.outgoing().map_or(0, |live| live.socket.outbox().queued_bytes())
    }

    async fn send(
        &self,
        fill: impl FnOnce(&mut Outbox) -> Result<(), Error>,
    ) -> Result<(), SendError> {
        let (limit, losses) = {
            let mut links = self.0.borrow_mut();
            if links.outgoing().is_none() {
                return Err(SendError::NotConnected);
            }
            (links.message_limit.clone(), links.losses)
        };
        let turn = match &limit {
            Some(limit) => Some(limit.turn().await.map_err(SendError::Cancelled)?),
            None => None,
        };
        let mut links = self.0.borrow_mut();
        if links.losses != losses {
            return Err(SendError::Lost);
        }
        give(&mut links, fill)?;
        if let Some(turn) = turn {
            turn.take();
        }
        Ok(())
    }
}

/// Gives a message to the connection, and as much of it to the kernel as that takes.
fn give<T: Transport + 'static>(
    links: &mut Links<T>,
    fill: impl FnOnce(&mut Outbox) -> Result<(), Error>,
) -> Result<(), SendError> {
    let live = links.outgoing().ok_or(SendError::NotConnected)?;
    let connection = live.socket.connection_mut();
    fill(&mut connection.outbox).map_err(SendError::Refused)?;
    connection.push(&mut Context::from_waker(Waker::noop()));
    if connection.outbox.queued_bytes() > 0 || connection.outbox.is_closed {
        // Whoever reads waits for room, too, and learns of failures.
        connection.wake_reader();
    }
    Ok(())
}

impl<T: Transport + 'static> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T: Transport + 'static> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("is_connected", &self.is_connected()).finish()
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing of the message was sent: ")?;
        match self {
            Self::NotConnected => f.write_str("the session has no connection"),
            Self::Lost => f.write_str("the connection was lost while it waited for its turn"),
            Self::TooSoon(error) => fmt::Display::fmt(error, f),
            Self::Refused(error) => fmt::Display::fmt(error, f),
            Self::Cancelled(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl StdError for SendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::NotConnected | Self::Lost => None,
            Self::TooSoon(error) => Some(error),
            Self::Refused(error) => Some(error),
            Self::Cancelled(error) => Some(error),
        }
    }
}

impl From<SendError> for io::Error {
    fn from(error: SendError) -> Self {
        let kind = match error {
            SendError::Cancelled(cancelled) => return cancelled.into(),
            SendError::Refused(error) => return error.into(),
            SendError::NotConnected | SendError::Lost => io::ErrorKind::NotConnected,
            SendError::TooSoon(_) => io::ErrorKind::WouldBlock,
        };
        Self::new(kind, error)
    }
}
