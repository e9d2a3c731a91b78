//! A connection as two halves, for tasks of their own.
//!
//! Invariant: the halves share the connection, which each borrows for one poll and no longer; they
//! are of one core, so there is no lock. What the writer queues leaves at the latest when the
//! reader is polled, which it wakes for that.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use taut_net::{ReceiveTimestamps, Transport};
use taut_runtime::task::waiting;

use super::connection::Connection;
use super::error::Error;
use super::message::{Frame, Item, Message};
use super::operations::{self, Access};
use super::outbox::Outbox;
use super::stream::WebSocket;
use super::wire::{CloseCode, CloseFrame, Opcode};

/// The connection of both halves.
struct Shared<T: Transport + 'static>(Rc<RefCell<WebSocket<T>>>);

impl<T: Transport + 'static> Access for Shared<T> {
    type Transport = T;

    #[inline]
    fn with<R>(&mut self, poll: impl FnOnce(&mut Connection<T>) -> R) -> R {
        poll(self.0.borrow_mut().connection_mut())
    }
}

pub(super) fn split<T: Transport + 'static>(
    connection: WebSocket<T>,
) -> (ReadHalf<T>, WriteHalf<T>) {
    let shared = Rc::new(RefCell::new(connection));
    (ReadHalf(Shared(Rc::clone(&shared))), WriteHalf(Shared(shared)))
}

/// The half of a [`WebSocket`] that reads. It also answers pings and runs the clocks, so somebody
/// should be waiting with it.
pub struct ReadHalf<T: Transport + 'static>(Shared<T>);

/// The half of a [`WebSocket`] that writes.
pub struct WriteHalf<T: Transport + 'static>(Shared<T>);

impl<T: Transport + 'static> ReadHalf<T> {
    /// As [`WebSocket::next`].
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    #[expect(clippy::should_implement_trait, reason = "the name that streams of messages have")]
    pub fn next(&mut self) -> impl Future<Output = Result<Option<Message>, Error>> {
        waiting("next on WebSocket", operations::next(&mut self.0))
    }

    /// As [`WebSocket::next_frame`].
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn next_frame(&mut self) -> impl Future<Output = Result<Option<Frame>, Error>> {
        waiting("next_frame on WebSocket", operations::next_frame(&mut self.0))
    }

    /// As [`WebSocket::for_each_ready`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// Where `visit` uses the other half: it has the [`Outbox`] instead.
    #[track_caller]
    pub fn for_each_ready(
        &mut self,
        visit: impl FnMut(Item<'_>, &mut Outbox) -> Result<(), Error>,
    ) -> impl Future<Output = Result<usize, Error>> {
        waiting("for_each_ready on WebSocket", operations::for_each_ready(&mut self.0, visit))
    }

    /// As [`WebSocket::peer_close`].
    pub fn peer_close(&self) -> Option<CloseFrame> {
        self.0.0.borrow().peer_close().cloned()
    }

    /// As [`WebSocket::timestamps`].
    pub fn timestamps(&self) -> ReceiveTimestamps {
        self.0.0.borrow().timestamps()
    }

    /// As [`WebSocket::set_hot`].
    pub fn set_hot(&mut self, hot: bool) {
        self.0.0.borrow_mut().set_hot(hot);
    }
}

impl<T: Transport + 'static> WriteHalf<T> {
    /// As [`WebSocket::send_text`].
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn send_text(&mut self, text: &str) -> impl Future<Output = Result<(), Error>> {
        let sending = operations::send(&mut self.0, Opcode::Text, text.as_bytes());
        waiting("send_text on WebSocket", sending)
    }

    /// As [`WebSocket::send_binary`].
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn send_binary(&mut self, data: &[u8]) -> impl Future<Output = Result<(), Error>> {
        waiting("send_binary on WebSocket", operations::send(&mut self.0, Opcode::Binary, data))
    }

    /// Queues what `fill` does, to leave together when the reader's task has its turn, or with the
    /// next [`flush`](Self::flush).
    ///
    /// # Panics
    ///
    /// Where `fill` uses one of the halves.
    pub fn queue<R>(&mut self, fill: impl FnOnce(&mut Outbox) -> R) -> R {
        self.0.with(|connection| {
            let filled = fill(&mut connection.outbox);
            connection.wake_reader();
            filled
        })
    }

    /// As [`Outbox::queued_bytes`].
    pub fn queued_bytes(&self) -> usize {
        self.0.0.borrow_mut().outbox().queued_bytes()
    }

    /// As [`WebSocket::flush`].
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn flush(&mut self) -> impl Future<Output = Result<(), Error>> {
        waiting("flush of WebSocket", operations::flush(&mut self.0))
    }

    /// Queues the close frame and sends it. The other half reads what the peer still says, and its
    /// answer.
    ///
    /// # Errors
    ///
    /// As for [`Outbox::queue_close`] and [`flush`](Self::flush).
    #[track_caller]
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: &str,
    ) -> impl Future<Output = Result<(), Error>> {
        waiting("close of WebSocket", async move {
            self.queue(|outbox| outbox.queue_close(code, reason))?;
            operations::flush(&mut self.0).await
        })
    }
}

impl<T: Transport + 'static> fmt::Debug for ReadHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadHalf")
    }
}

impl<T: Transport + 'static> fmt::Debug for WriteHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WriteHalf")
    }
}
