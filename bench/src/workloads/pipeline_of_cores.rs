//! An open loop through an engine of three stages: feed, strategy, gateway, on two cores or three.
//!
//! Latencies are recorded by `taut::latency` on the core where each stage ends, from the moment for
//! which the message was scheduled (or, for the second stage, from when it left the first), and
//! given to the report at the recorder's precision of three digits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use taut::Driver;

use super::core_list::CoreList;
use crate::harness::clock::Clock;
use crate::harness::cores;
use crate::harness::host::format_list;
use crate::harness::options::Common;
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::{Series, Slice};
use crate::harness::session::{Setting, Workload};
use crate::harness::verdict::Verdict;
use crate::report::ratios::{CPU_PER_OP, Figure, P50, P99};
use crate::stages::{Carrier, Places, RECORDED, RawAtomics, Rings, Schedule, Stages};
use crate::subject::check_names;

/// Share of the asked rate below which the stages have not kept up.
const RATE_KEPT: f64 = 0.99;

/// Measures an engine of three stages at a fixed rate, without coordinated omission.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Messages a second.
    #[arg(long, default_value_t = 100_000,
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    rate: u64,

    /// Series to run, separated by commas: floor, taut, taut-epoll; by default all of them.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    series: Vec<String>,

    /// On two cores feed and gateway share the first one; on three each stage has its own.
    #[command(flatten)]
    cores: CoreList,

    #[command(flatten)]
    common: Common,
}

impl Options {
    /// Where the stages run, and the common options with those cores.
    pub(crate) fn places(&self) -> Result<(Places, Common), String> {
        let (cores, common) = self.cores.chosen(2, 3, &self.common)?;
        Ok((Places::on(&cores), common))
    }
}

/// The workload while it runs.
pub(crate) struct PipelineOfCores {
    options: Options,
    places: Places,
    allowed: Vec<usize>,
    /// One for each lane.
    carriers: Vec<Carried>,
}

struct Carried {
    name: &'static str,
    carrier: Box<dyn Carrier + Send>,
    unavailable: Option<String>,
    messages: u64,
    elapsed_ns: u64,
}

impl PipelineOfCores {
    pub(crate) fn new(options: Options, places: Places, setting: &Setting) -> Result<Self, String> {
        let all: [(&'static str, Box<dyn Carrier + Send>, Option<Driver>); 3] = [
            ("floor", Box::new(RawAtomics), None),
            ("taut", Box::new(Rings(Driver::Uring)), Some(Driver::Uring)),
            ("taut-epoll", Box::new(Rings(Driver::Epoll)), Some(Driver::Epoll)),
        ];
        check_names(&options.series, &["floor", "taut", "taut-epoll"])?;
        let asked =
            |name: &str| options.series.is_empty() || options.series.iter().any(|one| one == name);
        let carried = |(name, carrier, driver): (_, _, Option<Driver>)| {
            let unavailable = driver.and_then(|driver| {
                taut::Runtime::builder().driver(driver).build().err().map(|error| error.to_string())
            });
            Carried { name, carrier, unavailable, messages: 0, elapsed_ns: 0 }
        };
        let carriers = all.into_iter().filter(|(name, ..)| asked(name)).map(carried).collect();
        Ok(Self { options, places, allowed: setting.cores.allowed.clone(), carriers })
    }

    fn schedule(&self, clock: &Clock, turn: &Turn<'_>) -> Schedule {
        let of = |time: Duration| (time.as_secs_f64() * self.options.rate as f64) as u64;
        let budget = turn.budget;
        Schedule {
            clock: Arc::new(clock.clone()),
            interval: (clock.ticks(Duration::from_secs(1)) / self.options.rate).max(1),
            warm_up: of(budget.warm_up).max(budget.warm_up_count),
            recorded: of(budget.record)
                .max(budget.record_count as u64)
                .min(budget.record_capacity as u64),
        }
    }
}

impl Workload for PipelineOfCores {
    fn name(&self) -> &'static str {
        "pipeline-of-cores"
    }

    fn measures(&self) -> String {
        format!(
            "from the scheduled update to the order at the gateway, 64 B, open loop, {} messages/s",
            self.options.rate
        )
    }

    fn settings(&self) -> Vec<(String, String)> {
        let Places { feed, strategy, gateway } = self.places;
        let places = match self.places.shares_a_core() {
            true => format!("feed and gateway on core {feed}, strategy on core {strategy}"),
            false => {
                format!("feed, strategy, gateway: {}", format_list(&[feed, strategy, gateway]))
            }
        };
        vec![("stages".to_owned(), places)]
    }

    fn lanes(&self) -> Vec<Lane> {
        let lane = |carried: &Carried| {
            let series = |part: &&str| {
                let mut series = Series::new(format!("{}{part}", carried.name));
                series.unavailable.clone_from(&carried.unavailable);
                series
            };
            Lane { series: RECORDED.iter().map(series).collect() }
        };
        self.carriers.iter().map(lane).collect()
    }

    fn slice(&mut self, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        // Whoever starts cores gives them what it has itself.
        cores::unpin(&self.allowed)?;
        let schedule = self.schedule(clock, &turn);
        let (stages, recorded) = Stages::new(&schedule);
        let carried = &mut self.carriers[turn.lane];
        let server = carried.carrier.run(self.places, stages)?;
        for (samples, mut snapshots) in turn.samples.iter_mut().zip(recorded.latencies) {
            for value in snapshots.snapshot().iter_recorded() {
                let count = value.count_at_value() as usize;
                samples.extend(std::iter::repeat_n(value.value_iterated_to(), count));
            }
        }
        let elapsed_ns = clock.nanoseconds(recorded.sending.load(Ordering::Acquire));
        let operations = schedule.recorded;
        if !turn.rehearsal {
            carried.messages += operations;
            carried.elapsed_ns += elapsed_ns;
        }
        Ok(Slice { elapsed_ns, operations, bytes: operations * 64, server, ..Slice::default() })
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let ours = ["taut", "taut-epoll"];
        let pair = |name: &str, part: &str| (format!("{name}{part}"), format!("floor{part}"));
        ours.iter().flat_map(|name| RECORDED.map(|part| pair(name, part))).collect()
    }

    fn figures(&self) -> Vec<Figure> {
        vec![P50, P99, CPU_PER_OP]
    }

    fn notes(&self) -> Vec<String> {
        let notes = [
            "NAME counts from the moment for which the update was scheduled to the order at the \
             gateway; NAME:feed-strategy from that moment to the strategy; NAME:strategy-gateway \
             from there on; NAME:lateness is the feed's own delay, a part of the first two.",
            "stages on different cores stamp with the same clock, which their cores have in common \
             only as far as the kernel has tested it (clocksource tsc): what lies between two cores \
             may be off by some nanoseconds, the same for all series. Where feed and gateway share \
             a core, NAME is by one core's clock alone.",
            "cpu ns/op, syscalls/op and allocs/op are the strategy's core and the whole process.",
        ];
        notes.map(str::to_owned).into()
    }

    fn end(self, _: &[Lane], verdict: &mut Verdict) {
        for one in self.carriers.iter().filter(|one| one.messages > 0) {
            let rate = one.messages as f64 * 1e9 / one.elapsed_ns.max(1) as f64;
            if rate < self.options.rate as f64 * RATE_KEPT {
                verdict.fail(format!(
                    "{}: {rate:.0} messages/s went through, {} were asked for: its times are those \
                     of an overloaded engine; ask for a lower --rate",
                    one.name, self.options.rate
                ));
            }
        }
    }
}
