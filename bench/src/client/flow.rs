//! The client that keeps a connection busy: by a schedule that nothing delays, or by a number of
//! messages that are under way at any time.
//!
//! Invariants: on a schedule the next message is due one interval after the one before was *due*,
//! never after it was sent; whatever is due leaves before anything is read; every message is
//! answered, in order and unchanged, or the run ends with an error. Cost of the measurement itself:
//! a clock reading a turn and one for each piece that arrives.

use super::Patience;
use super::message::Pattern;
use super::wire::Wire;
use crate::harness::clock::Clock;
use crate::harness::plan::SliceBudget;

/// The head of a message: sequence number, moment it was due, moment it left; little-endian.
pub(crate) const HEAD_BYTES: usize = 24;
/// How much is read at once.
const READ_BYTES: usize = 64 << 10;
/// Messages that are due leave together until there are so many bytes of them: no more than stays
/// in the core's own cache.
const BATCH_BYTES: usize = 64 << 10;

/// When a message is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// So many ticks after the one before it was due.
    Every(u64),
    /// As soon as fewer than so many are under way.
    Window(u64),
}

/// What to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) pace: Pace,
    /// Bytes of a message.
    pub(crate) size: usize,
    /// Ticks for which messages are due, if there are so many of them by then ...
    pub(crate) length: u64,
    pub(crate) at_least: u64,
    /// ... or for which they are in any case.
    pub(crate) longest: u64,
    /// So many messages end it too.
    pub(crate) messages: u64,
}

impl Load {
    /// Without an end.
    pub(crate) fn new(pace: Pace, size: usize) -> Self {
        Self { pace, size, length: u64::MAX, at_least: 0, longest: u64::MAX, messages: u64::MAX }
    }

    /// One message.
    pub(crate) fn one(&self) -> Self {
        Self { messages: 1, ..*self }
    }

    /// What a slice sends before it is recorded: by time and by count.
    pub(crate) fn warm_up(&self, clock: &Clock, budget: &SliceBudget) -> Self {
        Self {
            length: clock.ticks(budget.warm_up),
            at_least: budget.warm_up_count,
            longest: clock.ticks(budget.warm_up_longest),
            ..*self
        }
    }

    /// What a slice records.
    pub(crate) fn recorded(&self, clock: &Clock, budget: &SliceBudget) -> Self {
        Self {
            length: clock.ticks(budget.record),
            at_least: budget.record_count as u64,
            longest: clock.ticks(budget.record_longest),
            messages: budget.record_capacity as u64,
            ..*self
        }
    }
}

/// The three moments of one message, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timed {
    pub(crate) due_at: u64,
    pub(crate) sent_at: u64,
    pub(crate) answered_at: u64,
}

impl Timed {
    /// What somebody waits who asks at the moment that was meant.
    pub(crate) fn response(self) -> u64 {
        self.answered_at.saturating_sub(self.due_at)
    }

    /// What the server and the way there and back took.
    pub(crate) fn service(self) -> u64 {
        self.answered_at.saturating_sub(self.sent_at)
    }

    /// The generator's own delay.
    pub(crate) fn lateness(self) -> u64 {
        self.sent_at.saturating_sub(self.due_at)
    }
}

/// What has flowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) sent: u64,
    /// Ticks from the first message's due moment to the end of the last one's sending, on a
    /// schedule one interval included.
    pub(crate) sending: u64,
    /// Ticks from the first message's due moment to the last answer.
    pub(crate) elapsed: u64,
}

