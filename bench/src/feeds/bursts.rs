//! Bursts to groups: what is sent, and what the receiver makes of each datagram.
//!
//! A datagram carries its number, some flags, and the moment before the system call that sends it,
//! by the clock of the run. The receiver subtracts that from its own reading of the same clock. The
//! two cores' counters agree as far as the kernel has tested them (clocksource tsc); what they are
//! apart is in every sample of every series alike.

use std::mem;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::listener::{Begun, Listener, ListenerKind, SocketEnd, addresses};
use super::route::{BATCH, Route, Sender, group};
use super::seen::Seen;
use super::shared::Shared;
use super::{on_taut, raw};
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::plan::SliceBudget;
use crate::harness::rounds::Turn;
use crate::harness::series::Slice;

/// Number, stamp and flags, in the bytes of this host.
pub(crate) const HEAD_BYTES: usize = 24;
/// The most that fits a datagram.
pub(crate) const SIZE_MAX: usize = 65_507;

/// The receiver counts from the first of these on.
const COUNTED: u64 = 1;
/// The receiver says that it has it.
const TOLD: u64 = 2;
/// Nothing follows.
const END: u64 = 4;

/// How long the last datagram of a burst is waited for before it counts as lost.
const SETTLE_LONGEST: Duration = Duration::from_millis(10);
/// How long the end is sent again.
const END_LONGEST: Duration = Duration::from_secs(10);
/// Numbers of a slice at most.
const NUMBERS_MAX: u64 = 1 << 23;

/// What is sent in a case.
#[derive(Clone, Debug)]
pub(crate) struct Bursts {
    pub(crate) route: Route,
    pub(crate) groups: usize,
    pub(crate) burst: usize,
    pub(crate) size: usize,
    pub(crate) pause: Duration,
}

/// What became of the datagrams of one slice or more, warm-ups included.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) duplicates: u64,
    pub(crate) reordered: u64,
    pub(crate) kernel_drops: u64,
    pub(crate) buffer_bytes: u64,
    /// Stamps that lay in the receiver's future.
    pub(crate) backwards: u64,
}

impl Account {
    pub(crate) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.duplicates += other.duplicates;
        self.reordered += other.reordered;
        self.kernel_drops += other.kernel_drops;
        self.buffer_bytes = other.buffer_bytes;
        self.backwards += other.backwards;
    }

    /// Sent, and neither received nor dropped at the socket.
    pub(crate) fn lost_elsewhere(&self) -> u64 {
        self.sent.saturating_sub(self.received + self.duplicates + self.kernel_drops)
    }
}

/// How far the sender has come.
#[derive(Debug, Default)]
struct Sent {
    /// The last number.
    number: u64,
    /// Datagrams, those of the end included, of which there may be several with one number.
    datagrams: u64,
    recorded: u64,
    elapsed: Duration,
    client: Counters,
    cold: bool,
}

impl Bursts {
    /// Runs one slice: bursts, each when the one before has come in or is given up, and a pause.
    pub(crate) fn slice(
        &self,
        kind: ListenerKind,
        core: usize,
        clock: &Clock,
        turn: Turn<'_>,
    ) -> Result<(Slice, Account), String> {
        let shared: Arc<Shared> = Arc::default();
        let ear = Ear {
            clock: clock.clone(),
            shared: Arc::clone(&shared),
            samples: mem::take(&mut turn.samples[0]),
            seen: Seen::up_to(NUMBERS_MAX),
            begun: Begun::default(),
            backwards: 0,
        };
        let bursts = self.clone();
        let listener =
            Listener::start(&self.route, core, shared, move |ready| match kind.runtime() {
                None => raw::bursts(&bursts, ear, ready),
                Some(runtime) => {
                    let hot = kind == ListenerKind::TautHot;
                    on_taut::bursts(&bursts, runtime.core(core), hot, ear, ready)
                }
            })?;
        let sent = self.send(&listener, clock, turn.budget);
        let (sent, mut heard) = listener.end(sent)?;
        heard.samples.iter_mut().for_each(|sample| *sample = clock.nanoseconds(*sample));
        turn.samples[0] = heard.samples;
        let slice = Slice {
            elapsed_ns: sent.elapsed.as_nanos() as u64,
            operations: heard.counters.operations,
            bytes: heard.counters.operations * self.size as u64,
            server: heard.counters,
            client: sent.client,
            cold: sent.cold,
        };
        let account = Account {
            sent: sent.datagrams,
            received: heard.seen.distinct,
            duplicates: heard.seen.duplicates,
            reordered: heard.seen.reordered,
            kernel_drops: heard.end.drops,
            buffer_bytes: heard.end.buffer_bytes,
            backwards: heard.backwards,
        };
        Ok((slice, account))
    }

    pub(super) fn group_addresses(&self) -> Vec<Ipv4Addr> {
        (0..self.groups).map(group).collect()
    }

