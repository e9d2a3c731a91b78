//! A run from command line to report: what is the same for every workload.
//!
//! Invariant: folders and cores are tried before anything is measured, so a run of minutes is not
//! lost at its end; the errors returned here are those of the command line and of the files, while
//! whatever goes wrong in the run itself becomes part of the report.

use std::io::{Write, stdout};
use std::process::ExitCode;
use std::thread;

use super::clock::Clock;
use super::cores::{self, Cores};
use super::environment::{Environment, FeatureRow};
use super::host::{self, CoreTime};
use super::options::Common;
use super::plan::Plan;
use super::progress::Progress;
use super::rounds::{self, Lane, Outcome, Turn};
use super::series::{Series, Slice, decimals};
use super::sla::Promise;
use super::verdict::{Evidence, Status, Verdict};
use crate::report::ratios::{Figure, paired};
use crate::report::table::Table;
use crate::report::{Report, SCHEMA, Unit, output};

/// What a workload is to the harness. A new one is a file with these answers.
pub(crate) trait Workload: Send {
    fn name(&self) -> &'static str;

    /// What a sample is, in a phrase.
    fn measures(&self) -> String;

    /// What one is where the report shows a time.
    fn unit(&self) -> Unit {
        Unit::Nanoseconds
    }

    /// Its settings beyond the common ones, as names and values.
    fn settings(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// What runs, in the order of the report.
    fn lanes(&self) -> Vec<Lane>;

    /// How the run is divided.
    fn plan(&self, common: &Common, lanes: usize) -> Plan {
        Plan::new(common.duration, common.rounds as usize, lanes)
    }

    /// Runs one slice of one lane, on the client core.
    fn slice(&mut self, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String>;

    /// Which series are compared with which.
    fn pairs(&self) -> Vec<(String, String)>;

    /// By which figures.
    fn figures(&self) -> Vec<Figure>;

    /// What the host granted to the runtime.
    fn features(&self) -> Vec<FeatureRow> {
        Vec::new()
    }

    /// What a reader must know besides.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// What it has to show besides its series.
    fn tables(&self, _lanes: &[Lane]) -> Vec<Table> {
        Vec::new()
    }

    /// Ends what it started, and says what is wrong with the run in its own terms.
    fn end(self, lanes: &[Lane], verdict: &mut Verdict);
}

/// What a workload may need to be made.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) cores: Cores,
    pub(crate) clock: Clock,
}

/// Runs the workload that `make` makes and publishes its report.
pub(crate) fn run<W: Workload>(
    common: &Common,
    make: impl FnOnce(&Setting) -> Result<W, String>,
) -> Result<ExitCode, String> {
    let cores = Cores::choose(common.server_core, common.client_core)?;
    output::prepare(&common.out, common.json.as_deref())?;
    let cpuinfo = host::read("/proc/cpuinfo").unwrap_or_default();
    let clock = Clock::calibrate(host::cpu_has(&cpuinfo, &["constant_tsc", "nonstop_tsc"]));
    let mut environment = Environment::read(&cores, &clock);
    let mut verdict = Verdict::default();
    for warning in cores.warnings() {
        verdict.warn(warning);
    }
    let setting = Setting { cores, clock };
    let mut workload = make(&setting)?;
    let Setting { cores, clock } = setting;
    let mut lanes = workload.lanes();
    let names: Vec<&str> =
        lanes.iter().flat_map(|lane| &lane.series).map(|one| one.name.as_str()).collect();
    common.sla.iter().try_for_each(|promise| promise.check(&names))?;
    let plan = workload.plan(common, lanes.len());

    let steal = Steal::begin(&cores);
    let outcome = record(&plan, &clock, &cores, &mut lanes, &mut workload);
    let steal = steal.end();
    environment.server_core_steal_percent = decimals(steal[0].2, 2);
    environment.client_core_steal_percent = decimals(steal[1].2, 2);
    environment.time_source_drift_ppm = clock.drift_ppm().round();
    environment.measures = workload.measures();
    environment.settings = workload.settings();
    environment.settings.push(("rounds".to_owned(), plan.describe(lanes.len())));
    environment.features = workload.features();
    environment.notes = workload.notes();
    let all: Vec<&Series> = lanes.iter().flat_map(|lane| &lane.series).collect();
    verdict.judge(
        &all,
        &Evidence {
            outcome: &outcome,
            rounds_asked: plan.rounds,
            time_asked: common.duration,
            clock_is_time_stamp_counter: clock.is_time_stamp_counter(),
            clock_source: environment.clocksource.as_deref().unwrap_or("unknown"),
            clock_drift_ppm: environment.time_source_drift_ppm,
            steal: &steal,
        },
    );
    let series: Vec<_> = all.iter().map(|one| one.summary()).collect();
    let mut report = Report {
        schema: SCHEMA,
        workload: workload.name().to_owned(),
        status: Status::Ok,
        reasons: Vec::new(),
        unit: workload.unit(),
        environment,
        ratios: paired(&series, &workload.pairs(), &workload.figures()),
        series,
        tables: workload.tables(&lanes),
        sla: Vec::new(),
    };
    workload.end(&lanes, &mut verdict);
    let judge = |promise: &Promise| promise.judge(&report.series, report.unit);
    report.sla = common.sla.iter().filter_map(judge).collect();
    report.status = verdict.status;
    report.reasons = verdict.reasons;
    publish(&report, common)
}

/// Prints the report, writes the files and tells the exit code.
fn publish(report: &Report, common: &Common) -> Result<ExitCode, String> {
    let mut text = report.text();
    let written = output::write(report, &common.out, common.json.as_deref())?;
    text.push_str("\nwritten\n");
    for path in written {
        text.push_str(&format!("  {}\n", path.display()));
    }
    // Whoever reads only the first lines of it has the files all the same.
    let _ = stdout().write_all(text.as_bytes());
    let broken = report.sla.iter().any(|judged| !judged.kept);
    Ok(match report.status {
        Status::Fail => ExitCode::FAILURE,
        Status::Ok | Status::Warn if broken => ExitCode::FAILURE,
        Status::Ok | Status::Warn => ExitCode::SUCCESS,
    })
}

/// The rounds, on a thread of their own that is pinned to the client core: whatever is started
/// after the run does not inherit its affinity.
fn record(
    plan: &Plan,
    clock: &Clock,
    cores: &Cores,
    lanes: &mut [Lane],
    workload: &mut impl Workload,
) -> Outcome {
    let failed = |reason: String| Outcome { failure: Some(reason), ..Outcome::default() };
    let client = || {
        if let Err(reason) = cores::pin(cores.client) {
            return failed(reason);
        }
        let mut progress = Progress::new();
        let outcome = rounds::run(
            plan,
            cores,
            lanes,
            |position, lanes| progress.show(position, lanes),
            |turn| workload.slice(clock, turn),
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
