//! How late a sleep of 50 us ends: on a spinning core, on one that parks, and by the raw call.
//!
//! Each round runs every series once, close together in time; the first round is thrown away. The
//! raw sleeps have a timer slack of 1 ns, as the runtime gives itself. What counts is the paired
//! ratio of a parked runtime to the raw sleep, since how fast a host wakes a thread is its own.
//!
//! `cargo bench -p taut-bench --bench sleep_lateness -- --rounds 41`

#![allow(dead_code, unused_imports, reason = "this uses a part of the harness, and not its tests")]

#[path = "../src/harness/mod.rs"]
mod harness;
#[path = "../src/sys.rs"]
mod sys;

use std::num::NonZero;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use rustix::thread::{
    ClockId, NanosleepRelativeResult, clock_nanosleep_absolute, clock_nanosleep_relative,
    set_current_timer_slack,
};
use rustix::time::{Timespec, clock_gettime};
use taut::{Driver, Runtime, WaitStrategy};

use harness::clock::Clock;
use harness::cores::{self, Cores};
use harness::environment::Environment;
use harness::plan::{Plan, SliceBudget};
use harness::series::{Series, Slice};
use harness::{host, ratios, rounds, table};

/// How long every sleep is to last.
const SLEEP: Duration = Duration::from_micros(50);
/// Sleeps before the first one that is recorded.
const WARM_UP: usize = 20;
/// The spinning core's goal, at p50.
const SPIN_LATE_MAX_NS: u64 = 300;

/// How late a sleep of 50 us ends.
#[derive(Parser, Debug)]
struct Options {
    /// The core that everything runs on.
    #[arg(long, default_value_t = 0)]
    core: usize,

    /// Rounds; an unrecorded one comes first.
    #[arg(long, default_value_t = 41)]
    rounds: usize,

    /// Sleeps of each series in a round.
    #[arg(long, default_value_t = 200)]
    samples: usize,

    /// What `cargo bench` says; it changes nothing.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Who sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sleeper {
    /// `clock_nanosleep` for a time.
    Raw,
    /// `clock_nanosleep` until a point in time.
    RawUntil,
    Taut {
        driver: Driver,
        wait: WaitStrategy,
    },
}

/// The series, and what they are called.
const SLEEPERS: [(&str, Sleeper); 6] = [
    ("nanosleep", Sleeper::Raw),
    ("nanosleep-until", Sleeper::RawUntil),
    ("spin-uring", Sleeper::Taut { driver: Driver::Uring, wait: WaitStrategy::Spin }),
    ("spin-epoll", Sleeper::Taut { driver: Driver::Epoll, wait: WaitStrategy::Spin }),
    ("park-uring", Sleeper::Taut { driver: Driver::Uring, wait: WaitStrategy::Park }),
    ("park-epoll", Sleeper::Taut { driver: Driver::Epoll, wait: WaitStrategy::Park }),
];

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("sleep_lateness: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let cpuinfo = host::read("/proc/cpuinfo").unwrap_or_default();
    let clock = Clock::calibrate(host::cpu_has(&cpuinfo, &["constant_tsc", "nonstop_tsc"]));
    let cores = Cores::choose(Some(options.core), Some(options.core))?;
    cores::pin(options.core)?;
    let mut series = SLEEPERS.map(|(name, sleeper)| {
        let mut series = Series::new(name.to_owned());
        series.unavailable = sleeper.unavailable();
        series
    });
    let outcome = rounds::run(
        &plan(options),
        &clock,
        &mut series,
        |_, _| {},
        |index, budget, late_ticks| {
            SLEEPERS[index].1.slice(&clock, options.core, budget.record_count, late_ticks)
        },
    );
    if let Some(failure) = outcome.failure {
        return Err(failure);
    }
    report(options, &Environment::read(&cores, &clock), &series);
    Ok(())
}

fn plan(options: &Options) -> Plan {
    Plan {
        rounds: options.rounds,
        // Slices end by their count alone.
        slice: SliceBudget {
            warm_up: Duration::ZERO,
            warm_up_count: WARM_UP as u64,
            warm_up_longest: Duration::MAX,
            record: Duration::ZERO,
            record_count: options.samples,
            record_longest: Duration::MAX,
            record_capacity: options.samples,
        },
        give_up_after: Duration::MAX,
    }
}

impl Sleeper {
    /// Why it can't run here.
    fn unavailable(self) -> Option<String> {
        match self {
            Self::Raw | Self::RawUntil => None,
            Self::Taut { driver, .. } => {
                Runtime::builder().driver(driver).build().err().map(|error| error.to_string())
            }
        }
    }

