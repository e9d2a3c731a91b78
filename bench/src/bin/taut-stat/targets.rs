//! Which files are watched: those that were named, or all whose processes live.
//!
//! Invariant: a file stays watched until its process has ended and that was shown once. A file of
//! a process that starts later is taken up where none was named.

use std::path::{Path, PathBuf};

use taut::counter_file::CounterReader;

use crate::sample::{Sample, Watched};

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Targets {
    watched: Vec<Watched>,
    /// Where to look for further ones.
    directory: Option<PathBuf>,
}

impl Targets {
    /// Opens all that were named. The error says which one can't be, and why.
    pub(crate) fn open(named: &[String], directory: &Path) -> Result<Self, String> {
        if named.is_empty() {
            let readers = CounterReader::open_all(directory).map_err(|error| error.to_string())?;
            if readers.is_empty() {
                return Err(format!(
                    "no living process has a counter file in {}: give a runtime one with \
                     Builder::counter_file, or name a file",
                    directory.display()
                ));
            }
            let watched = readers.into_iter().map(Watched::new).collect();
            return Ok(Self { watched, directory: Some(directory.to_owned()) });
        }
        let watched = named
            .iter()
            .map(|name| find(name, directory).map(Watched::new))
            .collect::<Result<_, _>>()?;
        Ok(Self { watched, directory: None })
    }

    /// What stands in each file now. Those of processes that have ended are told this last time.
    pub(crate) fn look(&mut self) -> Vec<Sample> {
        self.watched.retain(|watched| !watched.has_ended());
        if let Some(directory) = &self.directory {
            // A folder that can't be read any more has no new files.
            for reader in CounterReader::open_all(directory).unwrap_or_default() {
                if !self.watched.iter().any(|watched| watched.is_of(&reader)) {
                    self.watched.push(Watched::new(reader));
                }
            }
        }
        self.watched.iter_mut().map(Watched::look).collect()
    }
}

/// The file that is meant: by its path, by its process, or by its name.
fn find(target: &str, directory: &Path) -> Result<CounterReader, String> {
    if target.contains('/') {
        return CounterReader::open(target).map_err(|error| error.to_string());
    }
    if let Ok(pid) = target.parse::<u64>() {
        let readers = CounterReader::open_all(directory).map_err(|error| error.to_string())?;
        return readers.into_iter().find(|reader| reader.pid() == pid).ok_or_else(|| {
            format!("no living process {pid} has a counter file in {}", directory.display())
        });
    }
    let path = directory.join(format!("taut-{target}.counters"));
    CounterReader::open(path).map_err(|error| error.to_string())
}
