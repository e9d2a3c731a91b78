//! The waits of a connection, for its owner and for the halves that share it.

use std::future::poll_fn;
use std::task::{Context, Poll};

use taut_net::Transport;

use super::connection::Connection;
use super::error::Error;
use super::message::{Frame, Item, Message};
use super::outbox::Outbox;
use super::wire::{CloseCode, Opcode};

/// Who has a connection for the time of a poll.
pub(super) trait Access {
    type Transport: Transport;

    fn with<R>(&mut self, poll: impl FnOnce(&mut Connection<Self::Transport>) -> R) -> R;
}

pub(super) async fn next<A: Access>(from: &mut A) -> Result<Option<Message>, Error> {
    read(from, Connection::poll_message).await
}

pub(super) async fn next_frame<A: Access>(from: &mut A) -> Result<Option<Frame>, Error> {
    read(from, Connection::poll_frame).await
}

pub(super) async fn for_each_ready<A: Access>(
    from: &mut A,
    mut visit: impl FnMut(Item<'_>, &mut Outbox) -> Result<(), Error>,
) -> Result<usize, Error> {
    read(from, |connection, context| connection.poll_visit(context, &mut visit)).await
}

pub(super) async fn send<A: Access>(
    to: &mut A,
    opcode: Opcode,
    payload: &[u8],
) -> Result<(), Error> {
    let mut is_taken = false;
    write(to, |connection, context| connection.poll_send(context, opcode, payload, &mut is_taken))
        .await
}

pub(super) async fn flush<A: Access>(to: &mut A) -> Result<(), Error> {
    write(to, Connection::poll_flush).await
}

/// Says that this end has no more to say, passes over what the peer still says, and ends the
/// transport.
pub(super) async fn close<A: Access>(
    it: &mut A,
    code: CloseCode,
    reason: &str,
) -> Result<(), Error> {
    it.with(|connection| connection.outbox.queue_close(code, reason))?;
    let ended = loop {
        match next_frame(it).await {
            Ok(Some(_)) => {}
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    if it.with(|connection| connection.owes_farewell()) {
        let farewell = read(it, Connection::poll_farewell).await;
        ended?;
        farewell?;
        return Ok(());
    }
    ended
}

/// A read that stops waiting where it is dropped.
async fn read<A: Access, R>(
    from: &mut A,
    mut poll: impl FnMut(&mut Connection<A::Transport>, &mut Context<'_>) -> Poll<R>,
) -> R {
    let mut waiting = Waiting { access: from, waits: false };
    poll_fn(|context| {
        let polled = waiting.access.with(|connection| poll(connection, context));
        waiting.waits = polled.is_pending();
        polled
    })
    .await
}

struct Waiting<'a, A: Access> {
    access: &'a mut A,
    waits: bool,
}

impl<A: Access> Drop for Waiting<'_, A> {
    fn drop(&mut self) {
        if self.waits {
            self.access.with(Connection::stop_waiting);
        }
    }
}

/// A write that leaves its work to the reader once it is done or dropped.
async fn write<A: Access>(
    to: &mut A,
    mut poll: impl FnMut(&mut Connection<A::Transport>, &mut Context<'_>) -> Poll<Result<(), Error>>,
) -> Result<(), Error> {
    let writing = Writing(to);
    poll_fn(|context| writing.0.with(|connection| poll(connection, context))).await
}

struct Writing<'a, A: Access>(&'a mut A);

impl<A: Access> Drop for Writing<'_, A> {
    fn drop(&mut self) {
        self.0.with(Connection::stop_writing);
    }
}
