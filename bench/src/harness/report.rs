//! The report as one object: what the JSON file holds and what is printed.
//!
//! Invariant: the JSON's keys are schema 1 exactly; times are in ns, what is absent is null.

use serde::Serialize;

use super::environment::Environment;
use super::ratios::Ratio;
use super::series::Summary;
use super::table;
use super::verdict::Status;

/// One run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) schema: u32,
    pub(crate) workload: &'static str,
    pub(crate) status: Status,
    pub(crate) reasons: Vec<String>,
    pub(crate) environment: Environment,
    pub(crate) series: Vec<Summary>,
    pub(crate) ratios: Vec<Ratio>,
}

impl Report {
    pub(crate) fn json(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| format!("the report can't be written as JSON: {error}"))
    }

    /// The printed form.
    pub(crate) fn text(&self) -> String {
        let mut text =
            format!("{} · {} · times in ns\n\n", self.workload, self.environment.measures);
        text.push_str(&table::series(&self.series));
        if !self.ratios.is_empty() {
            text.push_str(
                "\npaired ratios: median over the rounds; low and high are quartiles\n\n",
            );
            text.push_str(&table::ratios(&self.ratios));
        }
        if !self.environment.notes.is_empty() {
            text.push('\n');
        }
        for note in &self.environment.notes {
            text.push_str(&table::sentence("note  ", note));
        }
        text.push_str("\nenvironment\n");
        text.push_str(&table::pairs(&self.environment.rows()));
        if !self.environment.features.is_empty() {
            text.push_str("\nfeatures of the runtime\n");
            text.push_str(&table::pairs(&self.environment.feature_rows()));
        }
        let status = match self.status {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "FAIL: do not quote these figures",
        };
        text.push_str(&format!("\nstatus  {status}\n"));
        for reason in &self.reasons {
            text.push_str(&table::sentence("  - ", reason));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::clock::Clock;
    use crate::harness::cores::Cores;
    use crate::harness::series::Series;

    fn report() -> Report {
        let clock = Clock::calibrate(false);
        let cores = Cores { server: 0, client: 1, allowed: vec![0, 1] };
        Report {
            schema: 1,
            workload: "echo",
            status: Status::Warn,
            reasons: vec!["a reason".to_owned()],
            environment: Environment {
                measures: "RTT".to_owned(),
                ..Environment::read(&cores, &clock)
            },
            series: vec![Series::new("floor".to_owned()).summary()],
            ratios: vec![Ratio {
                series: "taut".to_owned(),
                to: "floor".to_owned(),
                percentile: "p50",
                median: Some(1.2),
                low: Some(1.1),
                high: None,
            }],
        }
    }

    fn keys(value: &serde_json::Value) -> Vec<&str> {
        let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }

    fn sorted(text: &'static str) -> Vec<&'static str> {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        words.sort_unstable();
        words
    }

    #[test]
    fn the_json_has_the_keys_of_schema_one_and_no_others() {
        let json: serde_json::Value = serde_json::from_str(&report().json().unwrap()).unwrap();
        assert_eq!(keys(&json), sorted("schema workload status reasons environment series ratios"));
        assert_eq!(json["schema"], 1);
        assert_eq!(json["status"], "warn");
        assert_eq!(
            keys(&json["series"][0]),
            sorted(
                "name samples min p50 p90 p99 p99_9 p99_99 max mean ops_per_s syscalls_per_op \
                 allocations_per_op"
            )
        );
        assert!(json["series"][0]["p50"].is_null());
        assert_eq!(keys(&json["ratios"][0]), sorted("series to percentile median low high"));
        assert_eq!(json["ratios"][0]["percentile"], "p50");
        assert!(json["environment"].is_object());
    }

    #[test]
    fn the_text_names_status_and_reasons() {
        let text = report().text();
        assert!(text.contains("status  warn\n  - a reason\n"));
        assert!(text.contains("server core"));
        assert!(text.lines().all(|line| !line.ends_with(' ')));
    }
}
