//! `taut-stat`: what the processes of this host count, live, from their counter files.
//!
//! It maps the files to look at them: the cores that count never notice. Without a terminal, or
//! with `--plain`, it prints lines instead of redrawing; `--json` prints one object a snapshot.
//!
//! Exit status: 0 when it ended because it was asked to, or because all processes that it watched
//! ended; 2 when there is no such file, or one of another version, or the command line is wrong.

#[path = "../../harness/duration.rs"]
#[allow(dead_code, reason = "durations are only read here")]
mod duration;
mod health;
mod json;
mod numbers;
mod plain;
mod sample;
mod screen;
mod table;
mod targets;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;

use sample::Sample;
use targets::Targets;

/// How long one look takes where no interval is awaited anyway, so that rates can be told.
const FIRST_INTERVAL: Duration = Duration::from_millis(100);

/// Shows live what Taut processes count.
#[derive(Parser, Clone, Debug)]
#[command(version)]
struct Options {
    /// Processes, by their ids, the names of their counter files, or the files' paths; by default
    /// all that live.
    targets: Vec<String>,

    /// Folder of the counter files.
    #[arg(long, value_name = "DIR", default_value = taut::counter_file::DIRECTORY)]
    directory: PathBuf,

    /// Time from one look to the next.
    #[arg(long, value_name = "TIME", default_value = "1s",
          value_parser = duration::parse_duration)]
    interval: Duration,

    /// Look once, over 100 ms or the interval where that is shorter, and end.
    #[arg(long)]
    once: bool,

    /// Print one JSON object a line, for each process and look; see bench/COUNTERS.md.
    #[arg(long, conflicts_with = "plain")]
    json: bool,

    /// Print one value a line, numbered.
    #[arg(long)]
    plain: bool,

    /// Show also what has been zero all the time.
    #[arg(long)]
    all: bool,

    /// Remove the files of processes that are dead, say which, and end.
    #[arg(long, conflicts_with_all = ["targets", "once", "json", "plain", "all"])]
    clean: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = if options.clean { clean(&options) } else { watch(&options) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Problem::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(Problem::Output(error)) => {
            eprintln!("taut-stat: nothing can be printed: {error}");
            ExitCode::from(2)
        }
        Err(Problem::Targets(text)) => {
            eprintln!("taut-stat: {text}");
            ExitCode::from(2)
        }
    }
}

/// Why there is nothing to show.
#[derive(Debug)]
enum Problem {
    Targets(String),
    Output(io::Error),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn clean(options: &Options) -> Result<(), Problem> {
    let removed = taut::counter_file::remove_dead(&options.directory)
        .map_err(|error| Problem::Targets(error.to_string()))?;
    let mut output = io::stdout().lock();
    for path in removed {
        writeln!(output, "removed {}", path.display())?;
    }
    Ok(())
}

/// Looks, shows and waits, until there is nothing left to look at.
fn watch(options: &Options) -> Result<(), Problem> {
    let mut targets =
        Targets::open(&options.targets, &options.directory).map_err(Problem::Targets)?;
    let redraws = !options.json && !options.plain && io::stdout().is_terminal();
    let first = targets.look();
    let short = options.interval.min(FIRST_INTERVAL);
    if options.once || !first.iter().any(|sample| sample.alive) {
        if first.iter().any(|sample| sample.alive) {
            wait(short);
        }
        let last = targets.look();
        return show(options, redraws && !options.once, &last).map_err(Problem::Output);
    }
    let mut pause = short;
    loop {
        wait(pause);
        pause = options.interval;
        let samples = targets.look();
        show(options, redraws, &samples)?;
        if !samples.iter().any(|sample| sample.alive) {
            return Ok(());
        }
    }
}

fn show(options: &Options, redraws: bool, samples: &[Sample]) -> io::Result<()> {
    let mut text = String::new();
    for sample in samples {
        match (options.json, options.plain) {
            (true, _) => json::write(&mut text, sample),
            (_, true) => plain::write(&mut text, sample, options.all),
            _ => table::write(&mut text, sample, options.all, redraws),
        }
    }
    let mut output = io::stdout().lock();
    match redraws {
        true => screen::redraw(&mut output, &text)?,
        false => output.write_all(text.as_bytes())?,
    }
    output.flush()
}

#[expect(clippy::disallowed_methods, reason = "on a thread without a runtime")]
fn wait(time: Duration) {
    thread::sleep(time);
}
