//! The open-loop client: a schedule that nothing delays.
//!
//! Invariants: the next message is due one interval after the one before was *due*, never after it
//! was sent; a message that is due leaves before anything is read; every message is answered, in
//! order and unchanged, or the run ends with an error. Cost of the measurement itself: a clock
//! reading a turn and one for each send and each answer.

use std::net::TcpStream;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::{Patience, broken, message};
use crate::harness::clock::Clock;

/// The head of a message: sequence number, moment it was due, moment it left; little-endian.
const HEAD_BYTES: usize = 24;
/// How much is read at once.
const READ_BYTES: usize = 64 << 10;

/// What to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Ticks between two messages.
    pub(crate) interval: u64,
    /// Ticks for which messages are due ...
    pub(crate) length: u64,
    /// ... or until there are so many of them.
    pub(crate) messages: usize,
    /// Bytes of a message.
    pub(crate) size: usize,
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
    /// Ticks from the first message's due moment to the end of the last one's sending, one interval
    /// included.
    pub(crate) sending: u64,
}

/// The way to the server, and the time: a socket, or a test's world.
pub(crate) trait Wire {
    fn now(&mut self) -> u64;

    /// Hands over as many bytes as there is room for, without waiting.
    fn send(&mut self, bytes: &[u8]) -> Result<usize, String>;

    /// Takes as many bytes as are there, without waiting; 0 for none.
    fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, String>;
}

/// Sends all that is due, takes all answers, and gives each to `keep`.
pub(crate) fn run(
    wire: &mut impl Wire,
    load: &Load,
    keep: &mut impl FnMut(Timed),
) -> Result<Flow, String> {
    let mut outgoing = vec![0; load.size];
    let mut incoming = Incoming::new(load.size);
    let mut patience = Patience::default();
    let begun = wire.now();
    let mut due_at = begun;
    // Of the message that is on its way out: how much of it has left.
    let mut left = load.size;
    let mut flow = Flow::default();
    let mut answered = 0;
    loop {
        let now = wire.now();
        let is_last = |sent: u64, due_at: u64| {
            sent >= load.messages as u64
                || (sent > 0 && due_at.saturating_sub(begun) >= load.length)
        };
        let mut finished = is_last(flow.sent, due_at);
        if left == load.size && !finished && now >= due_at {
            // The message is stamped when it is handed over, not when there was room for it.
            flow.sent += 1;
            stamp(&mut outgoing, flow.sent, due_at, now);
            due_at += load.interval;
            left = 0;
            finished = is_last(flow.sent, due_at);
        }
        if left < load.size {
            left += wire.send(&outgoing[left..])?;
            if left == load.size && finished {
                flow.sending = wire.now().max(due_at).saturating_sub(begun);
            }
        }
        let count = wire.receive(incoming.room())?;
        if count > 0 {
            patience = Patience::default();
            let answered_at = wire.now();
            answered += incoming.take(count, answered, |due_at, sent_at| {
                keep(Timed { due_at, sent_at, answered_at });
            })?;
        } else if finished && left == load.size {
            if answered == flow.sent {
                return Ok(flow);
            }
            patience
                .nothing_came(|| format!("{} of {} answers", flow.sent - answered, flow.sent))?;
        }
        if answered == flow.sent && finished && left == load.size {
            return Ok(flow);
        }
    }
}

fn stamp(message: &mut [u8], sequence: u64, due_at: u64, sent_at: u64) {
    let (head, pattern) = message.split_at_mut(HEAD_BYTES);
    for (place, word) in head.chunks_exact_mut(8).zip([sequence, due_at, sent_at]) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    message::fill_pattern(pattern, sequence);
}

/// Answers as they arrive, in any pieces.
struct Incoming {
    size: usize,
    bytes: Vec<u8>,
    filled: usize,
    expected: Vec<u8>,
}

impl Incoming {
    fn new(size: usize) -> Self {
        Self {
            size,
            bytes: vec![0; READ_BYTES + size],
            filled: 0,
            expected: vec![0; size - HEAD_BYTES],
        }
    }

    fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.filled..]
    }

    /// Takes the whole messages among the bytes; the part of one stays for the next time.
    fn take(
        &mut self,
        count: usize,
        answered: u64,
        mut each: impl FnMut(u64, u64),
    ) -> Result<u64, String> {
        self.filled += count;
        let whole = self.filled / self.size * self.size;
        let mut taken = 0;
        for message in self.bytes[..whole].chunks_exact(self.size) {
            taken += 1;
            let (head, pattern) = message.split_at(HEAD_BYTES);
            let mut words = head.chunks_exact(8).map(|word| {
                // Invariant: chunks of exactly eight bytes.
                u64::from_le_bytes(word.try_into().expect("eight bytes"))
            });
            let (Some(sequence), Some(due_at), Some(sent_at)) =
                (words.next(), words.next(), words.next())
            else {
                return Err("an answer without a head".to_owned());
            };
            message::fill_pattern(&mut self.expected, sequence);
            if sequence != answered + taken || pattern != self.expected {
                return Err(format!(
                    "answer {} is not the message: the server mixed up or damaged the stream",
                    answered + taken
                ));
            }
            each(due_at, sent_at);
        }
        self.bytes.copy_within(whole..self.filled, 0);
        self.filled -= whole;
        Ok(taken)
    }
}

/// The real way.
#[derive(Debug)]
pub(crate) struct OnSocket<'a> {
    clock: &'a Clock,
    stream: &'a TcpStream,
}

impl<'a> OnSocket<'a> {
    /// The stream must be non-blocking.
    pub(crate) fn new(clock: &'a Clock, stream: &'a TcpStream) -> Self {
        Self { clock, stream }
    }
}

impl Wire for OnSocket<'_> {
    #[inline(always)]
    fn now(&mut self) -> u64 {
        self.clock.now()
    }

    #[inline(always)]
    fn send(&mut self, bytes: &[u8]) -> Result<usize, String> {
        match send(self.stream, bytes, SendFlags::NOSIGNAL) {
            Ok(count) => Ok(count),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(broken("send", error)),
        }
    }

    #[inline(always)]
    fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, String> {
        match recv(self.stream, bytes, RecvFlags::empty()) {
            Ok((0, _)) => Err("the server closed the connection".to_owned()),
            Ok((count, _)) => Ok(count),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(broken("recv", error)),
        }
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
            self.served += 1;
            let stalls = self.served.is_multiple_of(self.stall_every);
            let stall = if stalls { self.stall } else { 0 };
            self.busy_until = self.busy_until.max(self.now) + self.service + stall;
            let mut answer = bytes.to_vec();
            if (self.spoil)(self.served, &mut answer) {
                self.answers.push_back((self.busy_until, answer));
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

    fn load(interval: u64, messages: usize) -> Load {
        Load { interval, length: u64::MAX, messages, size: 64 }
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
        let by_length = Load { length: 1_000, messages: usize::MAX, ..load(10, 0) };
        let flow = run(&mut world, &by_length, &mut |_| {}).unwrap();
        assert_eq!(flow, Flow { sent: 100, sending: 1_000 });
        let flow = run(&mut world, &load(10, 7), &mut |_| {}).unwrap();
        assert_eq!(flow.sent, 7);
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