/// Sends all that is due, takes all answers, and gives each to `keep`.
pub(crate) fn run(
    wire: &mut impl Wire,
    load: &Load,
    keep: &mut impl FnMut(Timed),
) -> Result<Flow, String> {
    let pattern = Pattern::new(load.size - HEAD_BYTES);
    let mut incoming = Incoming::new(load.size);
    let begun = wire.now();
    let mut outgoing = Outgoing { load, begun, due_at: begun, sent: 0, bytes: Vec::new(), left: 0 };
    let mut patience = Patience::default();
    let mut sending = None;
    loop {
        let now = wire.now();
        outgoing.stamp_what_is_due(&pattern, now, incoming.answered);
        outgoing.send(wire)?;
        if sending.is_none() && outgoing.is_done() {
            sending = Some(wire.now().max(outgoing.due_at).saturating_sub(begun));
        }
        let count = wire.receive(&mut incoming.buffer)?;
        if count > 0 {
            patience = Patience::default();
            let answered_at = wire.now();
            incoming.take(&pattern, count, |due_at, sent_at| {
                keep(Timed { due_at, sent_at, answered_at });
            })?;
        }
        match sending {
            Some(sending) if incoming.answered == outgoing.sent => {
                let elapsed = wire.now().saturating_sub(begun);
                return Ok(Flow { sent: outgoing.sent, sending, elapsed });
            }
            _ if count == 0 && incoming.answered < outgoing.sent => {
                let (answered, sent) = (incoming.answered, outgoing.sent);
                patience.nothing_came(|| format!("answer {} of {sent}", answered + 1))?;
            }
            _ => {}
        }
    }
}

/// The messages on their way out.
struct Outgoing<'a> {
    load: &'a Load,
    begun: u64,
    /// When the next message is due, on a schedule.
    due_at: u64,
    sent: u64,
    /// Messages that leave together, and how much of them has left.
    bytes: Vec<u8>,
    left: usize,
}

impl Outgoing<'_> {
    /// Whether there is nothing more to send.
    fn is_done(&self) -> bool {
        self.left == self.bytes.len() && self.has_ended(self.due_at)
    }

    /// Whether no message is due at that moment any more; one always is.
    fn has_ended(&self, moment: u64) -> bool {
        let load = self.load;
        let passed = moment.saturating_sub(self.begun);
        let enough = self.sent >= load.at_least || passed >= load.longest;
        self.sent >= load.messages || (self.sent > 0 && passed >= load.length && enough)
    }

    /// Makes the messages that are due, once those before them have left.
    fn stamp_what_is_due(&mut self, pattern: &Pattern, now: u64, answered: u64) {
        if self.left < self.bytes.len() {
            return;
        }
        self.bytes.clear();
        self.left = 0;
        while self.bytes.len() < BATCH_BYTES {
            if let Pace::Window(depth) = self.load.pace {
                if self.sent - answered >= depth {
                    return;
                }
                self.due_at = now;
            }
            if now < self.due_at || self.has_ended(self.due_at) {
                return;
            }
            self.sent += 1;
            for word in [self.sent, self.due_at, now] {
                self.bytes.extend_from_slice(&word.to_le_bytes());
            }
            self.bytes.extend_from_slice(pattern.of(self.sent));
            if let Pace::Every(interval) = self.load.pace {
                self.due_at += interval;
            }
        }
    }

    fn send(&mut self, wire: &mut impl Wire) -> Result<(), String> {
        if self.left < self.bytes.len() {
            self.left += wire.send(&self.bytes[self.left..])?;
        }
        Ok(())
    }
}

/// Answers as they arrive, in any pieces: each byte is compared where it was received.
struct Incoming {
    size: usize,
    buffer: Vec<u8>,
    /// Bytes of the present answer that have come.
    filled: usize,
    head: [u8; HEAD_BYTES],
    /// Answers that have come whole.
    answered: u64,
}

impl Incoming {
    fn new(size: usize) -> Self {
        let buffer = vec![0; READ_BYTES];
        Self { size, buffer, filled: 0, head: [0; HEAD_BYTES], answered: 0 }
    }

    /// Takes what was just received into the buffer; `each` is given every answer that is whole.
    fn take(
        &mut self,
        pattern: &Pattern,
        count: usize,
        mut each: impl FnMut(u64, u64),
    ) -> Result<(), String> {
        let mut bytes = &self.buffer[..count];
        while !bytes.is_empty() {
            let part = if self.filled < HEAD_BYTES { HEAD_BYTES } else { self.size } - self.filled;
            let (piece, rest) = bytes.split_at(part.min(bytes.len()));
            if self.filled < HEAD_BYTES {
                self.head[self.filled..][..piece.len()].copy_from_slice(piece);
            } else if *piece
                != pattern.of(self.answered + 1)[self.filled - HEAD_BYTES..][..piece.len()]
            {
                return Err(self.wrong());
            }
            bytes = rest;
            self.filled += piece.len();
            if self.filled == HEAD_BYTES && self.word(0) != self.answered + 1 {
                return Err(self.wrong());
            }
            if self.filled == self.size {
                self.answered += 1;
                self.filled = 0;
                each(self.word(1), self.word(2));
            }
        }
        Ok(())
    }

