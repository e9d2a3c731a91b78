//! Promises about a series: a percentile and the time that it may take.
//!
//! Invariant: a promise whose percentile the samples don't support is not kept: silence is no
//! proof.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::duration::parse_duration;
use super::statistics::Percentile;
use crate::report::Unit;
use crate::report::summary::Summary;

/// The series that a promise is about if it names none.
const DEFAULT_SERIES: &str = "taut";

/// What is promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Promise {
    series: String,
    percentile: Percentile,
    limit_ns: u64,
}

/// A promise and what became of it; times in the report's unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Judged {
    pub(crate) series: String,
    /// `p50`, `p99.9`.
    pub(crate) percentile: String,
    /// One sample in so many lies beyond the percentile.
    pub(crate) one_in: u64,
    pub(crate) limit: u64,
    pub(crate) measured: Option<u64>,
    pub(crate) kept: bool,
}

impl FromStr for Promise {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || {
            format!(
                "{text:?} is no promise: write p99=20us, or NAME:p99=20us; percentiles are {}",
                Percentile::ALL.map(|known| known.name).join(", ")
            )
        };
        let (place, limit) = text.split_once('=').ok_or_else(problem)?;
        let (series, percentile) = place.rsplit_once(':').unwrap_or((DEFAULT_SERIES, place));
        let mut known = Percentile::ALL.into_iter();
        let percentile = known.find(|known| known.name == percentile).ok_or_else(problem)?;
        let limit_ns = u64::try_from(parse_duration(limit)?.as_nanos()).map_err(|_| problem())?;
        Ok(Self { series: series.to_owned(), percentile, limit_ns })
    }
}

impl Promise {
    /// The percentile that the promise is about.
    pub(crate) fn percentile(&self) -> Percentile {
        self.percentile
    }

    /// The longest that it may take.
    pub(crate) fn limit_ns(&self) -> u64 {
        self.limit_ns
    }

    /// Whether there is the series that it is about.
    pub(crate) fn check(&self, names: &[&str]) -> Result<(), String> {
        match names.contains(&self.series.as_str()) {
            true => Ok(()),
            false => Err(format!(
                "--sla {}: there is no such series; there are {}",
                self.series,
                names.join(", ")
            )),
        }
    }

    /// Whether it was kept; `None` if it is about a series that there is not.
    pub(crate) fn judge(&self, series: &[Summary], unit: Unit) -> Option<Judged> {
        let one = series.iter().find(|one| one.name == self.series)?;
        let limit = self.limit_ns * unit.in_one_nanosecond() as u64;
        let measured = one.percentile(self.percentile);
        Some(Judged {
            series: self.series.clone(),
            percentile: self.percentile.name.to_owned(),
            one_in: self.percentile.one_in(),
            limit,
            measured,
            kept: measured.is_some_and(|measured| measured <= limit),
        })
    }
}

impl Judged {
    /// The sentence about it.
    pub(crate) fn sentence(&self, unit: Unit) -> String {
        let time =
            |value: u64| crate::report::scale::short_time(value as f64 / unit.in_one_nanosecond());
        let Self { series, percentile, .. } = self;
        let limit = time(self.limit);
        match (self.measured, self.kept) {
            (Some(measured), true) => {
                format!("kept: {percentile} of {series} is {}, promised {limit}", time(measured))
            }
            (Some(measured), false) => {
                format!("broken: {percentile} of {series} is {}, promised {limit}", time(measured))
            }
            (None, _) => format!(
                "not shown: there are too few samples for {percentile} of {series}, promised \
                 {limit}; ask for a longer --duration"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(promise: &str, p99: Option<u64>) -> Judged {
        let series =
            [Summary { name: "taut".to_owned(), p99, samples: 1_000, ..Summary::default() }];
        promise.parse::<Promise>().unwrap().judge(&series, Unit::Nanoseconds).unwrap()
    }

    #[test]
    fn a_promise_is_kept_at_its_limit_and_broken_beyond() {
        assert!(judged("p99=20us", Some(20_000)).kept);
        let broken = judged("p99=20us", Some(20_001));
        assert!(!broken.kept);
        assert!(broken.sentence(Unit::Nanoseconds).starts_with("broken: p99 of taut is 20"));
    }

    #[test]
    fn too_few_samples_keep_no_promise() {
        let judged = judged("taut:p99=20us", None);
        assert!(!judged.kept);
        assert!(judged.sentence(Unit::Nanoseconds).contains("too few samples"));
    }

    #[test]
    fn a_promise_about_nothing_is_an_error() {
        for wrong in ["p99", "p98=1us", "p99=20", "=", "p99=us"] {
            assert!(wrong.parse::<Promise>().is_err(), "{wrong}");
        }
        let promise: Promise = "other+think:p50=1us".parse().unwrap();
        assert_eq!(promise.check(&["taut", "other+think"]), Ok(()));
        let error = promise.check(&["taut"]).unwrap_err();
        assert!(error.contains("other+think"), "{error}");
        assert_eq!(promise.judge(&[], Unit::Nanoseconds), None);
    }
}
