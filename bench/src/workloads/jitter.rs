//! How long each core is taken away from whoever runs on it.
//!
//! A thread on every core reads the clock in a loop and keeps each gap that is longer than a
//! threshold: interrupts, other threads, the hypervisor. The rows are those of sysjitter. A core
//! that shows gaps here shows them in every other workload too.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use clap::Args;

use crate::harness::clock::Clock;
use crate::harness::cores;
use crate::harness::counters::Counters;
use crate::harness::duration::parse_duration;
use crate::harness::host::parse_whole_list;
use crate::harness::options::Common;
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::{Series, Slice};
use crate::harness::session::{Setting, Workload};
use crate::harness::statistics::{P50, P90, P99, P99_9, P99_99, P99_999};
use crate::harness::verdict::Verdict;
use crate::report::ratios::Figure;
use crate::report::table::Table;

/// A gap counts from this many times the smallest one on.
const THRESHOLD_FACTOR: u64 = 8;
/// Gaps from which the smallest one is taken.
const CALIBRATION_READINGS: usize = 10_000;

/// Measures how long each core is taken away from whoever runs on it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// The cores to watch, as 2,3 or 2-5; by default the two of the run.
    #[arg(long, value_name = "LIST")]
    cores: Option<String>,

    /// Shortest gap that counts; by default eight times the smallest one of each core.
    #[arg(long, value_parser = parse_duration)]
    threshold: Option<Duration>,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// One watched core.
#[derive(Clone, Copy, Debug)]
struct Watched {
    core: usize,
    smallest_ns: u64,
    threshold_ns: u64,
    watched_ns: u64,
    taken_ns: u64,
}

/// The workload while it runs.
#[derive(Debug)]
pub(crate) struct Jitter {
    watched: Vec<Watched>,
}

impl Jitter {
    pub(crate) fn new(options: &Options, setting: &Setting) -> Result<Self, String> {
        let allowed = &setting.cores.allowed;
        let mut list = match &options.cores {
            Some(text) => parse_whole_list(text)?,
            None => vec![setting.cores.server, setting.cores.client],
        };
        list.sort_unstable();
        list.dedup();
        if list.is_empty() {
            return Err("--cores names no core: write 2,3 or 2-5".to_owned());
        }
        if let Some(core) = list.iter().find(|core| !allowed.contains(core)) {
            return Err(format!("--cores: core {core} is not among those of this process"));
        }
        let calibrate = |core: usize| -> Result<Watched, String> {
            let smallest_ns =
                thread::scope(|scope| scope.spawn(|| smallest_gap(core, &setting.clock)).join())
                    .map_err(|_| "a watching thread panicked".to_owned())??;
            let asked = options.threshold.map(|threshold| threshold.as_nanos() as u64);
            let threshold_ns = asked.unwrap_or(smallest_ns * THRESHOLD_FACTOR).max(1);
            Ok(Watched { core, smallest_ns, threshold_ns, watched_ns: 0, taken_ns: 0 })
        };
        Ok(Self { watched: list.into_iter().map(calibrate).collect::<Result<_, _>>()? })
    }
}