    fn send(
        &self,
        listener: &Listener<Heard>,
        clock: &Clock,
        budget: &SliceBudget,
    ) -> Result<Sent, String> {
        let nobody = || "nobody listens".to_owned();
        let ports = listener.ports().ok_or_else(nobody)?;
        let to = addresses(self.group_addresses(), ports.into_iter().cycle());
        let sender = self.route.sender(&to)?;
        let mut mouth = Mouth { bursts: self, sender, clock, bytes: vec![0; BATCH * self.size] };
        let (mut sent, shared) = (Sent::default(), &listener.shared);
        let begun = Instant::now();
        while begun.elapsed() < budget.warm_up || sent.number < budget.warm_up_count {
            if begun.elapsed() > budget.warm_up_longest {
                sent.cold = true;
                break;
            }
            mouth.burst(&mut sent, 0, shared)?;
        }
        let before = Counters::of_this_thread();
        let (begun, warm) = (Instant::now(), sent.number);
        loop {
            mouth.burst(&mut sent, COUNTED, shared)?;
            sent.recorded = sent.number - warm;
            let elapsed = begun.elapsed();
            let enough = sent.recorded >= budget.record_count as u64 && elapsed >= budget.record;
            let next = sent.number + self.burst as u64;
            let full = next - warm > budget.record_capacity as u64 || next >= NUMBERS_MAX;
            if enough || full || elapsed >= budget.record_longest {
                break;
            }
            if shared.is_gone() {
                return Err("the receiver has ended".to_owned());
            }
        }
        sent.elapsed = begun.elapsed();
        sent.client = Counters::of_this_thread().since(&before);
        sent.client.operations = sent.recorded;
        mouth.end(&mut sent, shared)?;
        Ok(sent)
    }
}

/// The sender's side.
#[derive(Debug)]
struct Mouth<'a> {
    bursts: &'a Bursts,
    sender: Sender,
    clock: &'a Clock,
    bytes: Vec<u8>,
}

impl Mouth<'_> {
    /// Sends a burst and waits until its last datagram has come in, and then for the pause.
    fn burst(&mut self, sent: &mut Sent, flags: u64, shared: &Shared) -> Result<(), String> {
        let mut left = self.bursts.burst;
        while left > 0 {
            let count = left.min(BATCH);
            left -= count;
            self.batch(sent, count, if left == 0 { flags | TOLD } else { flags })?;
        }
        shared.await_reached(sent.number, SETTLE_LONGEST);
        let waited_from = Instant::now();
        while waited_from.elapsed() < self.bursts.pause {
            std::hint::spin_loop();
        }
        Ok(())
    }

    /// Sends the datagrams of one system call; the flag that asks is the last one's.
    fn batch(&mut self, sent: &mut Sent, count: usize, flags: u64) -> Result<(), String> {
        let mut datagrams: [(usize, &[u8]); BATCH] = [(0, &[]); BATCH];
        let stamp = self.clock.now();
        let buffers = self.bytes.chunks_exact_mut(self.bursts.size);
        for (place, (to, bytes)) in datagrams.iter_mut().zip(buffers).take(count).enumerate() {
            let number = sent.number + 1 + place as u64;
            let asks = if place + 1 == count { flags } else { flags & !TOLD };
            for (word, value) in bytes.chunks_exact_mut(8).zip([number, stamp, asks]) {
                word.copy_from_slice(&value.to_ne_bytes());
            }
            *to = (number as usize % self.bursts.groups, bytes);
        }
        self.sender.send(&datagrams[..count])?;
        sent.number += count as u64;
        sent.datagrams += count as u64;
        Ok(())
    }

    /// Says that nothing follows, until the receiver has heard it.
    fn end(&mut self, sent: &mut Sent, shared: &Shared) -> Result<(), String> {
        let (begun, last) = (Instant::now(), sent.number);
        while begun.elapsed() < END_LONGEST {
            sent.number = last;
            self.batch(sent, 1, END | TOLD)?;
            if shared.await_reached(sent.number, 5 * SETTLE_LONGEST) {
                return Ok(());
            }
            if shared.is_gone() {
                break;
            }
        }
        Err("the receiver did not hear the end of the bursts".to_owned())
    }
}

/// What the receiver makes of each datagram.
#[derive(Debug)]
pub(super) struct Ear {
    clock: Clock,
    pub(super) shared: Arc<Shared>,
    samples: Vec<u64>,
    seen: Seen,
    begun: Begun,
    backwards: u64,
}

/// What it has in the end.
#[derive(Debug)]
pub(super) struct Heard {
    samples: Vec<u64>,
    seen: Seen,
    counters: Counters,
    end: SocketEnd,
    backwards: u64,
}

impl Ear {
    /// Takes a datagram; true for the last one of all.
    #[inline(always)]
    pub(super) fn take(&mut self, datagram: &[u8], syscalls: impl Fn() -> u64) -> bool {
        let now = self.clock.now();
        let Some(head) = datagram.first_chunk::<HEAD_BYTES>() else { return false };
        let word = |place: usize| {
            let bytes = head[place * 8..].first_chunk().expect("three words in the head");
            u64::from_ne_bytes(*bytes)
        };
        let [number, stamp, flags] = [word(0), word(1), word(2)];
        if !self.seen.add(number) {
            return false;
        }
        if flags & COUNTED != 0 {
            self.begun.begin(syscalls);
            self.samples.push(now.saturating_sub(stamp));
            self.backwards += u64::from(now < stamp);
        }
        if flags & TOLD != 0 {
            self.shared.reach(number);
        }
        flags & END != 0
    }

    pub(super) fn end(self, syscalls: u64, end: SocketEnd) -> Heard {
        let counters = self.begun.end(self.samples.len() as u64, syscalls);
        let Self { samples, seen, backwards, .. } = self;
        Heard { samples, seen, counters, end, backwards }
    }
}
