//! An engine of three stages on as many cores as there are: feed, strategy, gateway.
//!
//! The feed sends on a schedule, whatever becomes of the messages; the strategy turns each into an
//! order, the gateway takes the orders. What the stages do and what is recorded of it is the same
//! for all; `raw` and `on_taut` are two ways to carry the messages.
//!
//! Invariant: every message carries the moment for which it was scheduled, and what is recorded
//! counts from there, so a stall shows in all messages that had to wait for it. All stages read one
//! clock: the time-stamp counter as the kernel's clocksource, else the system's monotonic clock;
//! both are the same on every core, as far as the kernel has tested.

mod on_taut;
mod raw;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use taut::latency::{Recorder, Snapshots};

use crate::cross::ends::Packet;
use crate::harness::clock::Clock;
use crate::harness::counters::{Counters, Inside};
use crate::sys;

pub(crate) use on_taut::Rings;
pub(crate) use raw::RawAtomics;

/// What is recorded, in the order of the series.
pub(crate) const RECORDED: [&str; 4] = ["", ":feed-strategy", ":strategy-gateway", ":lateness"];

/// One slice of load.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) clock: Arc<Clock>,
    /// Ticks between two messages.
    pub(crate) interval: u64,
    /// Messages that are not recorded, and those behind them that are.
    pub(crate) warm_up: u64,
    pub(crate) recorded: u64,
}

impl Schedule {
    fn messages(&self) -> u64 {
        self.warm_up + self.recorded
    }
}

/// Where each stage runs. The gateway shares the feed's core where there are two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) feed: usize,
    pub(crate) strategy: usize,
    pub(crate) gateway: usize,
}

impl Places {
    /// For two cores or three.
    pub(crate) fn on(cores: &[usize]) -> Self {
        let gateway = cores.get(2).copied().unwrap_or(cores[0]);
        Self { feed: cores[0], strategy: cores[1], gateway }
    }

    pub(crate) fn shares_a_core(self) -> bool {
        self.feed == self.gateway
    }
}

/// What carries messages from stage to stage.
pub(crate) trait Carrier {
    /// Runs the stages to their end; the counts are the strategy's.
    fn run(&mut self, places: Places, stages: Stages) -> Result<Counters, String>;
}

/// The three stages, to be sent to their cores.
#[derive(Debug)]
pub(crate) struct Stages {
    pub(crate) feed: Feed,
    pub(crate) strategy: Strategy,
    pub(crate) gateway: Gateway,
}

/// What the stages leave behind.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// In the order of [`RECORDED`].
    pub(crate) latencies: [Snapshots; 4],
    /// Ticks from when the first message that counts was due to when the last one was sent: a feed
    /// that found no room for long takes more than its schedule has.
    pub(crate) sending: Arc<AtomicU64>,
}

impl Stages {
    pub(crate) fn new(schedule: &Schedule) -> (Self, Recorded) {
        let (whole, end_to_end) = Recorder::new();
        let (first, feed_strategy) = Recorder::new();
        let (second, strategy_gateway) = Recorder::new();
        let (late, lateness) = Recorder::new();
        let record = |recorder| Record { schedule: schedule.clone(), recorder };
        let stages = Self {
            feed: Feed { record: record(late), begun: 0, sent: 0, sending: Arc::default() },
            strategy: Strategy { record: record(first), begun: None },
            gateway: Gateway { record: record(second), whole, received: 0 },
        };
        let sending = Arc::clone(&stages.feed.sending);
        let latencies = [end_to_end, feed_strategy, strategy_gateway, lateness];
        (stages, Recorded { latencies, sending })
    }
}

/// What a stage records.
#[derive(Debug)]
struct Record {
    schedule: Schedule,
    recorder: Recorder,
}

/// The words of a message: its number, when it was due, and when it left the stage before.
const NUMBER: usize = 0;
const DUE: usize = 1;
const LEFT: usize = 2;

impl Record {
    #[inline(always)]
    fn now(&self) -> u64 {
        self.schedule.clock.now()
    }

    #[inline(always)]
    fn between(&self, recorder: &Recorder, number: u64, from: u64, to: u64) {
        if number > self.schedule.warm_up {
            recorder.record_ns(self.schedule.clock.nanoseconds(to.saturating_sub(from)));
        }
    }
}

/// Sends on a schedule.
#[derive(Debug)]
pub(crate) struct Feed {
    record: Record,
    begun: u64,
    sent: u64,
    sending: Arc<AtomicU64>,
}

impl Feed {
    /// The schedule begins.
    pub(crate) fn begin(&mut self) {
        self.begun = self.record.now();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.sent == self.record.schedule.messages()
    }

    /// Whether it is time for the next message.
    #[inline(always)]
    pub(crate) fn is_due(&self) -> bool {
        self.record.now() >= self.due()
    }