    /// One of the three words of the head.
    fn word(&self, index: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.head[index * 8..][..8]);
        u64::from_le_bytes(bytes)
    }

    fn wrong(&self) -> String {
        format!(
            "answer {} is not the message: the server mixed up or damaged the stream",
            self.answered + 1
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::statistics::{P50, P90, P99, P99_9, Percentile};
    use std::collections::VecDeque;

    /// A server that takes so many ticks for a message and once in a while stops for long; the
    /// clock moves on by one tick each time it is read, and in no other way.
    struct World {
        now: u64,
        service: u64,
        stall_every: u64,
        stall: u64,
        /// When the server is done with what it has.
        busy_until: u64,
        served: u64,
        answers: VecDeque<(u64, Vec<u8>)>,
        /// Answers that are damaged or lost from this one on.
        spoil: fn(u64, &mut Vec<u8>) -> bool,
    }

    impl World {
        fn new(service: u64) -> Self {
            Self {
                now: 0,
                service,
                stall_every: u64::MAX,
                stall: 0,
                busy_until: 0,
                served: 0,
                answers: VecDeque::new(),
                spoil: |_, _| true,
            }
        }

        fn stalling(service: u64, every: u64, stall: u64) -> Self {
            Self { stall_every: every, stall, ..Self::new(service) }
        }
    }

    impl Wire for World {
        fn now(&mut self) -> u64 {
            self.now += 1;
            self.now
        }

        fn send(&mut self, bytes: &[u8]) -> Result<usize, String> {
            for message in bytes.chunks(64) {
                self.served += 1;
                let stalls = self.served.is_multiple_of(self.stall_every);
                let stall = if stalls { self.stall } else { 0 };
                self.busy_until = self.busy_until.max(self.now) + self.service + stall;
                let mut answer = message.to_vec();
                if (self.spoil)(self.served, &mut answer) {
                    self.answers.push_back((self.busy_until, answer));
                }
            }
            Ok(bytes.len())
        }

        fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, String> {
            match self.answers.front() {
                Some((ready_at, _)) if *ready_at <= self.now => {
                    let (_, answer) = self.answers.pop_front().expect("it was just looked at");
                    bytes[..answer.len()].copy_from_slice(&answer);
                    Ok(answer.len())
                }
                _ => Ok(0),
            }
        }
    }

    fn load(interval: u64, messages: u64) -> Load {
        Load { messages, ..Load::new(Pace::Every(interval), 64) }
    }

    /// The same server asked by one who waits for each answer before the next question.
    fn closed_loop(world: &mut World, messages: usize) -> Vec<u64> {
        let mut samples = Vec::new();
        for _ in 0..messages {
            run(world, &load(1, 1), &mut |timed| samples.push(timed.service())).unwrap();
        }
        samples
    }

    const US: u64 = 1_000;
    const MS: u64 = 1_000_000;

    /// 10 us of service, a message every 100 us, and a stall of 10 ms after every 10 000 messages:
    /// a hundred messages, one per cent, are due in each stall, and wait for what is left of it.
    /// With a tick of 1 ns the world would take long: one tick is 100 ns here.
    #[test]
    fn a_stall_shows_at_the_right_percentile_in_open_loop_and_is_absent_from_closed_loop() {
        const TICK: u64 = 100;
        let (service, stall) = (10 * US / TICK, 10 * MS / TICK);
        let at =
            |percentile: Percentile, samples: &mut [u64]| percentile.of(samples).unwrap() * TICK;

        let mut response = Vec::new();
        let mut world = World::stalling(service, 10_000, stall);
        let flow = run(&mut world, &load(100 * US / TICK, 100_000), &mut |timed| {
            response.push(timed.response());
        });
        assert_eq!(flow.unwrap().sent, 100_000);
        assert_eq!(response.len(), 100_000);
        assert!(at(P50, &mut response) < 20 * US);
        assert!(at(P90, &mut response) < 20 * US);
        // The slowest tenth of the messages in a stall wait for nine tenths of it and more; the
        // queue drains at ten times the rate it grew, so the tail is a ninth longer than the stall.
        let p99_9 = at(P99_9, &mut response);
        assert!((9 * MS..=11 * MS).contains(&p99_9), "{p99_9}");
        let stalled = response.iter().filter(|&&wait| wait * TICK > MS).count();
        assert!((900..=1_100).contains(&stalled), "{stalled} of 1 000 messages felt a stall");

        let mut world = World::stalling(service, 10_000, stall);
        let mut closed = closed_loop(&mut world, 100_000);
        assert!(at(P99, &mut closed) < 20 * US);
        assert!(at(P99_9, &mut closed) < 20 * US, "ten of 100 000 samples know of the stalls");
    }

    #[test]
    fn the_schedule_does_not_wait_for_a_late_generator() {
        // One turn of the loop takes more ticks than the interval has.
        let mut world = World::new(1);
        let mut due = Vec::new();
        run(&mut world, &load(1, 100), &mut |timed| {
            due.push(timed.due_at);
            assert_eq!(timed.response(), timed.service() + timed.lateness());
        })
        .unwrap();
        assert!(due.windows(2).all(|pair| pair[1] == pair[0] + 1), "{due:?}");
    }

    #[test]
    fn the_load_ends_with_its_length_or_its_count() {
        let mut world = World::new(1);
        let by_length = Load { length: 1_000, ..load(10, u64::MAX) };
        let flow = run(&mut world, &by_length, &mut |_| {}).unwrap();
        assert_eq!((flow.sent, flow.sending), (100, 1_000));
        let by_both = Load { at_least: 150, ..by_length };
        assert_eq!(run(&mut world, &by_both, &mut |_| {}).unwrap().sent, 150);
        let given_up = Load { at_least: 150, longest: 1_200, ..by_length };
        assert_eq!(run(&mut world, &given_up, &mut |_| {}).unwrap().sent, 120);
        let flow = run(&mut world, &load(10, 7), &mut |_| {}).unwrap();
        assert_eq!(flow.sent, 7);
    }

    #[test]
    fn a_window_is_kept_full_and_never_exceeded() {
        let mut world = World::new(1_000);
        let window = Load { messages: 100, ..Load::new(Pace::Window(8), 64) };
        let mut service = Vec::new();
        let flow = run(&mut world, &window, &mut |timed| service.push(timed.service())).unwrap();
        assert_eq!((flow.sent, service.len()), (100, 100));
        // Eight wait in a row for a server that takes a thousand ticks for each.
        let steady = &service[20..];
        assert!(steady.iter().all(|&ticks| (7_000..8_200).contains(&ticks)), "{steady:?}");
        assert!(flow.elapsed >= 100_000);
    }

    #[test]
    fn answers_may_come_in_pieces_of_every_size() {
        let size = 40;
        let pattern = Pattern::new(size - HEAD_BYTES);
        let mut stream = Vec::new();
        for sequence in 1..=50_u64 {
            for word in [sequence, sequence * 10, sequence * 20] {
                stream.extend_from_slice(&word.to_le_bytes());
            }
            stream.extend_from_slice(pattern.of(sequence));
        }
        for piece in 1..=100 {
            let mut incoming = Incoming::new(size);
            let mut seen = Vec::new();
            for bytes in stream.chunks(piece) {
                incoming.buffer[..bytes.len()].copy_from_slice(bytes);
                incoming.take(&pattern, bytes.len(), |due, sent| seen.push((due, sent))).unwrap();
            }
            assert_eq!(seen.len(), 50, "in pieces of {piece}");
            assert_eq!((seen[0], seen[49]), ((10, 20), (500, 1_000)));
        }
    }

    #[test]
    fn an_answer_that_is_damaged_or_out_of_order_is_an_error() {
        let mut world = World::new(1);
        world.spoil = |number, answer| {
            answer[40] ^= u8::from(number == 5);
            true
        };
        let error = run(&mut world, &load(100, 10), &mut |_| {}).unwrap_err();
        assert!(error.contains("answer 5"), "{error}");
        let mut world = World::new(1);
        world.spoil = |number, _| number != 3;
        let error = run(&mut world, &load(100, 10), &mut |_| {}).unwrap_err();
        assert!(error.contains("answer 3"), "{error}");
    }
}