    /// Sleeps so often, and leaves behind how late each sleep ended, in ticks.
    fn slice(
        self,
        clock: &Clock,
        core: usize,
        count: usize,
        late_ticks: &mut Vec<u64>,
    ) -> Result<Slice, String> {
        let asked = clock.ticks(SLEEP);
        let mut note = |index: usize, ticks: u64| {
            if index >= WARM_UP {
                late_ticks.push(ticks.saturating_sub(asked));
            }
        };
        match self {
            Self::Raw | Self::RawUntil => {
                let _slack = LeastSlack::set()?;
                for index in 0..WARM_UP + count {
                    let started = clock.now();
                    match self {
                        Self::Raw => sleep_raw(),
                        _ => sleep_raw_until(),
                    }
                    note(index, clock.now() - started);
                }
            }
            Self::Taut { driver, wait } => {
                let builder = Runtime::builder().driver(driver).wait(wait).core(core);
                let runtime = builder.build().map_err(|error| error.to_string())?;
                runtime.block_on(async {
                    for index in 0..WARM_UP + count {
                        let started = clock.now();
                        let slept = taut::time::sleep(SLEEP).await;
                        note(index, clock.now() - started);
                        slept.map_err(|error| error.to_string())?;
                    }
                    Ok::<(), String>(())
                })?;
            }
        }
        Ok(Slice { warm: true, ..Slice::default() })
    }
}

fn sleep_raw() {
    let mut left = timespec(SLEEP.as_nanos() as u64);
    // A signal ends the call early.
    while let NanosleepRelativeResult::Interrupted(rest) =
        clock_nanosleep_relative(ClockId::Monotonic, &left)
    {
        left = rest;
    }
}

fn sleep_raw_until() {
    let now = clock_gettime(ClockId::Monotonic);
    let now_ns = now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64;
    let until = timespec(now_ns + SLEEP.as_nanos() as u64);
    while clock_nanosleep_absolute(ClockId::Monotonic, &until).is_err() {}
}

fn timespec(nanoseconds: u64) -> Timespec {
    Timespec {
        tv_sec: (nanoseconds / 1_000_000_000) as i64,
        tv_nsec: (nanoseconds % 1_000_000_000) as _,
    }
}

/// The least slack for the calling thread, until it is dropped.
struct LeastSlack;

impl LeastSlack {
    fn set() -> Result<Self, String> {
        let set = set_current_timer_slack(Some(NonZero::<u64>::MIN));
        set.map(|()| Self).map_err(|error| format!("the timer slack could not be set: {error}"))
    }
}

impl Drop for LeastSlack {
    fn drop(&mut self) {
        // What the thread began with: nobody else in this program changes it for good.
        let _ = set_current_timer_slack(None);
    }
}

fn report(options: &Options, environment: &Environment, series: &[Series]) {
    println!("how late a sleep of {SLEEP:?} ends, in ns; {} rounds\n", options.rounds);
    let summaries: Vec<_> = series.iter().map(Series::summary).collect();
    print!("{}", table::series(&summaries));
    println!("\npaired ratios: median over the rounds; low and high are quartiles\n");
    let pair = |name: &str, to: &str| (name.to_owned(), to.to_owned());
    let pairs = [
        pair("park-uring", "nanosleep"),
        pair("park-epoll", "nanosleep"),
        pair("park-uring", "nanosleep-until"),
        pair("park-epoll", "nanosleep-until"),
    ];
    let ratios = ratios::paired(series, &pairs);
    print!("{}", table::ratios(&ratios));
    println!();
    for one in &summaries {
        let goal = match (one.name.starts_with("spin"), one.name.starts_with("park")) {
            (true, _) => one.p50.map(|p50| p50 <= SPIN_LATE_MAX_NS),
            (_, true) => ratios
                .iter()
                .find(|ratio| ratio.series == one.name && ratio.percentile == "p50")
                .and_then(|ratio| ratio.median.map(|median| median <= 1.0)),
            _ => continue,
        };
        let verdict = match goal {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not measured",
        };
        println!("goal {verdict}: {}", one.name);
    }
    println!("\nenvironment");
    let shown = ["taut", "compiler", "kernel", "CPU", "virtualised", "isolation", "clock"];
    let rows: Vec<_> =
        environment.rows().into_iter().filter(|(name, _)| shown.contains(&&**name)).collect();
    print!("{}", table::pairs(&rows));
    for one in series {
        if let Some(reason) = &one.unavailable {
            print!("{}", table::sentence("note  ", &format!("{}: {reason}", one.name)));
        }
    }
}
