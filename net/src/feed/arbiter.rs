//! The arbiter: one feed out of its lines.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use taut_counters::Distribution;

use super::holes::Holes;
use super::line::{Line, Stand};
use super::recent::{Recent, Seen};
use super::restart::{Candidate, Kept};
use super::{
    ArbiterOptions, Arrival, Deliver, Delivery, Event, FeedStatistics, LineStatistics, Numbers,
    Restart,
};

/// Makes one feed out of redundant lines that carry the same packets: the first copy of each
/// message wins.
///
/// It does no I/O and has no clock: packets come in with the line and the time that they came on,
/// and what follows from them goes to a closure, at once. A packet is anything that has bytes and
/// clones cheaply, such as an [`RxBuf`](taut_runtime::buffer::RxBuf); where its numbers stand, the
/// extractor knows. Times are in ns of any one clock.
///
/// ```
/// use taut_net::feed::{Arbiter, ArbiterOptions, Event, Numbers};
///
/// let number = |packet: &[u8]| Some(Numbers::one(u64::from(*packet.first()?)));
/// let mut arbiter = Arbiter::new(ArbiterOptions::default(), number);
/// let mut told = Vec::new();
/// for (at_ns, line, packet) in [(10, 0, [1]), (12, 1, [1]), (20, 0, [3]), (22, 1, [2])] {
///     arbiter.offer(line, at_ns, packet, &mut |event| match event {
///         Event::Messages(got) => told.push(format!("{:?} of {}", got.new, got.line)),
///         Event::Hole { missing, .. } => told.push(format!("{missing:?} missing")),
///         other => panic!("{other:?}"),
///     });
/// }
/// assert_eq!(told, ["1..2 of 0", "2..3 missing", "3..4 of 0", "2..3 of 1"]);
/// assert_eq!(arbiter.line_statistics(1).duplicates, 1);
/// assert_eq!(arbiter.line_statistics(1).filled, 1);
/// ```
pub struct Arbiter<T, E> {
    options: ArbiterOptions,
    extract: E,
    lines: Vec<Line>,
    /// How often the feed was numbered anew.
    numbering: u64,
    session: u128,
    begun: bool,
    /// The first number of this numbering.
    origin: u64,
    /// One above the highest number that was brought: what is below and in no hole was brought or
    /// given up.
    next: u64,
    holes: Holes,
    /// What was given up last, to tell who is late from who repeats.
    lost: Holes,
    /// In order: what lies above a hole.
    held: VecDeque<Delivery<T>>,
    held_max: usize,
    recent: Recent,
    candidate: Candidate<T>,
    statistics: FeedStatistics,
}

/// Where a packet belongs.
enum Place {
    /// Into the feed as it is numbered now.
    Here(Range<u64>),
    /// To the numbering before.
    Before,
    /// To none that is known.
    Elsewhere,
}

