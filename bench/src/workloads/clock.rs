//! What reading a clock costs, how finely it steps, and whether it runs backwards between cores.
//!
//! The cost is timed in batches; the step is the smallest difference of two readings that differ.
//! For the order, two threads on two cores hand a reading to and fro and look whether the other
//! core's came later than their own.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::batches::time_batches;
use crate::harness::clock::Clock;
use crate::harness::cores::{self, Cores};
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::{Series, Slice};
use crate::harness::session::{Setting, Workload};
use crate::harness::verdict::Verdict;
use crate::report::Unit;
use crate::report::ratios::{Figure, P50};
use crate::report::table::Table;
use crate::sys;

/// Readings of one batch.
const BATCH: u64 = 1_000;
/// Readings that the step is taken from.
const STEP_READINGS: usize = 100_000;
/// How often the cores hand a reading to each other.
const HANDOVERS: u64 = 100_000;
/// How long they may take for it: on one core alone every handover is a switch of threads.
const HANDOVER_TIMEOUT: Duration = Duration::from_secs(3);

/// A clock's name and one reading of it.
type Source = (&'static str, fn() -> u64);

const SOURCES: [Source; 8] = [
    ("floor", || 0),
    ("time-stamp counter", sys::time_stamp),
    ("taut::time::Instant", || {
        black_box(taut::time::Instant::now());
        0
    }),
    ("std::time::Instant", || {
        black_box(Instant::now());
        0
    }),
    ("CLOCK_MONOTONIC", || gettime(ClockId::Monotonic)),
    ("CLOCK_MONOTONIC_RAW", || gettime(ClockId::MonotonicRaw)),
    ("CLOCK_MONOTONIC_COARSE", || gettime(ClockId::MonotonicCoarse)),
    ("CLOCK_REALTIME", || gettime(ClockId::Realtime)),
];

fn gettime(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// Whether a reading is a number that can be compared; the two types above hide theirs, which are
/// those of the counter and of CLOCK_MONOTONIC.
fn is_number(name: &str) -> bool {
    name != SOURCES[0].0 && !name.ends_with("Instant")
}

/// The workload while it runs.
#[derive(Debug)]
pub(crate) struct Clocks {
    steps: Table,
    order: Table,
    backwards: Vec<&'static str>,
}

impl Clocks {
    pub(crate) fn new(setting: &Setting) -> Result<Self, String> {
        let mut steps = Table::new(
            "steps: the difference of two readings that follow each other",
            &["clock", "unit", "smallest step", "equal readings %"],
        );
        let mut order = Table::new(
            "order between two cores: a reading handed to the other core and compared there",
            &["clock", "unit", "handed over", "ran backwards", "smallest difference", "median"],
        );
        let mut backwards = Vec::new();
        for source in SOURCES.iter().filter(|(name, _)| is_number(name)) {
            let unit = if source.0 == "time-stamp counter" { "ticks" } else { "ns" };
            let (smallest, equal) = step(source.1);
            steps.row([
                source.0.to_owned(),
                unit.to_owned(),
                smallest.map_or_else(|| "-".to_owned(), |step| step.to_string()),
                format!("{equal:.1}"),
            ]);
            let row = match hand_over(source.1, &setting.cores)? {
                Some(seen) => {
                    if seen.backwards > 0 {
                        backwards.push(source.0);
                    }
                    let cells = [
                        seen.count.to_string(),
                        seen.backwards.to_string(),
                        seen.smallest.to_string(),
                    ];
                    [&cells[..], &[seen.median.to_string()]].concat()
                }
                None => vec!["-".to_owned(); 4],
            };
            order.row([source.0.to_owned(), unit.to_owned()].into_iter().chain(row));
        }
        Ok(Self { steps, order, backwards })
    }
}

impl Workload for Clocks {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn measures(&self) -> String {
        format!("ns per reading, one thread, batches of {BATCH}")
    }

    fn unit(&self) -> Unit {
        Unit::Picoseconds
    }

    fn lanes(&self) -> Vec<Lane> {
        SOURCES.iter().map(|(name, _)| Lane::of(Series::new(*name))).collect()
    }

    fn slice(&mut self, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let (name, read) = SOURCES[turn.lane];
        if !name.starts_with("taut") {
            return time_readings(read, clock, turn);
        }
        // Its clock is the runtime's, on the runtime's thread only.
        let runtime = taut::Runtime::builder().wait(taut::WaitStrategy::Park).build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        runtime.block_on(async { time_readings(read, clock, turn) })
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let others = SOURCES.iter().skip(1);
        others.map(|(name, _)| ((*name).to_owned(), SOURCES[0].0.to_owned())).collect()
    }

    fn figures(&self) -> Vec<Figure> {
        vec![P50]
    }

    fn notes(&self) -> Vec<String> {
        vec!["the floor is the same loop around a function that reads nothing.".to_owned()]
    }

    fn tables(&self, _: &[Lane]) -> Vec<Table> {
        vec![self.steps.clone(), self.order.clone()]
    }

    fn end(self, _: &[Lane], verdict: &mut Verdict) {
        for name in self.backwards {
            verdict.warn(format!(
                "{name} ran backwards between the two cores: times that begin on one and end on \
                 the other can't be trusted"
            ));
        }
    }
}

/// One slice of batches.
fn time_readings(read: fn() -> u64, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
    time_batches(clock, turn, BATCH, || {
        black_box(read());
        Ok(())
    })
}

/// The smallest difference that is not zero, and the percentage of those that are.
fn step(read: fn() -> u64) -> (Option<u64>, f64) {
    let readings: Vec<u64> = (0..STEP_READINGS).map(|_| read()).collect();
    let differences = readings.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    let equal = differences.clone().filter(|&difference| difference == 0).count();
    let smallest = differences.filter(|&difference| difference > 0).min();
    (smallest, 100.0 * equal as f64 / (STEP_READINGS - 1) as f64)
}

/// What was seen of a clock on two cores.
#[derive(Debug)]
struct Order {
    count: u64,
    backwards: u64,
    smallest: i64,
    median: i64,
}

/// Hands readings between the two cores; `None` where there is only one, or no time for it.
fn hand_over(read: fn() -> u64, cores: &Cores) -> Result<Option<Order>, String> {
    if cores.server == cores.client {
        return Ok(None);
    }
    // Zero is an empty place, so readings travel one greater than they are.
    let (there, back) = (AtomicU64::new(0), AtomicU64::new(0));
    let deadline = Instant::now() + HANDOVER_TIMEOUT;
    let receive = |place: &AtomicU64| -> Option<u64> {
        for turn in 0_u64.. {
            let value = place.load(Ordering::Acquire);
            if value != 0 {
                place.store(0, Ordering::Relaxed);
                return Some(value - 1);
            }
            if turn & 0xffff == 0xffff && Instant::now() > deadline {
                break;
            }
            spin_loop();
        }
        None
    };
    let side = |core: usize, first: bool, mine: &AtomicU64, theirs: &AtomicU64| {
        cores::pin(core)?;
        let mut differences: Vec<i64> = Vec::with_capacity(HANDOVERS as usize);
        for _ in 0..HANDOVERS {
            if first {
                theirs.store(read() + 1, Ordering::Release);
            }
            let Some(sent) = receive(mine) else { break };
            differences.push(read().wrapping_sub(sent).cast_signed());
            if !first {
                theirs.store(read() + 1, Ordering::Release);
            }
        }
        Ok::<_, String>(differences)
    };
    let (ours, others) = thread::scope(|scope| {
        let other = scope.spawn(|| side(cores.server, false, &there, &back));
        let ours = scope.spawn(|| side(cores.client, true, &back, &there));
        (ours.join(), other.join())
    });
    let panicked = |_| "a thread that reads clocks panicked".to_owned();
    let mut differences = ours.map_err(panicked)??;
    differences.extend(others.map_err(panicked)??);
    differences.sort_unstable();
    let Some((&smallest, &median)) =
        differences.first().zip(differences.get(differences.len() / 2))
    else {
        return Ok(None);
    };
    let backwards = differences.iter().filter(|&&difference| difference < 0).count() as u64;
    Ok(Some(Order { count: differences.len() as u64, backwards, smallest, median }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_steps_by_seven_is_seen_to() {
        static TIME: AtomicU64 = AtomicU64::new(0);
        // Every second reading moves it on.
        let (smallest, equal) = step(|| TIME.fetch_add(1, Ordering::Relaxed) / 2 * 7);
        assert_eq!(smallest, Some(7));
        assert!((49.0..51.0).contains(&equal), "{equal}");
        assert_eq!(step(|| 5), (None, 100.0));
    }

    #[test]
    fn a_clock_that_runs_backwards_is_seen_to() {
        static TIME: AtomicU64 = AtomicU64::new(1 << 40);
        let cores = Cores { server: 0, client: 1, allowed: vec![0, 1] };
        if thread::available_parallelism().is_ok_and(|count| count.get() < 2) {
            println!("skipped: one core has no other to hand to");
            return;
        }
        let order = hand_over(|| TIME.fetch_sub(1, Ordering::Relaxed), &cores).unwrap().unwrap();
        assert_eq!(order.backwards, order.count);
        let forwards = hand_over(sys::time_stamp, &cores).unwrap().unwrap();
        assert!(forwards.count > 0);
        let alone = Cores { server: 0, client: 0, allowed: vec![0] };
        assert!(hand_over(sys::time_stamp, &alone).unwrap().is_none());
    }
}
