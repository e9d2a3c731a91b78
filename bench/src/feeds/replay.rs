//! A part of a capture, sent on time on two lines: an open loop.
//!
//! Each packet leaves when it is due, at the capture's own distances divided by the speed, whatever
//! the receiver does; what is overdue leaves in one system call, and how late it is, is a sample of
//! its own. Each line is ended by a message that its receiver has to have: the first beyond the
//! part's numbers for line A, then the second for line B.

use std::mem;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use taut::net::feed::{FeedStatistics, LineStatistics};

use super::capture_lines::CaptureLines;
use super::listener::{Listener, ListenerKind, SocketEnd, addresses};
use super::route::{BATCH, Route, Sender, group};
use super::shared::Shared;
use super::ticks::{Ticks, Told};
use super::{on_taut, raw};
use crate::compare::random::Random;
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::plan::SliceBudget;
use crate::harness::rounds::Turn;
use crate::harness::series::Slice;

/// Lines of a feed: A and B.
pub(crate) const LINES: usize = 2;

/// How long the sender waits until a line's end has come before it sends it again.
const END_SETTLES: Duration = Duration::from_millis(50);
/// How long it sends it again.
const END_LONGEST: Duration = Duration::from_secs(10);
/// From the start of the schedule to its first packet.
const LEAD: Duration = Duration::from_millis(1);

/// The two lines' way, and what is done to them.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    pub(crate) route: Route,
    pub(crate) faults: Faults,
}

/// What each line does to its packets, of a million.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) seed: u64,
    /// Not sent.
    pub(crate) loss: [u32; LINES],
    /// Sent after the next one of the line, at its time.
    pub(crate) reorder: [u32; LINES],
}

impl Lines {
    pub(super) fn groups(&self) -> [Ipv4Addr; LINES] {
        std::array::from_fn(group)
    }
}

/// A packet that is to be sent.
#[derive(Clone, Debug)]
struct Due {
    /// Ticks after the first one.
    after: u64,
    line: usize,
    bytes: std::ops::Range<usize>,
}

/// What one slice sends.
#[derive(Debug)]
struct Part {
    dues: Vec<Due>,
    /// The first packet that counts, and its message.
    counted: usize,
    counted_from: u64,
    /// One above the highest message.
    end: u64,
    withheld: [u64; LINES],
    reordered: [u64; LINES],
}

/// How the sending of one slice went.
#[derive(Debug, Default)]
struct Sent {
    packets: [u64; LINES],
    /// Ticks from when the first packet that counts was due to when the last one was sent, and to
    /// when it was due.
    taken: u64,
    planned: u64,
    client: Counters,
}

/// What became of one line's packets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LineAccount {
    pub(crate) sent: u64,
    pub(crate) withheld: u64,
    pub(crate) swapped: u64,
    pub(crate) kernel_drops: u64,
    pub(crate) buffer_bytes: u64,
    pub(crate) arbitrated: LineStatistics,
}

/// What became of a feed, in one slice or more, warm-ups included.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    pub(crate) lines: [LineAccount; LINES],
    pub(crate) feed: FeedStatistics,
    pub(crate) unstamped: u64,
    pub(crate) backwards: u64,
    pub(crate) taken_ns: u64,
    pub(crate) planned_ns: u64,
}

impl LineAccount {
    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.withheld += other.withheld;
        self.swapped += other.swapped;
        self.kernel_drops += other.kernel_drops;
        self.buffer_bytes = other.buffer_bytes;
        let (sum, more) = (&mut self.arbitrated, &other.arbitrated);
        sum.packets += more.packets;
        sum.won += more.won;
        sum.filled += more.filled;
        sum.duplicates += more.duplicates;
        sum.late += more.late;
        sum.gaps += more.gaps;
        sum.missed += more.missed;
        sum.reordered += more.reordered;
    }

    /// Sent, and neither received nor dropped at the socket.
    pub(crate) fn lost_elsewhere(&self) -> u64 {
        self.sent.saturating_sub(self.arbitrated.packets + self.kernel_drops)
    }
}

impl Account {
    pub(crate) fn add(&mut self, other: &Self) {
        self.lines.iter_mut().zip(&other.lines).for_each(|(sum, line)| sum.add(line));
        self.feed.messages += other.feed.messages;
        self.feed.holes += other.feed.holes;
        self.feed.messages_lost += other.feed.messages_lost;
        self.feed.losses += other.feed.losses;
        self.feed.restarts += other.feed.restarts;
        self.unstamped += other.unstamped;
        self.backwards += other.backwards;
        self.taken_ns += other.taken_ns;
        self.planned_ns += other.planned_ns;
    }
}

