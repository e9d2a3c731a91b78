//! The run of `echo` from command line to report.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use super::describe::describe;
use super::options::Options;
use super::server::ServerKind;
use super::slots::{Slot, end_servers, raise_descriptor_limit, start_servers};
use crate::harness::clock::Clock;
use crate::harness::cores::{self, Cores};
use crate::harness::environment::Environment;
use crate::harness::host::{self, CoreTime};
use crate::harness::plan::Plan;
use crate::harness::progress::Progress;
use crate::harness::report::Report;
use crate::harness::rounds::{self, Outcome};
use crate::harness::series::{Series, decimals};
use crate::harness::verdict::{Evidence, Status, Verdict};
use crate::harness::{output, ratios};

/// One series: a server and a pause.
struct Lane {
    slot: usize,
    think: Duration,
}

/// Runs the workload; the error is one of the command line or of the output folder.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    let cores = Cores::choose(options.server_core, options.client_core)?;
    output::prepare(&options.out, options.json.as_deref())?;
    raise_descriptor_limit();
    let cpuinfo = host::read("/proc/cpuinfo").unwrap_or_default();
    let clock = Clock::calibrate(host::cpu_has(&cpuinfo, &["constant_tsc", "nonstop_tsc"]));
    let mut environment = Environment::read(&cores, &clock);
    let mut verdict = Verdict::default();
    for warning in cores.warnings() {
        verdict.warn(warning);
    }
    let mut slots = start_servers(options, &cores, &mut verdict);
    let (mut series, lanes) = make_series(options, &slots);
    let plan = Plan::new(options.duration, options.rounds as usize, series.len());
    describe(&mut environment, options, &plan, &slots, &series);

    let steal = Steal::begin(&cores);
    let outcome = record(&plan, &clock, &cores, &mut series, &lanes, &mut slots);
    let steal = steal.end();
    environment.server_core_steal_percent = decimals(steal[0].2, 2);
    environment.client_core_steal_percent = decimals(steal[1].2, 2);
    environment.time_source_drift_ppm = clock.drift_ppm().round();
    end_servers(slots, &mut verdict);
    verdict.judge(
        &series,
        &Evidence {
            outcome: &outcome,
            rounds_asked: plan.rounds,
            time_asked: options.duration,
            clock_is_time_stamp_counter: clock.is_time_stamp_counter(),
            clock_source: environment.clocksource.as_deref().unwrap_or("unknown"),
            clock_drift_ppm: environment.time_source_drift_ppm,
            steal: &steal,
        },
    );
    publish(options, environment, &series, verdict)
}

/// Prints the report, writes the files and tells the exit code.
fn publish(
    options: &Options,
    environment: Environment,
    series: &[Series],
    verdict: Verdict,
) -> Result<ExitCode, String> {
    let subtitle = format!(
        "{} · {} · {}",
        environment.measures,
        environment.cpu_model.as_deref().unwrap_or("unknown CPU"),
        environment.kernel.as_deref().unwrap_or("unknown kernel")
    );
    let report = Report {
        schema: 1,
        workload: "echo",
        status: verdict.status,
        reasons: verdict.reasons,
        environment,
        series: series.iter().map(Series::summary).collect(),
        ratios: ratios::paired(series, &pairs(options)),
    };
    print!("{}", report.text());
    let written = output::write(&report, series, &subtitle, &options.out, options.json.as_deref())?;
    println!("\nwritten");
    for path in written {
        println!("  {}", path.display());
    }
    Ok(match report.status {
        Status::Fail => ExitCode::FAILURE,
        Status::Ok | Status::Warn => ExitCode::SUCCESS,
    })
}

/// The rounds, on a thread of their own that is pinned to the client core: whatever is started
/// after the run does not inherit its affinity.
fn record(
    plan: &Plan,
    clock: &Clock,
    cores: &Cores,
    series: &mut [Series],
    lanes: &[Lane],
    slots: &mut [Slot],
) -> Outcome {
    let failed = |reason: String| Outcome { failure: Some(reason), ..Outcome::default() };
    let client = || {
        if let Err(reason) = cores::pin(cores.client) {
            return failed(reason);
        }
        let mut progress = Progress::new();
        let outcome = rounds::run(
            plan,
            clock,
            series,
            |position, series| progress.show(position, series),
            |index, budget, samples| {
                let lane = &lanes[index];
                match &mut slots[lane.slot].client {
                    Some(client) => client.slice(clock, budget, lane.think, samples),
                    None => Err("its server is not connected".to_owned()),
                }
            },
        );
        progress.finish();
        outcome
    };
    thread::scope(|scope| {
        match thread::Builder::new().name("client".to_owned()).spawn_scoped(scope, client) {
            Ok(thread) => {
                thread.join().unwrap_or_else(|_| failed("the client's thread panicked".to_owned()))
            }
            Err(error) => failed(format!("the client's thread did not start: {error}")),
        }
    })
}

/// The series of the report: every server without a pause, then every server with each pause.
fn make_series(options: &Options, slots: &[Slot]) -> (Vec<Series>, Vec<Lane>) {
    let (mut series, mut lanes) = (Vec::new(), Vec::new());
    for (think, suffix) in options.pauses() {
        for (index, slot) in slots.iter().enumerate() {
            let mut one = Series::new(format!("{}{suffix}", slot.kind.name()));
            one.polls_by_syscall = slot.kind.polls_by_syscall();
            one.unavailable.clone_from(&slot.unavailable);
            series.push(one);
            lanes.push(Lane { slot: index, think });
        }
    }
    (series, lanes)
}

/// Which ratios are reported: everything to the floor, and the runtime's spinning drivers to the
/// raw epoll too, always at the same pause.
fn pairs(options: &Options) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (_, suffix) in options.pauses() {
        let mut pair = |kind: ServerKind, to: ServerKind| {
            pairs.push((format!("{}{suffix}", kind.name()), format!("{}{suffix}", to.name())));
        };
        for kind in options.servers().into_iter().filter(|kind| *kind != ServerKind::Floor) {
            pair(kind, ServerKind::Floor);
        }
        pair(ServerKind::Taut, ServerKind::RawEpollSpin);
        pair(ServerKind::TautEpoll, ServerKind::RawEpollSpin);
    }
    pairs
}

/// What the hypervisor takes from the two cores.
struct Steal {
    cores: [(usize, &'static str, Option<CoreTime>); 2],
}

impl Steal {
    fn begin(cores: &Cores) -> Self {
        let watch = |core, role| (core, role, CoreTime::now(core));
        Self { cores: [watch(cores.server, "server"), watch(cores.client, "client")] }
    }

    fn end(self) -> [(usize, &'static str, f64); 2] {
        self.cores.map(|(core, role, before)| {
            let percent = before
                .zip(CoreTime::now(core))
                .map_or(0.0, |(before, after)| after.stolen_percent_since(&before));
            (core, role, percent)
        })
    }
}
