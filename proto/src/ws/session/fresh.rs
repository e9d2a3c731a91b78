//! A connection before its session hands anything of it out.

use std::fmt;
use std::pin::Pin;

use taut_net::Transport;

use super::rate::RateLimit;
use crate::ws::{Error, Message, WebSocket};

/// A connection that was just made, for [`on_connect`](super::SessionBuilder::on_connect) to log on
/// and subscribe. What is read here is not handed out again.
pub struct Fresh<T: Transport + 'static> {
    pub(super) socket: WebSocket<T>,
    pub(super) message_limit: Option<RateLimit>,
    pub(super) connection: u64,
    pub(super) replaces: Option<u64>,
}

impl<T: Transport + 'static> Fresh<T> {
    /// Sends a text message, once the session's
    /// [`message_limit`](super::SessionBuilder::message_limit) allows it.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub async fn send_text(&mut self, text: &str) -> Result<(), Error> {
        self.turn().await?;
        self.socket.send_text(text).await
    }

    /// Sends a binary message, as [`send_text`](Self::send_text).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn send_binary(&mut self, data: &[u8]) -> Result<(), Error> {
        self.turn().await?;
        self.socket.send_binary(data).await
    }

    /// The next message, as [`WebSocket::next`]: the venue's answer.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn next(&mut self) -> Result<Option<Message>, Error> {
        self.socket.next().await
    }

    /// The connection itself. What is sent by it counts towards no limit.
    pub fn socket(&mut self) -> &mut WebSocket<T> {
        &mut self.socket
    }

    /// Its number, should it become the session's.
    pub fn connection(&self) -> u64 {
        self.connection
    }

    /// The connection that it is to replace, and that goes on meanwhile.
    pub fn replaces(&self) -> Option<u64> {
        self.replaces
    }

    async fn turn(&self) -> Result<(), Error> {
        if let Some(limit) = &self.message_limit {
            limit.take().await.map_err(std::io::Error::from)?;
        }
        Ok(())
    }
}

impl<T: Transport + 'static> fmt::Debug for Fresh<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fresh").field("connection", &self.connection).finish_non_exhaustive()
    }
}

pub(super) type Boxed<'a, R> = Pin<Box<dyn Future<Output = R> + 'a>>;

/// How connections are made, of any type.
pub(super) trait Connect<T: Transport + 'static> {
    fn connect(&self) -> Boxed<'_, Result<WebSocket<T>, Box<dyn std::error::Error>>>;
}

impl<T, E, F> Connect<T> for F
where
    T: Transport + 'static,
    F: AsyncFn() -> Result<WebSocket<T>, E>,
    E: Into<Box<dyn std::error::Error>>,
{
    fn connect(&self) -> Boxed<'_, Result<WebSocket<T>, Box<dyn std::error::Error>>> {
        Box::pin(async { self().await.map_err(Into::into) })
    }
}

/// An `on_connect` of any type.
pub(super) trait Subscribe<T: Transport + 'static> {
    fn subscribe<'a>(&'a self, fresh: &'a mut Fresh<T>) -> Boxed<'a, Result<(), Error>>;
}

impl<T, F> Subscribe<T> for F
where
    T: Transport + 'static,
    F: AsyncFn(&mut Fresh<T>) -> Result<(), Error>,
{
    fn subscribe<'a>(&'a self, fresh: &'a mut Fresh<T>) -> Boxed<'a, Result<(), Error>> {
        Box::pin(self(fresh))
    }
}
