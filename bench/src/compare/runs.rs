//! Finding and reading the runs of one side.
//!
//! Invariant: a run counts once, however many copies of its report there are, and a folder's files
//! that are no reports are named, not passed over in silence.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::report::Report;

/// One run and where its report was found.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) path: PathBuf,
    pub(crate) report: Report,
}

/// The runs that a path stands for, in the order in which they began.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) runs: Vec<Run>,
    pub(crate) notes: Vec<String>,
}

impl Side {
    /// Reads one report, or all that a folder has.
    pub(crate) fn read(name: &'static str, path: &Path) -> Result<Self, String> {
        let problem = |error| format!("{name}, {}, can't be read: {error}", path.display());
        let mut side = Self { name, path: path.to_owned(), runs: Vec::new(), notes: Vec::new() };
        let is_folder = fs::metadata(path).map_err(problem)?.is_dir();
        let mut files = Vec::new();
        if is_folder {
            find_json(path, &mut files).map_err(problem)?;
        } else {
            files.push(path.to_owned());
        }
        files.sort();
        let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
        for file in files {
            let text = fs::read_to_string(&file)
                .map_err(|error| format!("{} can't be read: {error}", file.display()))?;
            if is_folder && !looks_like_a_report(&text) {
                side.notes.push(format!("{} is no report and was passed over", file.display()));
                continue;
            }
            if let Some(first) = seen.get(&text) {
                side.notes.push(format!(
                    "{} is a copy of {} and does not count as another run",
                    file.display(),
                    first.display()
                ));
                continue;
            }
            let report =
                Report::parse(&text).map_err(|reason| format!("{}: {reason}", file.display()))?;
            seen.insert(text, file.clone());
            side.runs.push(Run { path: file, report });
        }
        side.runs.sort_by(|one, other| one.began().cmp(other.began()));
        Ok(side)
    }
}

impl Run {
    /// When it began; such texts are in the order of time.
    pub(crate) fn began(&self) -> &str {
        &self.report.environment.started_utc
    }
}

/// All `.json` files under a folder. Links to folders are not followed: they may go round.
fn find_json(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            find_json(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(())
}

/// What has a report's three marks must be a sound one; other JSON files may lie about.
fn looks_like_a_report(text: &str) -> bool {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    ["schema", "workload", "series"].iter().all(|key| value.get(key).is_some())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::harness::verdict::Status;
    use crate::report::summary::Summary;
    use crate::report::tests::report;

    /// A run that began at this time and measured these series.
    pub(crate) fn run(began: &str, series: Vec<Summary>) -> Run {
        let mut report = report(&[], 0);
        report.environment.started_utc = began.to_owned();
        report.status = Status::Ok;
        report.series = series;
        Run { path: PathBuf::from(format!("{began}.json")), report }
    }

    pub(crate) fn side(name: &'static str, runs: impl IntoIterator<Item = Run>) -> Side {
        let runs = runs.into_iter().collect();
        Side { name, path: PathBuf::from(name), runs, notes: Vec::new() }
    }

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("taut-bench-runs-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("deeper/still")).unwrap();
        folder
    }

    #[test]
    fn a_folder_is_searched_at_any_depth_and_its_runs_are_in_order_of_time() {
        let folder = folder("depth");
        let write = |name: &str, began: &str| {
            fs::write(folder.join(name), run(began, Vec::new()).report.json().unwrap()).unwrap();
        };
        write("late.json", "2026-03");
        write("deeper/still/early.json", "2026-01");
        write("deeper/copy-of-early.json", "2026-01");
        write("no-json.txt", "2026-02");
        fs::write(folder.join("other.json"), "{\"schema\": 1}").unwrap();
        fs::write(folder.join("text.json"), "not JSON").unwrap();
        let side = Side::read("A", &folder).unwrap();
        let began: Vec<&str> = side.runs.iter().map(Run::began).collect();
        assert_eq!(began, ["2026-01", "2026-03"]);
        assert_eq!(side.notes.len(), 3, "{:?}", side.notes);
        assert!(side.notes[0].contains("early.json is a copy of"), "{:?}", side.notes);
        assert!(side.notes[1].contains("other.json is no report"), "{:?}", side.notes);
        assert!(side.notes[2].contains("text.json is no report"), "{:?}", side.notes);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn one_report_is_one_run() {
        let folder = folder("one");
        let file = folder.join("echo.json");
        fs::write(&file, run("2026", Vec::new()).report.json().unwrap()).unwrap();
        assert_eq!(Side::read("B", &file).unwrap().runs.len(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_can_not_be_read_is_refused_with_its_name() {
        let folder = folder("damaged");
        let error = Side::read("B", &folder.join("none")).unwrap_err();
        assert!(error.contains("B, ") && error.contains("none, can't be read"), "{error}");
        let file = folder.join("named.json");
        fs::write(&file, "{}").unwrap();
        let error = Side::read("A", &file).unwrap_err();
        assert!(error.contains("named.json") && error.contains("no report"), "{error}");
        // It has a report's marks, so it is not passed over.
        fs::write(&file, "{\"schema\": 2, \"workload\": \"echo\", \"series\": 7}").unwrap();
        let error = Side::read("A", &folder).unwrap_err();
        assert!(error.contains("named.json") && error.contains("damaged"), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }
}
