//! The end of a connection, behind the close frames.

use std::io;
use std::task::{Context, Poll, ready};

use taut_net::Transport;
use taut_runtime::is_cancelled;
use taut_runtime::time::Instant;

use super::Connection;
use crate::deadline::Deadline;
use crate::ws::wire::Role;

impl<T: Transport> Connection<T> {
    /// Whether the peer is owed an end in order, rather than a cut.
    pub(in crate::ws) fn owes_farewell(&self) -> bool {
        self.outbox.is_closed && !self.is_broken && !(self.is_ended && self.is_shut)
    }

    /// Ends the connection after the close frame: the server first (RFC 6455 section 7.1.1), after
    /// reading what the peer still sends, so that no reset takes the close frame from it; the
    /// client once the server has. Ready when both directions have ended, or the peer takes too
    /// long; then ours is ended all the same.
    ///
    /// # Errors
    ///
    /// `ECANCELED` where the task was asked to stop: the end is still to come.
    pub(in crate::ws) fn poll_farewell(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.owes_farewell() {
            return Poll::Ready(Ok(()));
        }
        let due = Instant::now() + self.close_timeout;
        let due = self.close_due.get_or_insert_with(|| Deadline::at(due));
        if let Poll::Ready(polled) = due.poll(context) {
            polled?;
            // As far as that needs no wait.
            let _ = self.poll_shut(context)?;
            (self.is_ended, self.is_shut) = (true, true);
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_drain(context));
        if self.is_broken {
            return Poll::Ready(Ok(()));
        }
        if self.outbox.encoder.role() == Role::Server {
            ready!(self.poll_shut(context))?;
        }
        while !self.is_ended {
            match ready!(self.transport.poll_recv(context)) {
                Ok(bytes) if !bytes.is_empty() => {}
                Err(error) if is_cancelled(&error) => return Poll::Ready(Err(error)),
                _ => self.is_ended = true,
            }
        }
        self.poll_shut(context)
    }

    /// Ends our direction, once. That the peer was faster is no failure of a close.
    fn poll_shut(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            match ready!(self.transport.poll_shutdown(context)) {
                Err(error) if is_cancelled(&error) => return Poll::Ready(Err(error)),
                _ => self.is_shut = true,
            }
        }
        Poll::Ready(Ok(()))
    }
}