impl Part {
    /// The part of that number; parts of one number are the same for everybody.
    fn of(
        capture: &CaptureLines,
        number: u64,
        (faults, speed): (&Faults, u32),
        clock: &Clock,
        budget: &SliceBudget,
    ) -> Self {
        let recorded_ns = |time: Duration| time.as_nanos() as u64 * u64::from(speed);
        let warm_up_ns = recorded_ns(budget.warm_up);
        let [least_ns, longest_ns] =
            [budget.record, budget.record_longest].map(|time| warm_up_ns + recorded_ns(time));
        let room_ns = capture.span_ns().saturating_sub(longest_ns);
        let from_ns = (number * least_ns).checked_rem(room_ns).unwrap_or(0);
        let first = capture.packets.partition_point(|packet| packet.due_ns < from_ns);
        let from_ns = capture.packets[first].due_ns;
        let mut random = Random::new(faults.seed ^ number.wrapping_mul(0x9E37_79B9));
        let mut hits = |per_million: u32| random.below(1_000_000) < per_million as usize;
        let mut part = Self {
            dues: Vec::new(),
            counted: 0,
            counted_from: u64::MAX,
            end: 0,
            withheld: [0; LINES],
            reordered: [0; LINES],
        };
        let mut swapped_with: [Option<usize>; LINES] = [None; LINES];
        let enough = LINES * budget.record_count;
        for packet in &capture.packets[first..] {
            let after_ns = packet.due_ns - from_ns;
            let counted = match part.counted_from {
                u64::MAX => 0,
                _ => part.dues.len() - part.counted,
            };
            let is_over = after_ns >= longest_ns || counted >= budget.record_capacity;
            if is_over || (after_ns >= least_ns && counted >= enough) {
                break;
            }
            let line = packet.line;
            part.end = part.end.max(packet.messages.end);
            if hits(faults.loss[line]) {
                part.withheld[line] += 1;
                continue;
            }
            if after_ns >= warm_up_ns && part.counted_from == u64::MAX {
                (part.counted, part.counted_from) = (part.dues.len(), packet.messages.start);
            }
            let after = clock.ticks(Duration::from_nanos(after_ns / u64::from(speed)));
            let place = part.dues.len();
            part.dues.push(Due { after, line, bytes: packet.bytes.clone() });
            if let Some(before) = swapped_with[line].take() {
                let bytes = mem::replace(&mut part.dues[before].bytes, packet.bytes.clone());
                part.dues[place].bytes = bytes;
                part.reordered[line] += 1;
            } else if hits(faults.reorder[line]) {
                swapped_with[line] = Some(place);
            }
        }
        part
    }
}

/// Runs one slice: the part of that number, at that speed.
pub(crate) fn slice(
    lines: &Lines,
    capture: &CaptureLines,
    (number, speed): (u64, u32),
    (kind, core): (ListenerKind, usize),
    clock: &Clock,
    turn: Turn<'_>,
) -> Result<(Slice, Account), String> {
    let part = Part::of(capture, number, (&lines.faults, speed), clock, turn.budget);
    if part.counted_from == u64::MAX {
        return Err(format!(
            "the capture is over before the warm-up of {} ms at speed {speed}: replay a longer \
             one, or ask for a lower --speed",
            turn.budget.warm_up.as_millis()
        ));
    }
    let [latencies, lateness] = turn.samples else {
        return Err("a lane of a replay has two series".to_owned());
    };
    let shared: Arc<Shared> = Arc::default();
    let ticks =
        Ticks::new(Arc::clone(&shared), mem::take(latencies), (part.counted_from, part.end));
    let way = lines.clone();
    let listener =
        Listener::start(&lines.route, core, shared, move |ready| match kind.runtime() {
            None => raw::lines(&way, ticks, ready),
            Some(runtime) => {
                let hot = kind == ListenerKind::TautHot;
                on_taut::lines(&way, runtime.core(core), hot, ticks, ready)
            }
        })?;
    let sent = send(lines, capture, &part, clock, &listener, lateness);
    let (sent, told) = listener.end(sent)?;
    lateness.iter_mut().for_each(|sample| *sample = clock.nanoseconds(*sample));
    let account = account(&part, &sent, &told, clock);
    let slice = Slice {
        elapsed_ns: account.taken_ns,
        operations: told.counters.operations,
        server: told.counters,
        client: sent.client,
        ..Slice::default()
    };
    *latencies = told.samples;
    Ok((slice, account))
}

fn account(part: &Part, sent: &Sent, told: &Told, clock: &Clock) -> Account {
    let line = |line: usize| {
        let SocketEnd { drops, buffer_bytes } = told.ends[line];
        LineAccount {
            sent: sent.packets[line],
            withheld: part.withheld[line],
            swapped: part.reordered[line],
            kernel_drops: drops,
            buffer_bytes,
            arbitrated: told.lines[line],
        }
    };
    Account {
        lines: std::array::from_fn(line),
        feed: told.feed,
        unstamped: told.unstamped,
        backwards: told.backwards,
        taken_ns: clock.nanoseconds(sent.taken),
        planned_ns: clock.nanoseconds(sent.planned),
    }
}

