//! A capture replayed on two lines into arbitration: how long a tick takes from the kernel to the
//! handler.
//!
//! A sample begins with the kernel's own receive timestamp, so what the sender does is no part of
//! it; but what is sent late is a feed with other bursts. So the sender's lateness is a series of
//! its own, and a replay that took longer than its schedule fails the run.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::feeds::capture_lines::CaptureLines;
use crate::feeds::members::Members;
use crate::feeds::replay::{self, Account, Faults, LINES, Lines};
use crate::feeds::route::Route;
use crate::feeds::ticks::realtime_ns;
use crate::harness::clock::Clock;
use crate::harness::environment::FeatureRow;
use crate::harness::options::Common;
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::Slice;
use crate::harness::session::{Setting, Workload};
use crate::harness::statistics::P99_9;
use crate::harness::verdict::Verdict;
use crate::report::ratios::{CPU_PER_OP, Figure, P50, P99};
use crate::report::table::Table;

/// Share of the schedule's rate below which the sender has not kept up.
const RATE_KEPT: f64 = 0.99;
/// How late the sender may be in one of a thousand packets before the run says so, in ns: the time
/// that a burst of ten packets takes at 1x.
const LATENESS_NS: u64 = 50_000;
/// Beyond this the wall clock was set during the run, in ns.
const STEP_NS: u64 = 1_000_000;
/// The parts of a lane's series.
const PARTS: [&str; 2] = ["", ":lateness"];

/// Measures a replayed feed of two lines, from the kernel's timestamp to the handler.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// A capture of MoldUDP64 packets, of the format pcap; by default one is made up by the seed.
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,

    /// The addresses of lines A and B in the capture; by default the only two that there are.
    /// A capture of one line is sent on both.
    #[arg(long, value_delimiter = ',', value_name = "ADDRESS:PORT", requires = "capture")]
    lines: Vec<SocketAddr>,

    /// Times the speed of the capture; a list makes a case of each.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8", value_name = "NUMBER",
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    speed: Vec<u32>,

    /// Packets of a million that are not sent, as A or A,B; beside those that the capture lacks.
    #[arg(long, default_value = "0", value_name = "A,B", value_parser = parse_of_lines)]
    loss: [u32; LINES],

    /// Packets of a million that change places with the next of their line, as A or A,B.
    #[arg(long, default_value = "0", value_name = "A,B", value_parser = parse_of_lines)]
    reorder: [u32; LINES],

    /// The same seed makes the same capture, losses and changes of places.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    #[command(flatten)]
    route: Route,

    /// Series to run, separated by commas: floor, taut, taut-hot, taut-epoll, taut-park; by default
    /// all of them.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    series: Vec<String>,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// What one lane runs, and what became of it.
#[derive(Debug)]
struct Run {
    speed: u32,
    member: usize,
    slices: u64,
    account: Account,
}

/// The workload while it runs.
#[derive(Debug)]
pub(crate) struct MarketData {
    options: Options,
    core: usize,
    members: Members,
    lines: Lines,
    capture: CaptureLines,
    runs: Vec<Run>,
    /// Of `CLOCK_REALTIME` beyond the monotonic clock, when the run began.
    wall: WallClock,
}

/// The wall clock against the one that is never set.
#[derive(Debug)]
struct WallClock {
    at_ns: u64,
    instant: std::time::Instant,
}

impl WallClock {
    fn now() -> Self {
        Self { at_ns: realtime_ns(), instant: std::time::Instant::now() }
    }

    /// How far it was moved since then.
    fn moved_ns(&self) -> u64 {
        realtime_ns().abs_diff(self.at_ns + self.instant.elapsed().as_nanos() as u64)
    }
}

/// What reading the wall clock costs on this thread, in ns.
fn reading_ns() -> f64 {
    const READINGS: u32 = 10_000;
    let begun = std::time::Instant::now();
    for _ in 0..READINGS {
        std::hint::black_box(realtime_ns());
    }
    begun.elapsed().as_nanos() as f64 / f64::from(READINGS)
}

/// Reads packets of a million: one number for both lines, or one for each.
fn parse_of_lines(text: &str) -> Result<[u32; LINES], String> {
    let number = |word: &str| {
        let number = word.trim().parse().ok().filter(|number| *number <= 1_000_000);
        number.ok_or_else(|| format!("{word:?} is no number from 0 to 1000000"))
    };
    let numbers: Vec<u32> = text.split(',').map(number).collect::<Result<_, _>>()?;
    match *numbers.as_slice() {
        [both] => Ok([both; LINES]),
        [a, b] => Ok([a, b]),
        _ => Err(format!("there are {LINES} lines: write A or A,B")),
    }
}

