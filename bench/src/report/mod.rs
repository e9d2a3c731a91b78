//! One run as an object: what the JSON file holds, what is printed and what is drawn.
//!
//! Invariant: the JSON's keys are those of schema 2 (`bench/REPORT.md`), what is absent is null,
//! and a report that was read back says the same as the one that was written, but for the rounds'
//! histograms, which the `.hlog` holds. Times are integers in the report's unit.

pub(crate) mod cast;
pub(crate) mod chart;
pub(crate) mod columns;
pub(crate) mod curves;
pub(crate) mod engine;
pub(crate) mod headline;
pub(crate) mod html;
pub(crate) mod intervals;
pub(crate) mod markdown;
pub(crate) mod markup;
pub(crate) mod merge;
pub(crate) mod output;
pub(crate) mod ratios;
pub(crate) mod redraw;
pub(crate) mod scale;
pub(crate) mod spikes;
pub(crate) mod summary;
pub(crate) mod table;
pub(crate) mod text;

use serde::{Deserialize, Serialize};

use crate::harness::environment::Environment;
use crate::harness::sla::Judged;
use crate::harness::verdict::Status;
use ratios::{Figure, Ratio};
use summary::{Round, Summary};
use table::Table;

/// The number of the form described in `bench/REPORT.md`.
pub(crate) const SCHEMA: u32 = 2;

/// Runs that one report can be merged of.
const MOST_RUNS: u32 = 100_000;
/// A year, in ms.
const LONGEST_RUN_MS: f64 = 366.0 * 24.0 * 3.6e6;

/// What one is, where the report shows a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Unit {
    #[default]
    #[serde(rename = "ns")]
    Nanoseconds,
    /// For operations that take less than a clock reading: many are timed together and divided.
    #[serde(rename = "ps")]
    Picoseconds,
}

impl Unit {
    /// How many of it are one nanosecond.
    pub(crate) fn in_one_nanosecond(self) -> f64 {
        match self {
            Self::Nanoseconds => 1.0,
            Self::Picoseconds => 1_000.0,
        }
    }

    /// A time of the report in ns.
    pub(crate) fn nanoseconds(self, time: u64) -> f64 {
        time as f64 / self.in_one_nanosecond()
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) schema: u32,
    pub(crate) workload: String,
    pub(crate) status: Status,
    pub(crate) reasons: Vec<String>,
    pub(crate) unit: Unit,
    pub(crate) environment: Environment,
    pub(crate) series: Vec<Summary>,
    pub(crate) ratios: Vec<Ratio>,
    /// What the workload shows besides latencies.
    pub(crate) tables: Vec<Table>,
    /// What was promised, and whether it was kept.
    pub(crate) sla: Vec<Judged>,
}