fn send(
    lines: &Lines,
    capture: &CaptureLines,
    part: &Part,
    clock: &Clock,
    listener: &Listener<Told>,
    lateness: &mut Vec<u64>,
) -> Result<Sent, String> {
    let ports = listener.ports().ok_or("nobody listens")?;
    let sender = lines.route.sender(&addresses(lines.groups(), ports))?;
    let mut sent = Sent::default();
    let mut before = Counters::of_this_thread();
    let begun = clock.now() + clock.ticks(LEAD);
    let (mut next, mut last) = (0, begun);
    while let Some(due) = part.dues.get(next) {
        let now = clock.now();
        if now < begun + due.after {
            std::hint::spin_loop();
            continue;
        }
        if next <= part.counted {
            before = Counters::of_this_thread();
        }
        let mut batch: [(usize, &[u8]); BATCH] = [(0, &[]); BATCH];
        let mut count = 0;
        for (place, due) in part.dues[next..].iter().take(BATCH).enumerate() {
            if now < begun + due.after {
                break;
            }
            if next + place >= part.counted {
                lateness.push(now - (begun + due.after));
            }
            batch[place] = (due.line, &capture.bytes[due.bytes.clone()]);
            sent.packets[due.line] += 1;
            count += 1;
        }
        sender.send(&batch[..count])?;
        next += count;
        last = clock.now();
        if listener.shared.is_gone() {
            return Err("the receiver has ended".to_owned());
        }
    }
    let after = |place: usize| part.dues.get(place).map_or(0, |due| due.after);
    let first = after(part.counted);
    sent.taken = last - (begun + first);
    sent.planned = after(part.dues.len() - 1) - first;
    sent.client = Counters::of_this_thread().since(&before);
    sent.client.operations = (part.dues.len() - part.counted) as u64;
    end(capture, part, &sender, &listener.shared, &mut sent)?;
    Ok(sent)
}

/// Ends each line, until the receiver has heard it.
fn end(
    capture: &CaptureLines,
    part: &Part,
    sender: &Sender,
    shared: &Shared,
    sent: &mut Sent,
) -> Result<(), String> {
    for line in 0..LINES {
        let number = part.end + line as u64;
        let mut packet = capture.session.to_be_bytes()[6..].to_vec();
        packet.extend(number.to_be_bytes());
        packet.extend(1_u16.to_be_bytes());
        // One message without bytes.
        packet.extend([0, 0]);
        let begun = Instant::now();
        loop {
            sender.send(&[(line, &packet)])?;
            sent.packets[line] += 1;
            if shared.await_reached(number, END_SETTLES) {
                break;
            }
            if shared.is_gone() || begun.elapsed() > END_LONGEST {
                return Err(format!("the receiver did not hear the end of line {line}"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> SliceBudget {
        SliceBudget {
            warm_up: Duration::from_millis(10),
            warm_up_count: 1,
            warm_up_longest: Duration::from_millis(20),
            record: Duration::from_millis(50),
            record_count: 100,
            record_longest: Duration::from_millis(100),
            record_capacity: 1 << 16,
        }
    }

    #[test]
    fn parts_of_one_number_are_alike_and_line_faults_are_those_asked_for() {
        let capture = CaptureLines::made_up(3).unwrap();
        let clock = Clock::calibrate(false);
        let whole = Faults::default();
        let of = |number, faults: &Faults, speed| {
            Part::of(&capture, number, (faults, speed), &clock, &budget())
        };
        let bytes = |part: &Part| part.dues.iter().map(|due| due.bytes.clone()).collect::<Vec<_>>();
        let one = of(5, &whole, 2);
        assert_eq!(bytes(&one), bytes(&of(5, &whole, 2)));
        assert_ne!(bytes(&one), bytes(&of(6, &whole, 2)));
        assert_eq!((one.withheld, one.reordered), ([0; 2], [0; 2]));
        assert!(one.counted > 0 && one.counted_from < one.end);
        // At speed 2 the dues of 120 ms take 60.
        let span = one.dues.last().unwrap().after;
        assert!((50_000_000..=60_000_000).contains(&span), "{span}");
        let faulty = Faults { seed: 1, loss: [1_000_000, 0], reorder: [0, 1_000_000] };
        let faulty = of(5, &faulty, 2);
        assert!(faulty.dues.iter().all(|due| due.line == 1), "line A sends nothing");
        assert!(faulty.withheld[0] > 0 && faulty.reordered[1] > 0);
        assert!(faulty.dues.is_sorted_by_key(|due| due.after), "times stay as they are");
        let mut sorted = bytes(&faulty);
        sorted.sort_by_key(|bytes| bytes.start);
        sorted.dedup();
        assert_eq!(sorted.len(), faulty.dues.len(), "each packet once");
    }
}
