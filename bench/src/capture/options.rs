//! The command line of `capture`.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::generate::{self, Feed};
use super::pcap::Reader;
use super::show;

/// Makes up a packet capture of market data, or shows one.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Writes a capture of a made-up feed on two lines.
    Generate {
        /// The file to write.
        file: PathBuf,

        #[command(flatten)]
        feed: Feed,
    },
    /// Says what is in a capture, and what arbitration makes of it.
    Show {
        /// A file of the format pcap.
        file: PathBuf,
    },
}

/// Does it; the error names the file.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    match &options.action {
        Action::Generate { file, feed } => {
            let wrong = |error| format!("{} can't be written: {error}", file.display());
            let to = BufWriter::new(File::create(file).map_err(wrong)?);
            let records = generate::write(feed, to).map_err(wrong)?;
            println!("{records} packets to {}", file.display());
        }
        Action::Show { file } => print!("{}", shown(file)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(file: &Path) -> Result<String, String> {
    let wrong = |error: String| format!("{} can't be read: {error}", file.display());
    let from = File::open(file).map_err(|error| wrong(error.to_string()))?;
    let reader = Reader::new(BufReader::new(from)).map_err(wrong)?;
    show::text(reader).map_err(wrong)
}
