//! The command line of `compare`.

use std::path::PathBuf;

use clap::Args;

/// Compares the runs of B with those of A, in words that they support.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// A report of A, or a folder with at least five of them at any depth.
    pub(crate) a: PathBuf,

    /// The same for B.
    pub(crate) b: PathBuf,

    /// End with status 1 where a series of B is slower; the floor, which only tells what the host
    /// did, does not count.
    #[arg(long)]
    pub(crate) fail_on_slower: bool,

    /// Seed of the bootstrap: the same seed gives the same intervals.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// File to write the comparison to, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}
