//! The files of a run: one `.hgrm` for each series, the JSON, the chart.

use std::fs;
use std::path::{Path, PathBuf};

use taut::latency::hgrm;

use super::{Report, chart};

/// Writes everything under `folder`, and the JSON to `json` too; returns what was written. The
/// folders are there since [`prepare`].
pub(crate) fn write(
    report: &Report,
    folder: &Path,
    json: Option<&Path>,
) -> Result<Vec<PathBuf>, String> {
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    let text = report.json()?;
    if let Some(path) = json {
        files.push((path.to_owned(), text.clone()));
    }
    let workload = &report.workload;
    files.push((folder.join(format!("{workload}.json")), text));
    files.push((folder.join(format!("{workload}.svg")), chart::svg(report)?));
    for one in &report.series {
        if let Some(histogram) = one.histogram() {
            // A colon in a name is trouble for half of the tools that get the file.
            let name = format!("{workload}-{}.hgrm", one.name.replace(':', "-"));
            files.push((folder.join(name), hgrm::text(&histogram?)));
        }
    }
    let mut written = Vec::with_capacity(files.len());
    for (path, text) in files {
        fs::write(&path, text).map_err(|error| problem(&path, &error))?;
        written.push(path);
    }
    Ok(written)
}

/// Creates the folders and tries them, so that a run of minutes is not lost at its end.
pub(crate) fn prepare(folder: &Path, json: Option<&Path>) -> Result<(), String> {
    try_folder(folder)?;
    match json.and_then(Path::parent) {
        Some(parent) if !parent.as_os_str().is_empty() => try_folder(parent),
        Some(_) => try_folder(Path::new(".")),
        None => Ok(()),
    }
}

fn try_folder(folder: &Path) -> Result<(), String> {
    let trial = folder.join(format!(".taut-bench-{}", std::process::id()));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&trial, "can results be written here?"))
        .and_then(|()| fs::remove_file(&trial))
        .map_err(|error| problem(folder, &error))
}

fn problem(path: &Path, error: &std::io::Error) -> String {
    format!(
        "{} can't be written: {error}; name a writable folder with --out (or file with --json)",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_takes_no_files_is_refused_before_the_run() {
        let error = prepare(Path::new("/proc/taut-bench"), None).unwrap_err();
        assert!(error.contains("/proc/taut-bench") && error.contains("--out"), "{error}");
        let folder = std::env::temp_dir().join(format!("taut-bench-test-{}", std::process::id()));
        let json = folder.join("deeper/report.json");
        assert_eq!(prepare(&folder, Some(&json)), Ok(()));
        assert_eq!(fs::read_dir(folder.join("deeper")).unwrap().count(), 0);
        fs::remove_dir_all(folder).unwrap();
    }
}