impl Report {
    pub(crate) fn json(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| format!("the report can't be written as JSON: {error}"))
    }

    /// Reads a file that [`json`](Self::json) wrote.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            schema: u32,
        }
        let head: Head = serde_json::from_str(text)
            .map_err(|error| format!("this is no report of taut-bench: {error}"))?;
        if head.schema != SCHEMA {
            return Err(format!(
                "the report has schema {}, this program reads schema {SCHEMA}: make it again with \
                 the same version",
                head.schema
            ));
        }
        serde_json::from_str(text).map_err(|error| format!("the report is damaged: {error}"))
    }

    /// What a file may say that no run would, and that could not be drawn or merged.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (place, one) in self.series.iter().enumerate() {
            if self.series[..place].iter().any(|other| other.name == one.name) {
                return Err(format!("the series {} is there twice", one.name));
            }
            if let Some(Err(error)) = one.histogram() {
                return Err(error);
            }
            let is_time = |ms: f64| (0.0..=LONGEST_RUN_MS).contains(&ms);
            let is_round = |round: &Round| {
                is_time(round.started_ms) && is_time(round.length_ms) && round.run < MOST_RUNS
            };
            if !one.rounds.iter().all(is_round) {
                return Err(format!(
                    "a round of {} lies outside of a run of {LONGEST_RUN_MS} ms, or its run is \
                     beyond the {MOST_RUNS} that can be merged",
                    one.name
                ));
            }
        }
        let unknown = |ratio: &&Ratio| Figure::named(&ratio.figure).is_none();
        if let Some(ratio) = self.ratios.iter().find(unknown) {
            return Err(format!("ratios of {:?} are not known to this version", ratio.figure));
        }
        let ragged = |table: &&Table| table.rows.iter().any(|row| row.len() != table.columns.len());
        match self.tables.iter().find(ragged) {
            Some(table) => {
                Err(format!("a row of {:?} has not a cell for each column", table.title))
            }
            None => Ok(()),
        }
    }

    /// The series of that name.
    pub(crate) fn series(&self, name: &str) -> Option<&Summary> {
        self.series.iter().find(|one| one.name == name)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::harness::clock::Clock;
    use crate::harness::cores::Cores;
    use crate::harness::series::{Interval, Series, Slice};

    /// A small report whose series hold so many samples.
    pub(crate) fn report(names: &[&str], samples: u64) -> Report {
        let clock = Clock::calibrate(false);
        let cores = Cores { server: 0, client: 1, allowed: vec![0, 1] };
        let mut environment = Environment::read(&cores, &clock);
        environment.measures = "RTT".to_owned();
        environment.settings =
            vec![("z".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())];
        let series = names.iter().enumerate().map(|(index, name)| {
            let mut one = Series::new(*name);
            let slice = Slice { elapsed_ns: 1_000_000, ..Slice::default() };
            let mut values: Vec<u64> =
                (0..samples).map(|i| 10_000 + index as u64 * 1_000 + i * 7 % 997).collect();
            one.add(&slice, &Interval::default(), &mut values);
            one.summary()
        });
        Report {
            schema: SCHEMA,
            workload: "echo".to_owned(),
            status: Status::Warn,
            reasons: vec!["a reason".to_owned()],
            unit: Unit::Nanoseconds,
            environment,
            series: series.collect(),
            ratios: vec![Ratio {
                series: "taut".to_owned(),
                to: "floor".to_owned(),
                figure: "p50".to_owned(),
                median: Some(1.2),
                low: Some(1.1),
                high: None,
            }],
            tables: vec![Table::new("a table", &["core", "value"])],
            sla: Vec::new(),
        }
    }

    /// A promise about a series, kept if what was measured is within the limit.
    pub(crate) fn promised(
        series: &str,
        percentile: &str,
        one_in: u64,
        limit: u64,
        measured: Option<u64>,
    ) -> Judged {
        Judged {
            series: series.to_owned(),
            percentile: percentile.to_owned(),
            one_in,
            limit,
            measured,
            kept: measured.is_some_and(|measured| measured <= limit),
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
    fn the_json_has_the_keys_of_schema_two_and_no_others() {
        let text = report(&["floor"], 0).json().unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            keys(&json),
            sorted("schema workload status reasons unit environment series ratios tables sla")
        );
        assert_eq!(
            (&json["schema"], &json["status"], &json["unit"]),
            (&2.into(), &"warn".into(), &"ns".into())
        );
        assert_eq!(
            keys(&json["series"][0]),
            sorted(
                "name about unavailable samples min p50 p90 p99 p99_9 p99_99 p99_999 max mean \
                 stddev ops_per_s bytes_per_s syscalls_per_op allocations_per_op cpu_ns_per_op \
                 client_cpu_ns_per_op voluntary_switches_per_op involuntary_switches page_faults \
                 rounds histogram"
            )
        );
        assert_eq!(
            keys(&json["series"][0]["rounds"][0]),
            sorted(
                "run started_ms length_ms samples p50 p90 p99 p99_9 max ops_per_s cpu_ns_per_op \
                 voluntary_switches involuntary_switches page_faults server_core_interrupts \
                 client_core_interrupts"
            )
        );
        assert!(json["series"][0]["p50"].is_null());
        assert_eq!(keys(&json["ratios"][0]), sorted("series to figure median low high"));
        assert_eq!(keys(&json["tables"][0]), sorted("title columns rows"));
    }

    #[test]
    fn a_report_that_was_read_back_says_the_same() {
        let report = report(&["floor", "taut"], 2_000);
        let text = report.json().unwrap();
        let again = Report::parse(&text).unwrap();
        let mut expected = report;
        let rounds = expected.series.iter_mut().flat_map(|one| &mut one.rounds);
        rounds.for_each(|round| round.histogram = None);
        assert_eq!(again, expected);
        assert_eq!(again.json().unwrap(), text, "the order of the settings too");
        assert_eq!(again.series("taut").unwrap().histogram().unwrap().unwrap().len(), 2_000);
    }

    #[test]
    fn what_is_no_report_is_refused_with_a_sentence() {
        let error = Report::parse("{}").unwrap_err();
        assert!(error.contains("no report"), "{error}");
        let error = Report::parse("{\"schema\": 1}").unwrap_err();
        assert!(error.contains("schema 1"), "{error}");
        let error = Report::parse("{\"schema\": 2}").unwrap_err();
        assert!(error.contains("damaged"), "{error}");
    }
}
