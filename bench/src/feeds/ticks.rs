//! What a receiver makes of each delivery of an arbitrated feed.
//!
//! A sample is the time from the kernel's own receive timestamp of the packet to the moment when
//! the handler has its new messages: two readings of `CLOCK_REALTIME`, which is one clock for all
//! cores. The second one, some 20 to 50 ns, is a part of every sample.

use std::sync::Arc;

use rustix::time::{ClockId, clock_gettime};
use taut::net::feed::{Arbiter, ArbiterOptions, Event, FeedStatistics, LineStatistics, Numbers};

use super::listener::{Begun, SocketEnd};
use super::replay::LINES;
use super::shared::Shared;
use crate::harness::counters::Counters;

/// How the feed is arbitrated, by everybody.
pub(super) fn feed_options() -> ArbiterOptions {
    ArbiterOptions { lines: LINES, ..ArbiterOptions::default() }
}

/// Nanoseconds since the epoch.
#[inline(always)]
pub(crate) fn realtime_ns() -> u64 {
    let now = clock_gettime(ClockId::Realtime);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// The handler.
#[derive(Debug)]
pub(super) struct Ticks {
    pub(super) shared: Arc<Shared>,
    samples: Vec<u64>,
    begun: Begun,
    /// The first message that counts.
    counted_from: u64,
    /// From here on messages are not the feed's: each line is ended by one.
    end: u64,
    has_ended: bool,
    unstamped: u64,
    backwards: u64,
}

/// What it has in the end.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) samples: Vec<u64>,
    pub(super) counters: Counters,
    pub(super) ends: Vec<SocketEnd>,
    pub(super) feed: FeedStatistics,
    pub(super) lines: Vec<LineStatistics>,
    /// Deliveries without the kernel's timestamp.
    pub(super) unstamped: u64,
    /// Timestamps that lay in the future.
    pub(super) backwards: u64,
}

impl Ticks {
    pub(super) fn new(
        shared: Arc<Shared>,
        samples: Vec<u64>,
        (counted_from, end): (u64, u64),
    ) -> Self {
        let begun = Begun::default();
        let (has_ended, unstamped, backwards) = (false, 0, 0);
        Self { shared, samples, begun, counted_from, end, has_ended, unstamped, backwards }
    }

    /// Whether the last message of the last line has come.
    #[inline(always)]
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Takes what the feed tells.
    #[inline(always)]
    pub(super) fn take<T>(
        &mut self,
        event: &Event<T>,
        received_ns: impl Fn(&T) -> Option<u64>,
        syscalls: impl Fn() -> u64,
    ) {
        let Event::Messages(delivery) = event else { return };
        let now_ns = realtime_ns();
        let number = delivery.new.start;
        if number >= self.end {
            self.shared.reach(number);
            self.has_ended = number + 1 == self.end + LINES as u64;
        } else if number >= self.counted_from {
            self.begun.begin(syscalls);
            match received_ns(&delivery.packet) {
                Some(at_ns) => {
                    self.samples.push(now_ns.saturating_sub(at_ns));
                    self.backwards += u64::from(now_ns < at_ns);
                }
                None => self.unstamped += 1,
            }
        }
    }

    /// What this core counted since the warm-up.
    pub(super) fn counted(&self, syscalls: u64) -> Counters {
        self.begun.end(self.samples.len() as u64, syscalls)
    }

    pub(super) fn end<T, E>(
        self,
        arbiter: &Arbiter<T, E>,
        counters: Counters,
        ends: Vec<SocketEnd>,
    ) -> Told
    where
        T: AsRef<[u8]> + Clone,
        E: FnMut(&[u8]) -> Option<Numbers>,
    {
        let Self { samples, unstamped, backwards, .. } = self;
        let (feed, lines) = (arbiter.statistics(), 0..LINES);
        let lines = lines.map(|line| arbiter.line_statistics(line)).collect();
        Told { samples, counters, ends, feed, lines, unstamped, backwards }
    }
}
