//! `taut-bench report`: reads the files of runs, merges those of the same thing and draws them.
//!
//! Invariant: nothing is written before everything was read, and every error names its file.

use std::fs;
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::merge::{Input, Origin, Section};
use super::{Report, engine, output};

/// Redraws reports: runs of the same workload with the same settings are merged, different ones
/// become sections of one page. Ends with status 0 whatever the status of the runs was.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// JSON reports that workloads wrote, and .hlog interval logs of an engine's own stages.
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,

    /// Folder for the redrawn files.
    #[arg(long, value_name = "DIR", default_value = "target/taut/report")]
    out: PathBuf,

    /// Another file, to write all merged reports to as one JSON array.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Reads, merges, writes, and prints what was written.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    let inputs = options.files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let sections = Section::all(inputs)?;
    let json = options.json.as_deref();
    output::prepare(&options.out, json)?;
    let written = output::write_merged(&sections, &options.out, json)?;
    let mut text = "written\n".to_owned();
    for path in written {
        text.push_str(&format!("  {}\n", path.display()));
    }
    let _ = stdout().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn read(path: &PathBuf) -> Result<Input, String> {
    let file = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        format!("{file} can't be read: {error}; name the .json of a run, or an .hlog")
    })?;
    let named = |error: String| format!("{file}: {error}");
    if path.extension().is_some_and(|extension| extension == "hlog") {
        let report = engine::report(path, &text).map_err(named)?;
        return Ok(Input { file, origin: Origin::IntervalLog, report });
    }
    let report = Report::parse(&text).map_err(named)?;
    report.check().map_err(named)?;
    Ok(Input::of_workload(file, report))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    /// A folder of this test's own, gone with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("taut-bench-redraw-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn file(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, text).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn runs_are_merged_and_an_engines_log_gets_a_section_beside_them() {
        let folder = Folder::new("merge");
        let [one, mut other] = [report(&["floor", "taut"], 2_000), report(&["taut"], 3_000)];
        other.environment.started_utc = "2026-10-03T08:15:00Z".to_owned();
        let log = super::super::intervals::text(&one).unwrap().unwrap();
        let files = vec![
            folder.file("a.json", &one.json().unwrap()),
            folder.file("b.json", &other.json().unwrap()),
            folder.file("engine.hlog", &log),
        ];
        let out = folder.0.join("out");
        let json = folder.0.join("deeper/all.json");
        run(&Options { files, out: out.clone(), json: Some(json.clone()) }).unwrap();
        let page = fs::read_to_string(out.join("report.html")).unwrap();
        assert_eq!(page.matches("<section").count(), 2);
        assert_eq!(page.matches(">Environment<").count(), 1, "a log knows of none");
        assert!(page.contains(">engine<"));
        let merged = fs::read_to_string(out.join("echo.json")).unwrap();
        assert_eq!(Report::parse(&merged).unwrap().series("taut").unwrap().samples, 5_000);
        let all = fs::read_to_string(json).unwrap();
        let all: Vec<Report> = serde_json::from_str(&all).unwrap();
        assert_eq!((all.len(), all[0].schema), (1, 2));
        assert!(out.join("report.md").exists() && out.join("echo-taut.hgrm").exists());
        assert!(out.join("engine.svg").exists() && !out.join("engine.json").exists());
    }

    #[test]
    fn bad_input_is_an_error_that_names_the_file_and_nothing_is_written() {
        let folder = Folder::new("bad");
        let mut twice = report(&["taut", "taut"], 100);
        let mut ragged = report(&["taut"], 100);
        ragged.tables[0].rows.push(vec!["one cell".to_owned()]);
        let mut unknown = report(&["taut"], 100);
        unknown.ratios[0].figure = "luck".to_owned();
        let mut damaged = report(&["taut"], 100);
        damaged.series[0].histogram = Some("AAAA".to_owned());
        twice.ratios.clear();
        let [mut beyond, mut endless] = [report(&["taut"], 100), report(&["taut"], 100)];
        beyond.series[0].rounds[0].run = u32::MAX;
        endless.series[0].rounds[0].started_ms = 1e300;
        let paths = [
            folder.0.join("absent.json"),
            folder.file("empty.json", ""),
            folder.file("other.json", "{\"schema\": 7}"),
            folder.file("twice.json", &twice.json().unwrap()),
            folder.file("ragged.json", &ragged.json().unwrap()),
            folder.file("unknown.json", &unknown.json().unwrap()),
            folder.file("beyond.json", &beyond.json().unwrap()),
            folder.file("endless.json", &endless.json().unwrap()),
            folder.file("damaged.json", &damaged.json().unwrap()),
            folder.file("bad.hlog", "no log"),
        ];
        for path in paths {
            let out = folder.0.join("out");
            let error = run(&Options { files: vec![path.clone()], out: out.clone(), json: None })
                .unwrap_err();
            assert!(error.contains(&path.display().to_string()), "{error}");
            assert!(!out.exists());
        }
    }
}
