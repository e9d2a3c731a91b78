//! The connections of a session, shared with those who send.
//!
//! Invariant: everybody borrows them for one poll or one call and no longer. There are at most two:
//! the one that will stay, and before it one that it replaces. Messages are sent on the older one
//! until that is told to close, and on the newer one from then on.

use std::task::{Context, Poll};

use taut_net::{ReceiveTimestamps, Transport};
use taut_runtime::time::Instant;

use super::rate::RateLimit;
use crate::ws::{CloseCode, Error, Message, WebSocket};

/// A connection and where it stands.
pub(super) struct Live<T: Transport + 'static> {
    pub(super) socket: WebSocket<T>,
    pub(super) number: u64,
    pub(super) since: Instant,
    /// Pings and pongs of its own that were counted towards the limit.
    counted: u64,
}

impl<T: Transport + 'static> Live<T> {
    pub(super) fn new(socket: WebSocket<T>, number: u64) -> Self {
        Self { socket, number, since: Instant::now(), counted: 0 }
    }

    /// Tells the venue that nothing more will be sent. Dropping it then ends it in order.
    pub(super) fn say_farewell(&mut self) {
        let told = self.socket.outbox().queue_close(CloseCode::NORMAL, "");
        debug_assert!(told.is_ok(), "an empty reason is short enough");
    }
}

pub(super) struct Links<T: Transport + 'static> {
    /// The one that is being replaced, while it still brings messages.
    pub(super) before: Option<Live<T>>,
    /// Whether `before` was told to close.
    pub(super) is_leaving: bool,
    pub(super) current: Option<Live<T>>,
    /// How many connections were lost that messages were sent on.
    pub(super) losses: u64,
    pub(super) message_limit: Option<RateLimit>,
    pub(super) counts_control_frames: bool,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Before,
    Current,
}

impl<T: Transport + 'static> Links<T> {
    /// The connection that messages are sent on.
    pub(super) fn outgoing(&mut self) -> Option<&mut Live<T>> {
        match &mut self.before {
            Some(before) if !self.is_leaving => Some(before),
            _ => self.current.as_mut(),
        }
    }

    /// The next message of a connection that is there, and when it came in; nothing once the venue
    /// has closed it.
    #[inline]
    pub(super) fn poll_message(
        &mut self,
        which: Which,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<(Message, ReceiveTimestamps)>, Error>> {
        let live = match which {
            Which::Before => &mut self.before,
            Which::Current => &mut self.current,
        };
        let live = live.as_mut().expect("a connection is asked only while it is there");
        let polled = live.socket.connection_mut().poll_message(context);
        if self.counts_control_frames
            && let Some(limit) = &self.message_limit
        {
            let sent = live.socket.outbox().control_frames;
            limit.charge(sent - live.counted);
            live.counted = sent;
        }
        polled.map_ok(|message| message.map(|message| (message, live.socket.timestamps())))
    }

    /// Nobody waits for messages any more.
    pub(super) fn stop_waiting(&mut self) {
        for live in [&mut self.before, &mut self.current].into_iter().flatten() {
            live.socket.connection_mut().stop_waiting();
        }
    }
}
