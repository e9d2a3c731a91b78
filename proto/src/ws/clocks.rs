//! The clocks of a connection: pings of its own, and how long a silence may be.
//!
//! One timer, which is set to whatever is due first. A connection without a keepalive has none.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use hdrhistogram::Histogram;
use taut_runtime::time::Instant;

use super::error::{Error, ErrorKind, Wait};
use super::options::Keepalive;
use super::outbox::Outbox;
use super::wire::Opcode;
use crate::deadline::Deadline;

/// The longest round trip that is told apart from longer ones, in nanoseconds: an hour.
const ROUND_TRIP_NS_MAX: u64 = 3_600_000_000_000;

/// The clocks of one connection.
#[derive(Debug)]
pub(super) struct Clocks {
    keepalive: Keepalive,
    timer: Deadline,
    /// When the next ping is due.
    ping_due: Option<Instant>,
    /// The last ping, while it is not answered.
    asked: Option<Asked>,
    pings: u64,
    received_at: Instant,
    /// While nobody but a writer waits: since when, or since something came that nobody reads. What
    /// the peer said before may lie unread, and is no silence of its.
    unread_since: Option<Instant>,
    round_trips: Histogram<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Instant,
    payload: [u8; 8],
}

impl Clocks {
    pub(super) fn new(keepalive: &Keepalive) -> Option<Box<Self>> {
        keepalive.assert_possible();
        if keepalive.ping_every.is_none() && keepalive.idle_timeout.is_none() {
            return None;
        }
        let now = Instant::now();
        let round_trips = Histogram::new_with_bounds(1, ROUND_TRIP_NS_MAX, 2)
            .expect("the bounds are those of a histogram");
        let mut clocks = Self {
            timer: Deadline::at(now),
            ping_due: keepalive.ping_every.map(|every| now + every),
            keepalive: keepalive.clone(),
            asked: None,
            pings: 0,
            received_at: now,
            unread_since: None,
            round_trips,
        };
        clocks.set_timer();
        Some(Box::new(clocks))
    }

    pub(super) fn round_trips(&self) -> &Histogram<u64> {
        &self.round_trips
    }

    /// Something came in.
    #[inline]
    pub(super) fn received(&mut self) {
        self.received_at = Instant::of_turn();
    }

    /// From here on silence is counted for who writes while nobody reads.
    pub(super) fn count_unread(&mut self) {
        self.unread_since = Some(Instant::now());
        self.set_timer();
    }

    /// Whoever reads looks for what has come before it asks how long the silence is.
    pub(super) fn count_read(&mut self) {
        if self.unread_since.take().is_some() {
            self.set_timer();
        }
    }

    /// Whether a pong answers the last ping.
    pub(super) fn pong(&mut self, payload: &[u8]) -> bool {
        let is_answer = self.keepalive.text_ping.is_none()
            && self.asked.is_some_and(|asked| asked.payload == payload);
        if is_answer {
            self.answered();
        }
        is_answer
    }

    /// Whether a text message answers the last ping.
    #[inline]
    pub(super) fn text(&mut self, text: &[u8]) -> bool {
        let (Some(ping), Some(_)) = (&self.keepalive.text_ping, self.asked) else { return false };
        let is_answer = std::str::from_utf8(text).is_ok_and(|text| (ping.is_answer)(text));
        if is_answer {
            self.answered();
        }
        is_answer
    }

    fn answered(&mut self) {
        if let Some(asked) = self.asked.take() {
            let round_trip_ns = asked.at.elapsed().as_nanos() as u64;
            self.round_trips.saturating_record(round_trip_ns.max(1));
        }
    }

    /// Does what is due, and waits for what is due next: so it is ready with errors only. Whether
    /// a ping was queued.
    ///
    /// # Errors
    ///
    /// A silence that was too long; `ECANCELED` where the task was asked to stop.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        outbox: &mut Outbox,
    ) -> Result<bool, Error> {
        let mut has_pinged = false;
        while let Poll::Ready(polled) = self.poll_timer(context) {
            polled?;
            has_pinged |= self.strike(outbox)?;
            self.set_timer();
        }
        Ok(has_pinged)
    }

    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.timer.poll(context)
    }

    /// Whether a ping was queued.
    fn strike(&mut self, outbox: &mut Outbox) -> Result<bool, Error> {
        let now = Instant::now();
        let Keepalive { pong_timeout, idle_timeout, ping_every, .. } = self.keepalive;
        let timed_out = |wait, limit: Duration| Err(ErrorKind::TimedOut(wait, limit).into());
        if self.pong_due().is_some_and(|due| due <= now) {
            return timed_out(Wait::Pong, pong_timeout);
        }
        if let Some(limit) = idle_timeout
            && self.idle_due().is_some_and(|due| due <= now)
        {
            return timed_out(Wait::Idle, limit);
        }
        let (Some(due), Some(every)) = (self.ping_due, ping_every) else { return Ok(false) };
        if due > now {
            return Ok(false);
        }
        self.ping_due = Some(now + every);
        if self.asked.is_some() || outbox.is_closed {
            // One question at a time: its answer has a limit of its own.
            return Ok(false);
        }
        self.pings += 1;
        outbox.control_frames += 1;
        let payload = self.pings.to_be_bytes();
        match &self.keepalive.text_ping {
            Some(ping) => outbox.encoder.frame(Opcode::Text, true, false, ping.text.as_bytes()),
            None => outbox.encoder.frame(Opcode::Ping, true, false, &payload),
        }
        self.asked = Some(Asked { at: now, payload });
        Ok(true)
    }

    fn set_timer(&mut self) {
        let dues = [self.ping_due, self.pong_due(), self.idle_due()];
        if let Some(due) = dues.into_iter().flatten().min() {
            self.timer.set(due);
        }
    }

    fn pong_due(&self) -> Option<Instant> {
        let asked = self.asked?;
        Some(self.counted_from(asked.at) + self.keepalive.pong_timeout)
    }

    fn idle_due(&self) -> Option<Instant> {
        let limit = self.keepalive.idle_timeout?;
        Some(self.counted_from(self.received_at) + limit)
    }

    fn counted_from(&self, since: Instant) -> Instant {
        self.unread_since.map_or(since, |unread_since| since.max(unread_since))
    }
}