    /// How long it is until then.
    pub(crate) fn until_due(&self) -> Duration {
        let early = self.due().saturating_sub(self.record.now());
        Duration::from_nanos(self.record.schedule.clock.nanoseconds(early))
    }

    fn due(&self) -> u64 {
        self.begun + (self.sent + 1) * self.record.schedule.interval
    }

    /// The next message, to be sent at once.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Packet {
        let (due, now) = (self.due(), self.record.now());
        self.sent += 1;
        self.record.between(&self.record.recorder, self.sent, due, now);
        if self.has_ended() {
            let sending =
                now - (due - (self.record.schedule.recorded - 1) * self.record.schedule.interval);
            self.sending.store(sending, Ordering::Release);
        }
        [self.sent, due, now, 0, 0, 0, 0, 0]
    }
}

/// Turns each update into an order.
#[derive(Debug)]
pub(crate) struct Strategy {
    record: Record,
    begun: Option<(Counters, u64, u64)>,
}

impl Strategy {
    /// `syscalls` are those that were made so far on behalf of what is measured.
    #[inline(always)]
    pub(crate) fn decide(&mut self, mut message: Packet, syscalls: impl FnOnce() -> u64) -> Packet {
        let now = self.record.now();
        self.record.between(&self.record.recorder, message[NUMBER], message[DUE], now);
        if message[NUMBER] == self.record.schedule.warm_up {
            self.begin(syscalls());
        }
        message[LEFT] = now;
        message
    }

    #[cold]
    fn begin(&mut self, syscalls: u64) {
        self.begun = Some((Counters::of_this_thread(), syscalls, sys::process_allocations()));
    }

    /// What this core counted since the warm-up.
    pub(crate) fn counted(&self, syscalls: u64) -> Counters {
        let Some((before, calls, allocations)) = &self.begun else { return Counters::default() };
        let operations = self.record.schedule.recorded;
        Counters {
            operations,
            inside: Some(Inside {
                operations,
                syscalls: Some(syscalls - calls),
                allocations: sys::process_allocations() - allocations,
            }),
            ..Counters::of_this_thread().since(before)
        }
    }
}

/// Takes the orders.
#[derive(Debug)]
pub(crate) struct Gateway {
    record: Record,
    whole: Recorder,
    received: u64,
}

impl Gateway {
    #[inline(always)]
    pub(crate) fn take(&mut self, message: Packet) -> Result<(), String> {
        let now = self.record.now();
        self.received += 1;
        if message[NUMBER] != self.received {
            return Err(format!("order {} came as the {}th", message[NUMBER], self.received));
        }
        self.record.between(&self.record.recorder, self.received, message[LEFT], now);
        self.record.between(&self.whole, self.received, message[DUE], now);
        Ok(())
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.received == self.record.schedule.messages()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(clock: &Arc<Clock>) -> Schedule {
        let interval = clock.ticks(Duration::from_micros(20));
        Schedule { clock: Arc::clone(clock), interval, warm_up: 10, recorded: 200 }
    }

    #[test]
    fn every_carrier_brings_every_message_in_order_on_two_cores_and_on_one() {
        let clock = Arc::new(Clock::calibrate(true));
        let places = Places::on(&[0, 0]);
        assert!(places.shares_a_core() && !Places::on(&[1, 2, 3]).shares_a_core());
        let mut carriers: [(&str, Box<dyn Carrier>); 2] =
            [("floor", Box::new(RawAtomics)), ("epoll", Box::new(Rings(taut::Driver::Epoll)))];
        for (name, carrier) in &mut carriers {
            let (stages, mut recorded) = Stages::new(&schedule(&clock));
            carrier.run(places, stages).unwrap();
            for (part, snapshots) in RECORDED.iter().zip(&mut recorded.latencies) {
                assert_eq!(snapshots.snapshot().len(), 200, "{name}{part}");
            }
            assert!(recorded.sending.load(Ordering::Acquire) >= 199 * schedule(&clock).interval);
        }
    }

    #[test]
    fn what_is_due_waits_for_nobody() {
        let clock = Arc::new(Clock::calibrate(true));
        let (Stages { mut feed, mut strategy, mut gateway }, mut recorded) =
            Stages::new(&schedule(&clock));
        feed.begin();
        while !feed.has_ended() {
            // Later than all of the schedule: each message is as late as it is overdue.
            while feed.sent == 0 && clock.now() < feed.begun + 300 * feed.record.schedule.interval {
            }
            let message = feed.next();
            gateway.take(strategy.decide(message, || 0)).unwrap();
        }
        assert!(gateway.has_ended());
        let whole = recorded.latencies[0].snapshot();
        // The first one recorded is 289 intervals late, the last one 90.
        assert!(whole.max() >= 289 * 20_000 && whole.min() >= 89 * 20_000, "{}", whole.max());
        let error = gateway.take([7; 8]).unwrap_err();
        assert!(error.contains("order 7"), "{error}");
    }
}
