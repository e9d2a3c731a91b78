//! The command from its line to its table and exit status.

use std::fs;
use std::process::ExitCode;

use super::comparison::Comparison;
use super::options::Options;
use super::runs::Side;

/// Compares and prints; the error is one of the command line, of a file, or says why the two sides
/// can't be compared.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    let (a, b) = (Side::read("A", &options.a)?, Side::read("B", &options.b)?);
    let comparison = Comparison::of(&a, &b, options.seed)?;
    print!("{}", comparison.text());
    if let Some(path) = &options.json {
        fs::write(path, comparison.json()?)
            .map_err(|error| format!("{} can't be written: {error}", path.display()))?;
    }
    Ok(match options.fail_on_slower && comparison.shows_slower() {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::compare::runs::tests::run as one_run;
    use crate::report::summary::{Round, Summary};

    /// Writes so many runs of a series whose ratio to the floor is this.
    fn write_runs(folder: &Path, count: u64, ratio: f64) {
        for number in 0..count {
            let series = [("floor", 10_000.0), ("taut", 10_000.0 * ratio)].map(|(name, p50)| {
                let p50 = Some(p50 as u64 + number);
                let rounds = vec![Round { p50, ..Round::default() }];
                Summary { name: name.to_owned(), samples: 9, p50, rounds, ..Summary::default() }
            });
            let folder = folder.join(number.to_string());
            fs::create_dir_all(&folder).unwrap();
            let run = one_run(&format!("{}-{ratio}", folder.display()), series.into());
            fs::write(folder.join("echo.json"), run.report.json().unwrap()).unwrap();
        }
    }

    #[test]
    fn the_status_is_1_only_where_it_is_asked_for_and_b_is_slower() {
        let folder =
            std::env::temp_dir().join(format!("taut-bench-compare-{}", std::process::id()));
        let [low, high, few] = ["low", "high", "few"].map(|name| folder.join(name));
        write_runs(&low, 5, 1.2);
        write_runs(&high, 5, 1.4);
        write_runs(&few, 4, 1.2);
        let json = folder.join("compare.json");
        let status = |a: &Path, b: &Path, fail_on_slower| {
            let [a, b] = [a, b].map(Path::to_owned);
            run(&Options { a, b, fail_on_slower, seed: 1, json: Some(json.clone()) })
        };
        assert_eq!(status(&low, &high, false), Ok(ExitCode::SUCCESS));
        let written = fs::read_to_string(&json).unwrap();
        assert!(written.contains("\"word\": \"slower\""), "{written}");
        assert_eq!(status(&low, &high, true), Ok(ExitCode::FAILURE));
        assert_eq!(status(&high, &low, true), Ok(ExitCode::SUCCESS));
        assert!(fs::read_to_string(&json).unwrap().contains("\"word\": \"faster\""));
        assert!(status(&low, &few, true).unwrap_err().contains("B has 4 of the 5 runs"));
        assert!(status(&low, &folder.join("none"), false).is_err());
        let unwritable = Options {
            a: low,
            b: high,
            fail_on_slower: false,
            seed: 1,
            json: Some("/proc/none/compare.json".into()),
        };
        assert!(run(&unwritable).unwrap_err().contains("/proc/none/compare.json can't be written"));
        fs::remove_dir_all(folder).unwrap();
    }
}