impl<T, E> Arbiter<T, E>
where
    T: AsRef<[u8]> + Clone,
    E: FnMut(&[u8]) -> Option<Numbers>,
{
    /// An arbiter that has seen nothing. This allocates all that it will ever need; beside what the
    /// options say, 28 KiB a line for the distances between lines.
    ///
    /// # Panics
    ///
    /// Where the options make no sense: no line or more than
    /// [`LINES_MAX`](super::LINES_MAX), a limit of 0.
    #[must_use]
    pub fn new(options: ArbiterOptions, extract: E) -> Self {
        options.check();
        // One packet fills at most every hole, and adds its newest messages.
        let held_room = match options.deliver {
            Deliver::AsTheyCome => 0,
            Deliver::InOrder { held_packets_max } => held_packets_max + options.holes_max + 2,
        };
        Self {
            lines: (0..options.lines).map(|_| Line::new(options.holes_max)).collect(),
            numbering: 0,
            session: 0,
            begun: false,
            origin: 0,
            next: 0,
            holes: Holes::with_capacity(options.holes_max),
            lost: Holes::with_capacity(options.holes_max),
            held: VecDeque::with_capacity(held_room),
            held_max: options.held_max(),
            recent: Recent::new(options.remembered_packets),
            candidate: Candidate::new(options.restart),
            statistics: FeedStatistics::default(),
            options,
            extract,
        }
    }

    /// Takes a packet of a line, and tells what follows.
    ///
    /// # Panics
    ///
    /// Where there is no such line.
    pub fn offer(&mut self, line: usize, at_ns: u64, packet: T, sink: &mut impl FnMut(Event<T>)) {
        // Those without numbers are given to nobody.
        let _unnumbered = self.offer_numbered(line, at_ns, packet, sink);
    }

    /// As [`offer`](Self::offer), and gives a packet back in which the extractor finds no numbers:
    /// for lines that carry more than the feed.
    ///
    /// # Panics
    ///
    /// As for [`offer`](Self::offer).
    pub fn offer_numbered(
        &mut self,
        line: usize,
        at_ns: u64,
        packet: T,
        sink: &mut impl FnMut(Event<T>),
    ) -> Option<T> {
        let statistics = &mut self.lines[line].statistics;
        let bytes = packet.as_ref();
        statistics.packets += 1;
        statistics.bytes += bytes.len() as u64;
        let Some(numbers) = (self.extract)(bytes) else {
            statistics.refused_unnumbered += 1;
            return Some(packet);
        };
        let possible = numbers.count <= self.options.packet_messages_max
            && numbers.first.checked_add(u64::from(numbers.count)).is_some();
        if !possible {
            statistics.refused_impossible += 1;
            return None;
        }
        if !self.begun {
            self.begin(numbers.session, self.options.first.unwrap_or(numbers.first));
        }
        match self.place(line, numbers) {
            Place::Here(range) => self.admit(line, at_ns, packet, &range, sink),
            Place::Before => self.lines[line].statistics.refused_stale += 1,
            Place::Elsewhere => {
                self.consider_restart(Kept { line, at_ns, packet, numbers }, sink);
            }
        }
        self.expire(at_ns, sink);
        None
    }

    /// Gives up what has been missing for too long. To be called when
    /// [`deadline_ns`](Self::deadline_ns) has passed; each packet does it, too.
    #[inline]
    pub fn expire(&mut self, now_ns: u64, sink: &mut impl FnMut(Event<T>)) {
        while let Some(hole) = self.holes.first() {
            let is_due = now_ns >= hole.since_ns.saturating_add(self.options.gap_after_ns);
            let is_too_much =
                self.holes.len() > self.options.holes_max || self.held.len() > self.held_max;
            if !is_due && !is_too_much {
                return;
            }
            self.give_up_first(sink);
        }
    }

    /// When the oldest hole is to be given up, if there is one.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        let hole = self.holes.first()?;
        Some(hole.since_ns.saturating_add(self.options.gap_after_ns))
    }

    /// Gives up everything that is missing and delivers what was held back: at the end of a feed.
    pub fn finish(&mut self, sink: &mut impl FnMut(Event<T>)) {
        while self.holes.first().is_some() {
            self.give_up_first(sink);
        }
    }

    /// Begins a new numbering: what is missing of the old one is given up, and packets of it are
    /// refused from here on. For feeds whose own messages tell of it. Packets that were kept
    /// because they did not fit the old numbering are looked at again.
    pub fn restart(&mut self, session: u128, next: u64, sink: &mut impl FnMut(Event<T>)) {
        self.finish(sink);
        if self.begun {
            self.numbering += 1;
            self.statistics.restarts += 1;
        }
        self.lost.clear();
        self.begin(session, next);
        sink(Event::Restarted { session, next });
        let mut kept = std::mem::take(self.candidate.kept());
        for Kept { line, at_ns, packet, numbers } in kept.drain(..) {
            match self.place(line, numbers) {
                Place::Here(range) => self.admit(line, at_ns, packet, &range, sink),
                _ => self.lines[line].statistics.refused_out_of_range += 1,
            }
        }
        *self.candidate.kept() = kept;
    }

    fn begin(&mut self, session: u128, first: u64) {
        (self.begun, self.session) = (true, session);
        (self.origin, self.next) = (first, first);
    }

    #[inline]
    fn place(&mut self, line: usize, numbers: Numbers) -> Place {
        let own = &mut self.lines[line];
        if let Some(stand) = own.stand.as_mut().filter(|own| own.numbering != self.numbering)
            && is_before(stand, numbers, self.session, self.next, &self.options)
        {
            return Place::Before;
        }
        let Some(first) = self.options.width.extend(numbers.first, self.next) else {
            return Place::Elsewhere;
        };
        let is_behind = own.stand.is_some_and(|own| {
            own.numbering == self.numbering
                && first.saturating_add(self.options.behind_messages_max) < own.next
        });
        let is_ahead = first > self.next.saturating_add(self.options.ahead_messages_max);
        match first.checked_add(u64::from(numbers.count)) {
            Some(end) if numbers.session == self.session && !is_behind && !is_ahead => {
                Place::Here(first..end)
            }
            _ => Place::Elsewhere,
        }
    }

    #[cold]
    fn consider_restart(&mut self, packet: Kept<T>, sink: &mut impl FnMut(Event<T>)) {
        let lines = &mut self.lines;
        let mut refuse = |line: usize| lines[line].statistics.refused_out_of_range += 1;
        let Restart::After { packets } = self.options.restart else {
            return refuse(packet.line);
        };
        self.candidate.consider(packet, refuse);
        if let Some((session, first)) = self.candidate.agreed(packets) {
            self.restart(session, first, sink);
        }
    }

    /// Delivers what is new of a packet that belongs here.
    #[inline]
    fn admit(
        &mut self,
        line: usize,
        at_ns: u64,
        packet: T,
        range: &Range<u64>,
        sink: &mut impl FnMut(Event<T>),
    ) {
        let own = &mut self.lines[line];
        let in_order = own.bring(self.numbering, self.session, range);
        let messages = range.end - range.start;
        own.statistics.messages += messages;
        let mut new_messages = 0;
        if range.start < self.next && messages > 0 {
            let arrival = if in_order { Arrival::Filled } else { Arrival::Reordered };
            new_messages = self.fill(line, at_ns, &packet, range, arrival, sink);
        } else if range.start > self.next {
            self.open_hole(line, at_ns, range.start, sink);
        }
        if range.end > self.next {
            let new = self.next.max(range.start)..range.end;
            new_messages += new.end - new.start;
            self.next = range.end;
            let (first, arrival) = (range.start, Arrival::Newest);
            self.deliver(Delivery { packet, line, at_ns, first, new, arrival }, sink);
        }
        self.statistics.messages += new_messages;
        let own = &mut self.lines[line];
        own.statistics.won += new_messages;
        if new_messages > 0 {
            self.recent.remember(Seen {
                first: range.start,
                numbering: self.numbering,
                line,
                at_ns,
            });
        } else if messages > 0
            && let Some(seen) = self.recent.find(self.numbering, range.start)
            && seen.line != line
        {
            own.behind_ns.record(at_ns.saturating_sub(seen.at_ns));
        }
    }

    /// Delivers what a packet has of the messages that are missing below the head, and counts the
    /// rest of those that it has there. Gives the number of new ones.
    fn fill(
        &mut self,
        line: usize,
        at_ns: u64,
        packet: &T,
        range: &Range<u64>,
        arrival: Arrival,
        sink: &mut impl FnMut(Event<T>),
    ) -> u64 {
        let below = range.start..range.end.min(self.next);
        let first = range.start;
        let mut filled = 0;
        while let Some(new) = self.holes.take(&below) {
            filled += new.end - new.start;
            let packet = packet.clone();
            self.deliver(Delivery { packet, line, at_ns, first, new, arrival }, sink);
        }
        let older = self.origin.clamp(below.start, below.end) - below.start;
        let late = self.lost.take_all(&below) + older;
        self.forget_losses();
        let statistics = &mut self.lines[line].statistics;
        statistics.late += late;
        statistics.duplicates += below.end - below.start - filled - late;
        if arrival == Arrival::Filled {
            statistics.filled += filled;
        }
        filled
    }

    #[cold]
    fn open_hole(&mut self, line: usize, at_ns: u64, to: u64, sink: &mut impl FnMut(Event<T>)) {
        let missing = self.next..to;
        self.next = to;
        self.holes.open(missing.clone(), at_ns);
        self.statistics.holes += 1;
        sink(Event::Hole { missing, line });
    }

    #[inline]
    fn deliver(&mut self, delivery: Delivery<T>, sink: &mut impl FnMut(Event<T>)) {
        let in_order = self.options.deliver != Deliver::AsTheyCome;
        let is_early =
            self.holes.first().is_some_and(|hole| hole.missing.start < delivery.new.start);
        if in_order && is_early {
            let place = self.held.partition_point(|held| held.new.start < delivery.new.start);
            self.held.insert(place, delivery);
            return;
        }
        sink(Event::Messages(delivery));
        self.release(sink);
    }

    /// Delivers what was held back and has no hole below it any more.
    #[inline]
    fn release(&mut self, sink: &mut impl FnMut(Event<T>)) {
        let first_missing = self.holes.first().map_or(u64::MAX, |hole| hole.missing.start);
        while let Some(held) = self.held.pop_front_if(|held| held.new.start < first_missing) {
            sink(Event::Messages(held));
        }
    }

    /// Late messages cut what was lost into pieces: those that were given up first are forgotten,
    /// and count as repeated if they still come.
    fn forget_losses(&mut self) {
        while self.lost.len() > self.options.holes_max {
            self.lost.close_first();
        }
    }

    #[cold]
    fn give_up_first(&mut self, sink: &mut impl FnMut(Event<T>)) {
        let Some(hole) = self.holes.close_first() else { return };
        self.lost.open(hole.missing.clone(), hole.since_ns);
        self.forget_losses();
        let lost = hole.missing.end - hole.missing.start;
        self.statistics.messages_lost = self.statistics.messages_lost.saturating_add(lost);
        self.statistics.losses += 1;
        sink(Event::Lost(hole.missing));
        self.release(sink);
    }
}

