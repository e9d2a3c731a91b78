//! The files of a run: the JSON, the page, the Markdown, the chart, the interval log, and an
//! `.hgrm` for each series.

use std::fs;
use std::path::{Path, PathBuf};

use taut::latency::hgrm;

use super::merge::{Input, Origin, Section};
use super::{Report, chart, html, intervals, markdown};

/// Writes everything under `folder`, and the JSON to `json` too; returns what was written. The
/// folders are there since [`prepare`].
pub(crate) fn write(
    report: &Report,
    folder: &Path,
    json: Option<&Path>,
) -> Result<Vec<PathBuf>, String> {
    let mut files = Files::new();
    if let Some(path) = json {
        files.push((path.to_owned(), report.json()?));
    }
    let workload = &plain(&report.workload);
    let sections = [Section::of(Input::of_workload(workload.as_str(), report.clone()))];
    files.push((folder.join(format!("{workload}.html")), html::page(&sections)?));
    files.push((folder.join(format!("{workload}.md")), markdown::text(&sections)));
    files.push((folder.join(format!("{workload}.json")), report.json()?));
    if let Some(log) = intervals::text(report)? {
        files.push((folder.join(format!("{workload}.hlog")), log));
    }
    files.extend(of_report(report, folder, workload)?);
    write_files(files)
}

/// Writes the page and the text of all sections, what each of them has for itself, and all reports
/// as one JSON array to `json`.
pub(crate) fn write_merged(
    sections: &[Section],
    folder: &Path,
    json: Option<&Path>,
) -> Result<Vec<PathBuf>, String> {
    let mut files = vec![
        (folder.join("report.html"), html::page(sections)?),
        (folder.join("report.md"), markdown::text(sections)),
    ];
    if let Some(path) = json {
        let all = sections.iter().filter(|section| section.origin == Origin::Workload);
        let all: Vec<String> =
            all.map(|section| section.report.json()).collect::<Result<_, _>>()?;
        files.push((path.to_owned(), format!("[\n{}]\n", all.join(","))));
    }
    let mut stems: Vec<String> = Vec::new();
    for section in sections {
        let workload = plain(&section.report.workload);
        let number = stems.iter().filter(|stem| **stem == workload).count() + 1;
        stems.push(workload.clone());
        // The same workload with other settings.
        let stem = if number == 1 { workload } else { format!("{workload}-{number}") };
        if section.origin == Origin::Workload {
            files.push((folder.join(format!("{stem}.json")), section.report.json()?));
        }
        files.extend(of_report(&section.report, folder, &stem)?);
    }
    write_files(files)
}

type Files = Vec<(PathBuf, String)>;

fn of_report(report: &Report, folder: &Path, stem: &str) -> Result<Files, String> {
    let mut files = vec![(folder.join(format!("{stem}.svg")), chart::svg(report)?)];
    for one in &report.series {
        if let Some(histogram) = one.histogram() {
            let name = format!("{stem}-{}.hgrm", plain(&one.name));
            files.push((folder.join(name), hgrm::text(&histogram?)));
        }
    }
    Ok(files)
}

/// A name as a part of a file's name: no folders, and no colon, which is trouble for half of the
/// tools that get the file.
fn plain(name: &str) -> String {
    name.replace(|letter: char| !letter.is_alphanumeric() && !"+-_.".contains(letter), "-")
}

fn write_files(files: Files) -> Result<Vec<PathBuf>, String> {
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

    #[test]
    fn a_run_leaves_every_file_that_is_promised() {
        let name = format!("taut-bench-output-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        prepare(&folder, None).unwrap();
        let report = crate::report::tests::report(&["../floor", "taut:service"], 2_000);
        write(&report, &folder, None).unwrap();
        let mut files: Vec<String> = fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort_unstable();
        fs::remove_dir_all(&folder).unwrap();
        let expected = [
            "echo-..-floor.hgrm",
            "echo-taut-service.hgrm",
            "echo.hlog",
            "echo.html",
            "echo.json",
            "echo.md",
            "echo.svg",
        ];
        assert_eq!(files, expected);
    }
}
