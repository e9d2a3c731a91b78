//! The command from its line to its table and exit status.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use super::diagnosis::Diagnosis;
use super::host::Host;
use super::options::Options;

/// Checks and prints; the error is one of the command line or of the file for the JSON.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    let host = Host::here();
    let cores = options.cores(&host)?;
    let diagnosis = Diagnosis::of(&host, cores, options.cores.is_some());
    match options.json.as_deref() {
        Some(path) if path == Path::new("-") => print(&diagnosis.json()?)?,
        json => {
            if let Some(path) = json {
                fs::write(path, diagnosis.json()?)
                    .map_err(|error| format!("{} can't be written: {error}", path.display()))?;
            }
            print(&diagnosis.text())?;
        }
    }
    Ok(if diagnosis.is_severe() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A reader that has seen enough, as `head` has, is no error.
fn print(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output can't be written: {error}"))
        }
        _ => Ok(()),
    }
}