/// Whether a packet of a line that has brought nothing of this numbering is of the one before. A
/// feed that names its sessions says so. Else it is, where its number is nearer to the line's last
/// than to the feed's next.
#[cold]
fn is_before(
    stand: &mut Stand,
    numbers: Numbers,
    session: u128,
    next: u64,
    options: &ArbiterOptions,
) -> bool {
    if numbers.session != stand.session {
        return false;
    }
    let Some(old) = options.width.extend(numbers.first, stand.next) else { return false };
    if session == stand.session
        && let Some(new) = options.width.extend(numbers.first, next)
        && new.abs_diff(next) < old.abs_diff(stand.next)
    {
        return false;
    }
    stand.next = stand.next.max(old.saturating_add(u64::from(numbers.count)));
    true
}

impl<T, E> Arbiter<T, E> {
    /// What the lines together have brought.
    #[must_use]
    pub fn statistics(&self) -> FeedStatistics {
        self.statistics
    }

    /// What one line has brought.
    ///
    /// # Panics
    ///
    /// Where there is no such line.
    #[must_use]
    pub fn line_statistics(&self, line: usize) -> LineStatistics {
        self.lines[line].statistics
    }

    /// How long after the first copy of a packet this line's copy came, in ns up to 10 s, to two
    /// digits. Only of packets that the lines cut alike, and that are still remembered. Allocates.
    ///
    /// # Panics
    ///
    /// Where there is no such line.
    #[must_use]
    pub fn line_behind_ns(&self, line: usize) -> Distribution {
        self.lines[line].behind_ns.distribution()
    }

    /// The options that it was made with.
    #[must_use]
    pub fn options(&self) -> ArbiterOptions {
        self.options
    }

    /// The number of the message that comes next, once there was a packet.
    #[must_use]
    pub fn next_number(&self) -> Option<u64> {
        self.begun.then_some(self.next)
    }

    /// What is missing and has not been given up, in order.
    pub fn missing(&self) -> impl Iterator<Item = Range<u64>> {
        self.holes.iter().map(|hole| hole.missing.clone())
    }

    /// How many deliveries are held back.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }
}

impl<T, E> fmt::Debug for Arbiter<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arbiter")
            .field("next", &self.next_number())
            .field("statistics", &self.statistics)
            .finish_non_exhaustive()
    }
}