impl MarketData {
    pub(crate) fn new(options: Options, setting: &Setting) -> Result<Self, String> {
        options.route.check()?;
        if options.lines.len() > LINES {
            return Err(format!("--lines names {}: there are {LINES}", options.lines.len()));
        }
        let members = Members::choose(&options.series)?;
        let capture = match &options.capture {
            Some(file) => CaptureLines::open(file, &options.lines)?,
            None => CaptureLines::made_up(options.seed)?,
        };
        let faults = Faults { seed: options.seed, loss: options.loss, reorder: options.reorder };
        let lines = Lines { route: options.route.clone(), faults };
        let of_speed = |&speed: &u32| {
            (0..members.list.len()).map(move |member| Run {
                speed,
                member,
                slices: 0,
                account: Account::default(),
            })
        };
        let runs = options.speed.iter().flat_map(of_speed).collect();
        let (core, wall) = (setting.cores.server, WallClock::now());
        Ok(Self { options, core, members, lines, capture, runs, wall })
    }
}

impl Workload for MarketData {
    fn name(&self) -> &'static str {
        "market-data"
    }

    fn measures(&self) -> String {
        format!(
            "from the kernel's receive timestamp to the handler of the arbitrated feed, {}",
            self.options.route.describe()
        )
    }

    fn settings(&self) -> Vec<(String, String)> {
        let Faults { seed, loss, reorder } = &self.lines.faults;
        let faults = format!("of a million, on A, B: lost {loss:?}, swapped {reorder:?}");
        let clock = format!("CLOCK_REALTIME at both ends, {:.0} ns a reading", reading_ns());
        let source = match &self.options.capture {
            Some(file) => file.display().to_string(),
            None => format!("made up by seed {seed}"),
        };
        vec![
            ("capture".to_owned(), format!("{source}: {}", self.capture.describe())),
            ("line faults".to_owned(), faults),
            ("timestamps".to_owned(), clock),
        ]
    }

    fn lanes(&self) -> Vec<Lane> {
        let lane = |run: &Run| {
            let member = &self.members.list[run.member];
            let series = |part: &&str| member.series(&format!(":{}x{part}", run.speed));
            Lane { series: PARTS.iter().map(series).collect() }
        };
        self.runs.iter().map(lane).collect()
    }

    fn slice(&mut self, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let run = &mut self.runs[turn.lane];
        let (kind, rehearsal) = (self.members.list[run.member].kind, turn.rehearsal);
        let part = (run.slices, run.speed);
        run.slices += 1;
        let (slice, account) =
            replay::slice(&self.lines, &self.capture, part, (kind, self.core), clock, turn)?;
        if !rehearsal {
            run.account.add(&account);
        }
        Ok(slice)
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let suffixes: Vec<String> =
            self.options.speed.iter().map(|speed| format!(":{speed}x")).collect();
        self.members.pairs(&suffixes)
    }

    fn figures(&self) -> Vec<Figure> {
        vec![P50, P99, CPU_PER_OP]
    }

    fn features(&self) -> Vec<FeatureRow> {
        self.members.features()
    }

    fn notes(&self) -> Vec<String> {
        let notes = [
            "a sample is one delivery of the arbitrated feed: from the kernel's software timestamp \
             (SO_TIMESTAMPING) of the packet that brought it first to the handler, by \
             CLOCK_REALTIME, one clock for all cores. The handler's reading of it is a part of \
             each sample, the same for all series.",
            "on loopback the kernel receives in the sender's system call: its timestamp is made on \
             the sender's core, before the receiver's is woken or finds the packet.",
            "NAME:lateness is how late the sender sent, by the schedule of the capture: a part of \
             no latency, but bursts that are sent late are other bursts. What is overdue is sent \
             by one sendmmsg.",
            "parts of the capture change from round to round, and are the same for all series of \
             a round and speed. Counts in the tables include warm-ups and the message that ends \
             each line.",
            "cpu ns/op is all of the receiver's time for each delivery, spinning included; \
             allocations are the whole process's.",
        ];
        notes.map(str::to_owned).into()
    }

    fn tables(&self, lanes: &[Lane]) -> Vec<Table> {
        let mut by_line = Table::new("what became of the packets, by line", &LINE_COLUMNS);
        let mut feeds = Table::new("what arbitration made of it", &FEED_COLUMNS);
        for (run, lane) in self.runs.iter().zip(lanes) {
            let account = &run.account;
            if account.lines[0].sent + account.lines[1].sent == 0 {
                continue;
            }
            let name = &lane.series[0].name;
            for (label, line) in ["A", "B"].iter().zip(&account.lines) {
                let told = &line.arbitrated;
                let counts = [
                    line.withheld,
                    line.swapped,
                    line.sent,
                    line.kernel_drops,
                    line.lost_elsewhere(),
                    told.won,
                    told.filled,
                    told.duplicates,
                    told.late,
                    told.missed,
                    told.reordered,
                    line.buffer_bytes >> 10,
                ];
                let names = [name.clone(), (*label).to_owned()];
                by_line.row(names.into_iter().chain(counts.map(|count| count.to_string())));
            }
            let feed = &account.feed;
            let counts = [feed.messages, feed.holes, feed.messages_lost, feed.restarts];
            let counts = counts.into_iter().chain([account.unstamped]);
            let rate = format!("{:.1}", rate(account) * 100.0);
            let cells = std::iter::once(name.clone()).chain(counts.map(|count| count.to_string()));
            feeds.row(cells.chain([rate]));
        }
        vec![by_line, feeds]
    }

    fn end(self, lanes: &[Lane], verdict: &mut Verdict) {
        for (run, lane) in self.runs.iter().zip(lanes).filter(|(run, _)| run.account.taken_ns > 0) {
            judge(run, lane, verdict);
        }
        let moved_ns = self.wall.moved_ns();
        if moved_ns > STEP_NS {
            verdict.fail(format!(
                "the wall clock was set by {moved_ns} ns during the run: what was stamped across \
                 that is wrong; stop whoever sets it (ntpd, chronyd) and run again"
            ));
        }
    }
}