impl Workload for Jitter {
    fn name(&self) -> &'static str {
        "jitter"
    }

    fn measures(&self) -> String {
        "gaps between two clock readings of a thread that does nothing else, beyond a threshold"
            .to_owned()
    }

    fn lanes(&self) -> Vec<Lane> {
        let series = |one: &Watched| Series::new(format!("core{}", one.core));
        vec![Lane { series: self.watched.iter().map(series).collect() }]
    }

    fn slice(&mut self, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let length = clock.ticks(turn.budget.warm_up + turn.budget.record);
        let capacity = turn.budget.record_capacity;
        let together = Barrier::new(self.watched.len());
        let mut elapsed_ns = 0;
        let mut switches = Counters::default();
        let outcome: Result<(), String> = thread::scope(|scope| {
            let threads: Vec<_> = self
                .watched
                .iter()
                .zip(turn.samples.iter_mut())
                .map(|(one, gaps)| {
                    let (together, one) = (&together, *one);
                    scope.spawn(move || {
                        let pinned = cores::pin(one.core);
                        together.wait();
                        pinned?;
                        let before = Counters::of_this_thread();
                        let watched = watch(clock, length, one.threshold_ns, capacity, gaps);
                        Ok::<_, String>((watched, Counters::of_this_thread().since(&before)))
                    })
                })
                .collect();
            for (thread, one) in threads.into_iter().zip(&mut self.watched) {
                let (watched, usage): (u64, Counters) =
                    thread.join().map_err(|_| "a watching thread panicked".to_owned())??;
                elapsed_ns = watched.max(elapsed_ns);
                switches = switches.plus(&usage);
                if !turn.rehearsal {
                    one.watched_ns += watched;
                }
            }
            Ok(())
        });
        outcome?;
        for (one, gaps) in self.watched.iter_mut().zip(turn.samples.iter()) {
            if !turn.rehearsal {
                one.taken_ns += gaps.iter().sum::<u64>();
            }
        }
        Ok(Slice { elapsed_ns, server: switches, ..Slice::default() })
    }

    fn pairs(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }

    fn notes(&self) -> Vec<String> {
        vec![
            "a core's floor is its smallest gap: two readings of the clock with nothing between \
             them."
                .to_owned(),
        ]
    }

    fn tables(&self, lanes: &[Lane]) -> Vec<Table> {
        let names: Vec<String> =
            self.watched.iter().map(|one| format!("core {}", one.core)).collect();
        let mut columns = vec!["times in ns"];
        columns.extend(names.iter().map(String::as_str));
        let mut table = Table::new("how long each core was taken away", &columns);
        let series: Vec<&Series> = lanes.iter().flat_map(|lane| &lane.series).collect();
        let mut row = |name: &str, cell: &dyn Fn(&Watched, &Series) -> String| {
            let cells = self.watched.iter().zip(&series).map(|(one, series)| cell(one, series));
            table.row(std::iter::once(name.to_owned()).chain(cells));
        };
        let per_second = |count: u64, ns: u64| count as f64 * 1e9 / ns.max(1) as f64;
        row("smallest gap", &|one, _| one.smallest_ns.to_string());
        row("threshold", &|one, _| one.threshold_ns.to_string());
        row("int_n", &|_, series| series.histogram.len().to_string());
        row("int_n_per_sec", &|one, series| {
            format!("{:.1}", per_second(series.histogram.len(), one.watched_ns))
        });
        row("int_min", &|_, series| some(series, series.histogram.min()));
        row("int_median", &|_, series| at(series, P50));
        row("int_mean", &|_, series| some(series, series.histogram.mean().round() as u64));
        row("int_90", &|_, series| at(series, P90));
        row("int_99", &|_, series| at(series, P99));
        row("int_99.9", &|_, series| at(series, P99_9));
        row("int_99.99", &|_, series| at(series, P99_99));
        row("int_99.999", &|_, series| at(series, P99_999));
        row("int_max", &|_, series| some(series, series.histogram.max()));
        row("int_total", &|one, _| one.taken_ns.to_string());
        row("int_total(%)", &|one, _| {
            format!("{:.4}", 100.0 * one.taken_ns as f64 / one.watched_ns.max(1) as f64)
        });
        vec![table]
    }

    fn end(self, _: &[Lane], _: &mut Verdict) {}
}

fn some(series: &Series, value: u64) -> String {
    if series.histogram.is_empty() { "-".to_owned() } else { value.to_string() }
}

fn at(series: &Series, percentile: crate::harness::statistics::Percentile) -> String {
    match percentile.is_supported_by(series.histogram.len()) {
        true => series.histogram.value_at_quantile(percentile.quantile()).to_string(),
        false => "-".to_owned(),
    }
}

/// The smallest of many gaps on that core: what a turn of the watching loop takes.
fn smallest_gap(core: usize, clock: &Clock) -> Result<u64, String> {
    cores::pin(core)?;
    let mut gaps = Vec::with_capacity(CALIBRATION_READINGS);
    watch(clock, u64::MAX, 0, CALIBRATION_READINGS, &mut gaps);
    Ok(gaps.into_iter().min().unwrap_or(1).max(1))
}

/// Keeps the gaps of at least the threshold in ns; returns how long it watched.
fn watch(
    clock: &Clock,
    length: u64,
    threshold_ns: u64,
    capacity: usize,
    gaps: &mut Vec<u64>,
) -> u64 {
    let threshold = clock.ticks(Duration::from_nanos(threshold_ns));
    let begun = clock.now();
    let mut last = begun;
    while last.saturating_sub(begun) < length && gaps.len() < capacity {
        let now = clock.now();
        let gap = now.saturating_sub(last);
        if gap >= threshold {
            gaps.push(clock.nanoseconds(gap));
        }
        last = now;
    }
    clock.nanoseconds(last.saturating_sub(begun))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_put_to_sleep_shows_a_gap_of_that_length() {
        let clock = Clock::calibrate(true);
        let length = clock.ticks(Duration::from_millis(20));
        let mut gaps = Vec::with_capacity(100_000);
        // Every gap counts: the sum of them is the time that was watched.
        let watched = watch(&clock, length, 0, 100_000, &mut gaps);
        let sum: u64 = gaps.iter().sum();
        assert!(gaps.len() == 100_000 || watched.abs_diff(sum) <= gaps.len() as u64);
    }

    #[test]
    fn no_gap_reaches_a_threshold_beyond_the_time_watched() {
        let clock = Clock::calibrate(true);
        let mut gaps = Vec::new();
        let length = clock.ticks(Duration::from_millis(5));
        assert!(watch(&clock, length, u64::MAX >> 20, 10, &mut gaps) >= 4_999_000);
        assert!(gaps.is_empty());
    }
}
