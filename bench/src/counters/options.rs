//! The command lines of `counters` and of the processes that it starts.

use std::path::PathBuf;

use clap::Args;

use super::works::Work;

/// Counts the instructions of each operation under valgrind, exactly, and compares them.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Works to count, separated by commas; by default all of them.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) works: Vec<Work>,

    /// An earlier JSON file of this command to compare with. A work that has grown by more than
    /// 5 %, or that the file does not have, makes the exit status 1.
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,

    /// Write this run's counts to the file that --baseline names, and end with status 0.
    #[arg(long, requires = "baseline", conflicts_with = "works")]
    pub(crate) write_baseline: bool,

    /// File to write the counts to.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl Options {
    /// The works that were asked for, once each, in the order of the table.
    pub(crate) fn works(&self) -> Vec<Work> {
        let asked = |work: &Work| self.works.is_empty() || self.works.contains(work);
        Work::ALL.into_iter().filter(asked).collect()
    }
}

/// Does one work so often, for whoever counts from outside.
#[derive(Args, Clone, Debug)]
pub(crate) struct CountOptions {
    /// What to do.
    #[arg(value_enum)]
    pub(crate) work: Work,

    /// How often.
    pub(crate) operations: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn parse(line: &str) -> Result<Options, clap::Error> {
        Line::try_parse_from(std::iter::once("taut-bench").chain(line.split_whitespace()))
            .map(|line| line.options)
    }

    #[test]
    fn works_are_counted_once_and_in_the_order_of_the_table() {
        let works = parse("--works yield,echo_epoll,yield").unwrap().works();
        assert_eq!(works, [Work::EchoEpoll, Work::Yield]);
        assert_eq!(parse("").unwrap().works(), Work::ALL);
    }

    #[test]
    fn a_baseline_is_renewed_only_whole_and_only_where_it_is_named() {
        for wrong in [
            "--write-baseline",
            "--write-baseline --baseline file --works yield",
            "--works none",
            "--baseline",
        ] {
            let code = parse(wrong).map_err(|error| error.exit_code()).err();
            assert_eq!(code, Some(2), "{wrong}");
        }
        assert!(parse("--write-baseline --baseline file").unwrap().write_baseline);
    }
}