const LINE_COLUMNS: [&str; 14] = [
    "series",
    "line",
    "withheld",
    "swapped",
    "sent",
    "dropped at socket",
    "lost elsewhere",
    "won",
    "filled",
    "duplicates",
    "late",
    "missed",
    "reordered",
    "buffer KiB",
];

const FEED_COLUMNS: [&str; 7] =
    ["series", "messages", "holes", "lost", "restarts", "unstamped", "rate kept %"];

/// The share of the schedule's rate that was sent.
fn rate(account: &Account) -> f64 {
    account.planned_ns as f64 / account.taken_ns.max(1) as f64
}

fn judge(run: &Run, lane: &Lane, verdict: &mut Verdict) {
    let (name, account) = (&lane.series[0].name, &run.account);
    if rate(account) < RATE_KEPT {
        verdict.fail(format!(
            "{name}: the replay went at {:.1} % of the rate that was asked for: its times are \
             those of another feed; ask for a lower --speed",
            rate(account) * 100.0
        ));
    }
    let late = &lane.series[1].histogram;
    let tail_ns = late.value_at_quantile(P99_9.quantile());
    if P99_9.is_supported_by(late.len()) && tail_ns > LATENESS_NS {
        verdict.warn(format!(
            "{name}: one of a thousand packets was sent more than {} us late: the bursts were not \
             those of the capture",
            tail_ns / 1_000
        ));
    }
    if account.unstamped > 0 {
        verdict.warn(format!(
            "{name}: {} deliveries had no timestamp of the kernel and are in no figure",
            account.unstamped
        ));
    }
    if account.backwards > 0 {
        verdict.warn(format!(
            "{name}: {} timestamps of the kernel lay in the handler's future: the wall clock was \
             moved",
            account.backwards
        ));
    }
    let of_lines =
        |count: fn(&replay::LineAccount) -> u64| account.lines.iter().map(count).sum::<u64>();
    let lost = of_lines(|line| line.kernel_drops) + of_lines(replay::LineAccount::lost_elsewhere);
    if lost > 0 {
        verdict.warn(format!(
            "{name}: {lost} of {} packets were lost beside those that were withheld; the table \
             says where",
            of_lines(|line| line.sent)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_is_for_both_lines_and_two_are_for_each() {
        assert_eq!(parse_of_lines("7"), Ok([7, 7]));
        assert_eq!(parse_of_lines("7,9"), Ok([7, 9]));
        for wrong in ["", "7,", "1,2,3", "-1", "1000001"] {
            assert!(parse_of_lines(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_clock_that_runs_is_not_taken_for_one_that_was_set() {
        let mut wall = WallClock::now();
        assert!(wall.moved_ns() < 10 * STEP_NS);
        wall.at_ns -= 3_600_000_000_000;
        assert!(wall.moved_ns() > 100 * STEP_NS);
        assert!(reading_ns() > 0.0);
    }
}
