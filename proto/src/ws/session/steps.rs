//! What a session does next: its connections, the attempts, and who takes over from whom.
//!
//! Invariants: what one step leads to is told before the next is taken; only a message or an event
//! ends a poll that could go on, and a step that was taken is never taken back, so that a wait may
//! be dropped between any two.

use std::io;
use std::task::{Context, Poll, ready};

use taut_net::{ReceiveTimestamps, Transport};
use taut_runtime::io::poll_checkpoint;
use taut_runtime::is_cancelled;
use taut_runtime::time::Instant;

use super::event::{Event, Failure, GaveUp};
use super::links::{Live, Which};
use super::plan::Step;
use super::session::Session;
use crate::deadline::Deadline;
use crate::ws::{Error, Message, WebSocket};

impl<T: Transport + 'static> Session<T> {
    /// As [`next`](Self::next), by polls. Who stops to poll says so by
    /// [`stop_waiting`](Self::stop_waiting).
    pub(super) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Event>>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                if matches!(event, Event::Message(_)) {
                    // Of messages that were held this long the times are not kept.
                    self.timestamps = ReceiveTimestamps::default();
                }
                return Poll::Ready(Ok(Some(event)));
            }
            if self.is_over {
                return Poll::Ready(Ok(None));
            }
            let (is_replacing, is_connected) = {
                let links = self.links();
                (links.before.is_some(), links.current.is_some())
            };
            let polled = match (is_replacing, is_connected) {
                (true, _) => self.poll_replacing(context, is_connected),
                (false, true) => self.poll_current(context),
                (false, false) => self.poll_plan(context).map(|()| Ok(None)),
            };
            match polled {
                Poll::Ready(Ok(Some(message))) => {
                    return Poll::Ready(Ok(Some(Event::Message(message))));
                }
                Poll::Ready(Ok(None)) => {}
                Poll::Ready(Err(cancelled)) => return Poll::Ready(Err(cancelled)),
                Poll::Pending => {
                    // The plan is polled in a shield.
                    ready!(poll_checkpoint(context))?;
                    return Poll::Pending;
                }
            }
        }
    }

    /// Nobody waits for what happens next.
    pub(super) fn stop_waiting(&mut self) {
        self.links().stop_waiting();
    }

    /// The current connection, which nothing replaces. Ready without a message where there is
    /// something to tell.
    #[inline]
    fn poll_current(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Message>>> {
        if let Some((message, timestamps)) = self.overlap.take_held() {
            self.timestamps = timestamps;
            let is_new = !self.overlap.is_duplicate(&message);
            return Poll::Ready(Ok(is_new.then_some(message)));
        }
        // Before the messages, of which there may be no end.
        if let Some(due) = &mut self.replace_due
            && matches!(due.poll(context), Poll::Ready(Ok(())))
        {
            self.replace();
            return Poll::Ready(Ok(None));
        }
        let message = ready!(self.poll_socket(Which::Current, context))?;
        Poll::Ready(Ok(message.filter(|message| !self.overlap.is_duplicate(message))))
    }

    /// Both connections, or the older one and the attempts to make the newer.
    fn poll_replacing(
        &mut self,
        context: &mut Context<'_>,
        is_connected: bool,
    ) -> Poll<io::Result<Option<Message>>> {
        // First what is new: the older connection may have messages without an end.
        if !is_connected {
            if self.poll_plan(context).is_ready() {
                return Poll::Ready(Ok(None));
            }
        } else if !self.links().is_leaving && self.poll_takes_over(context)?.is_ready() {
            return Poll::Ready(Ok(None));
        }
        let message = ready!(self.poll_socket(Which::Before, context))?;
        let message = message.filter(|message| !self.overlap.is_duplicate(message));
        if let Some(message) = &message {
            self.overlap.note(message);
        }
        Poll::Ready(Ok(message))
    }

    /// Ready where the replacement takes over, or is lost.
    fn poll_takes_over(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.overlap.awaits_first() {
            match self.poll_socket(Which::Current, context)? {
                Poll::Ready(Some(message)) => self.overlap.hold(message, self.timestamps),
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
        }
        ready!(self.overlap.poll_is_over(context));
        let mut links = self.links();
        links.is_leaving = true;
        if let Some(before) = &mut links.before {
            before.say_farewell();
        }
        Poll::Ready(Ok(()))
    }

    /// The next message of a connection; nothing where it has ended, which is then told.
    #[inline]
    fn poll_socket(
        &mut self,
        which: Which,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Message>>> {
        let polled = ready!(self.links().poll_message(which, context));
        match polled {
            Ok(Some((message, timestamps))) => {
                self.timestamps = timestamps;
                Poll::Ready(Ok(Some(message)))
            }
            Err(error) if is_cancelled(&error) => Poll::Ready(Err(error.into())),
            Ok(None) => {
                self.ended(which, None);
                Poll::Ready(Ok(None))
            }
            Err(error) => {
                self.ended(which, Some(error));
                Poll::Ready(Ok(None))
            }
        }
    }

    /// A replacement is begun while the connection may still have messages that were held when it
    /// took over itself: they come next, and count as its own.
    pub(super) fn overlap_anew(&mut self) {
        let held = std::iter::from_fn(|| self.overlap.take_held()).map(|(message, _)| message);
        let mut held: Vec<_> = held.collect();
        held.retain(|message| !self.overlap.is_duplicate(message));
        self.overlap.begin();
        for message in held {
            self.overlap.note(&message);
            self.events.push_back(Event::Message(message));
        }
    }

    #[cold]
    fn ended(&mut self, which: Which, error: Option<Error>) {
        let mut links = self.links();
        let live = match which {
            Which::Before => links.before.take(),
            Which::Current => links.current.take(),
        };
        let was_leaving = std::mem::take(&mut links.is_leaving);
        links.is_leaving = was_leaving && which == Which::Current;
        let to = links.current.as_ref().map(|current| current.number);
        drop(links);
        let live = live.expect("it was polled");
        if which == Which::Current {
            // The older one brings all of it: what is there now was not handed out.
            self.overlap.drop_held();
        }
        if !(was_leaving && which == Which::Before) {
            let why = match error {
                Some(error) => Failure::Broken(error),
                None => Failure::Closed(live.socket.peer_close().cloned()),
            };
            self.lost(&live, why);
        }
        if which == Which::Before
            && let Some(to) = to
        {
            self.overlap.switched();
            self.events.push_back(Event::Switched { from: live.number, to });
        }
    }

    pub(super) fn lost(&mut self, live: &Live<T>, why: Failure) {
        let (has_older, has_newer) = {
            let mut links = self.links();
            let (has_older, has_newer) = (links.before.is_some(), links.current.is_some());
            links.losses += u64::from(!has_older);
            (has_older, has_newer)
        };
        self.plan.lost(live.since.elapsed());
        // With a newer one nothing is to be tried.
        let heeded = if has_newer { Ok(()) } else { self.plan.heed(&why) };
        self.events.push_back(Event::Lost { connection: live.number, why });
        if !has_older && !has_newer {
            self.replace_due = None;
            self.overlap.forget();
        }
        if let Err(gave_up) = heeded {
            self.give_up(gave_up);
        }
    }

    /// Nothing more is tried, where nothing is there: else that goes on.
    fn give_up(&mut self, why: GaveUp) {
        let mut links = self.links();
        if links.current.is_none() {
            links.current = links.before.take();
        }
        let kept = links.current.as_ref().map(|live| live.number);
        drop(links);
        self.events.push_back(match kept {
            Some(connection) => Event::NotReplaced { connection, why },
            None => {
                self.is_over = true;
                Event::GaveUp(why)
            }
        });
    }

    /// Ready where there is something to tell.
    fn poll_plan(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let number = self.connections + 1;
        let replaces = self.links().before.as_ref().map(|live| live.number);
        match ready!(self.plan.poll(context, number, replaces)) {
            Step::Told(event) => self.events.push_back(event),
            Step::Connected(socket) => self.connected(socket, number, replaces),
            Step::Failed(failure) => {
                let heeded = self.plan.heed(&failure);
                self.events.push_back(Event::AttemptFailed(failure));
                if let Err(gave_up) = heeded {
                    self.give_up(gave_up);
                }
            }
            Step::GaveUp(gave_up) => self.give_up(gave_up),
        }
        Poll::Ready(())
    }

    fn connected(&mut self, socket: WebSocket<T>, number: u64, replaces: Option<u64>) {
        self.connections = number;
        self.links().current = Some(Live::new(socket, number));
        let now = Instant::now();
        self.replace_due = self.settings.replace_after.map(|after| Deadline::at(now + after));
        self.overlap.connected();
        self.events.push_back(Event::Connected { connection: number, replaces });
    }
}
