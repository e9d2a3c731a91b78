//! The part of the command line that every workload has.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::duration::parse_duration;
use super::sla::Promise;

/// Which programs a workload measures, where it measures programs.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Subjects to run, separated by commas; by default all of them.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) series: Vec<String>,

    /// The list of peers that scripts/bench-peers.sh wrote; they run beside ours.
    #[arg(long, value_name = "FILE")]
    pub(crate) peers: Option<PathBuf>,
}

/// How a run is divided, where it runs and where its report goes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// Rounds; in each, every series has one slice.
    #[arg(long, default_value_t = 45, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) rounds: u32,

    /// Time that the slices of all rounds share: 90s, 2m. A slice with few samples may take longer.
    #[arg(long, default_value = "75s", value_parser = parse_duration)]
    pub(crate) duration: Duration,

    /// Core of what is measured; by default an isolated core, else one of the highest.
    #[arg(long)]
    pub(crate) server_core: Option<usize>,

    /// Core of the client; by default another one that is no SMT sibling of the server's.
    #[arg(long)]
    pub(crate) client_core: Option<usize>,

    /// A promise to hold, as p99=20us,p99.9=100us; of the series taut, or of NAME in NAME:p99=20us.
    /// A broken one ends the program with status 1.
    #[arg(long, value_delimiter = ',', value_name = "PROMISE")]
    pub(crate) sla: Vec<Promise>,

    /// Another file to write the JSON to.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Folder for the report's files.
    #[arg(long, value_name = "DIR", default_value = "target/taut")]
    pub(crate) out: PathBuf,
}
