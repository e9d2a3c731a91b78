//! `taut-bench`: pinned benchmarks of the Taut runtime.
//!
//! Each workload measures its floor, the same work by hand-written system calls, in the same run,
//! in many short slices that alternate; what it reports beside the latencies is the median of
//! paired ratios. Without a subcommand it runs `echo`.
//!
//! Exit status: 0 when the figures may be quoted (with the warnings that are printed), 1 when the
//! run failed or a promise (`--sla`) was broken, 2 when the command line or the output folder is
//! wrong.

mod client;
mod harness;
mod report;
mod serve;
mod subject;
mod sys;
mod workloads;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use harness::session;
use workloads::echo;

/// Counts allocations; see `allocations_per_op` in the report.
#[global_allocator]
static ALLOCATOR: sys::CountingAllocator = sys::CountingAllocator;

/// Pinned benchmarks of the Taut runtime. Without a command it runs echo.
#[derive(Parser, Debug)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    echo: echo::Options,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// TCP round trips over loopback, on the runtime and on raw system calls.
    Echo(echo::Options),
    /// One of the servers that the workloads measure, to be used by hand or by them.
    Serve(serve::Options),
}

fn main() -> ExitCode {
    let line = Line::parse();
    run(line).unwrap_or_else(|problem| {
        eprintln!("taut-bench: {problem}");
        ExitCode::from(2)
    })
}

fn run(line: Line) -> Result<ExitCode, String> {
    match line.command.unwrap_or(Command::Echo(line.echo)) {
        Command::Echo(options) => {
            session::run(&options.common, |setting| echo::Echo::new(&options, setting))
        }
        Command::Serve(options) => serve::run(&options).map(|()| ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Line::command().debug_assert();
    }

    #[test]
    fn echo_is_the_default_and_takes_the_same_options() {
        let line = Line::parse_from(["taut-bench", "--size", "128"]);
        assert_eq!(line.echo.size, 128);
        assert!(line.command.is_none());
        let line = Line::parse_from(["taut-bench", "echo", "--size", "128"]);
        assert!(matches!(line.command, Some(Command::Echo(options)) if options.size == 128));
    }
}
