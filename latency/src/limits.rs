//! What a recorder can tell apart: its lowest and highest value, and its precision.

use std::fmt;

use hdrhistogram::{CreationError, Histogram};
use taut_counters::CounterFileError;

/// What a [`Recorder`](crate::Recorder) can tell apart.
///
/// The memory follows from these: with the defaults 27 648 counts of eight bytes, 216 KiB, and
/// twice as much at the reading end. Only the lines that are counted in occupy the cache of the
/// writer's core.
///
/// ```
/// use taut_latency::{Limits, Recorder};
///
/// // Up to one second, and two digits are enough: 24 KiB.
/// let limits =
///     Limits { highest_ns: 1_000_000_000, significant_digits: 2, ..Limits::default() };
/// let (recorder, _snapshots) = Recorder::with_limits(limits)?;
/// recorder.record_ns(1_234);
/// # Ok::<(), taut_latency::LimitsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Lowest value that is told from zero, in ns; at least 1. By default 1.
    pub lowest_ns: u64,
    /// Highest value, in ns; at least twice the lowest. What is above is counted as this one, and
    /// by [`Snapshots::saturated`](crate::Snapshots::saturated). By default 60 s.
    pub highest_ns: u64,
    /// Decimal digits to which values are told apart, 0 to 5. By default 3: one part in a thousand.
    pub significant_digits: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self { lowest_ns: 1, highest_ns: 60_000_000_000, significant_digits: 3 }
    }
}

impl Limits {
    /// An empty histogram of these limits.
    pub(crate) fn histogram(self) -> Result<Histogram<u64>, LimitsError> {
        Histogram::new_with_bounds(self.lowest_ns, self.highest_ns, self.significant_digits)
            .map_err(|reason| LimitsError { limits: self, reason })
    }
}

/// Limits that no histogram can have.
///
/// ```
/// use taut_latency::{Limits, Recorder};
///
/// let limits = Limits { lowest_ns: 0, ..Limits::default() };
/// let error = Recorder::with_limits(limits).unwrap_err();
/// assert!(error.to_string().contains("lowest_ns has to be 1 or more"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsError {
    limits: Limits,
    reason: CreationError,
}

impl fmt::Display for LimitsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits { lowest_ns, highest_ns, significant_digits } = self.limits;
        let remedy = match self.reason {
            CreationError::LowIsZero => "lowest_ns has to be 1 or more",
            CreationError::LowExceedsMax | CreationError::HighLessThanTwiceLow => {
                "highest_ns has to be at least twice lowest_ns"
            }
            CreationError::SigFigExceedsMax => "significant_digits has to be 5 or less",
            CreationError::CannotRepresentSigFigBeyondLow => {
                "so many digits beyond lowest_ns take more than 63 bits; lower one of the two"
            }
            CreationError::UsizeTypeTooSmall => "the counts would not fit into the address space",
        };
        write!(
            formatter,
            "nothing can be recorded from {lowest_ns} ns to {highest_ns} ns with \
             {significant_digits} significant digits: {remedy}"
        )
    }
}

impl std::error::Error for LimitsError {}

/// Why there is no recorder in a counter file.
#[derive(Debug)]
#[non_exhaustive]
pub enum RecorderError {
    /// No histogram can have these limits.
    Limits(LimitsError),
    /// The file has no place for it.
    File(CounterFileError),
}

impl fmt::Display for RecorderError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limits(error) => error.fmt(formatter),
            Self::File(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for RecorderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Limits(error) => Some(error),
            Self::File(error) => Some(error),
        }
    }
}

impl From<LimitsError> for RecorderError {
    fn from(error: LimitsError) -> Self {
        Self::Limits(error)
    }
}

impl From<CounterFileError> for RecorderError {
    fn from(error: CounterFileError) -> Self {
        Self::File(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_names_the_limit_to_change() {
        let refused = |lowest_ns, highest_ns, significant_digits| {
            let limits = Limits { lowest_ns, highest_ns, significant_digits };
            limits.histogram().unwrap_err().to_string()
        };
        assert!(refused(0, 10, 3).ends_with("lowest_ns has to be 1 or more"));
        assert!(refused(6, 11, 3).ends_with("highest_ns has to be at least twice lowest_ns"));
        assert!(refused(u64::MAX, u64::MAX, 3).ends_with("at least twice lowest_ns"));
        assert!(refused(1, 10, 6).ends_with("significant_digits has to be 5 or less"));
        assert!(refused(1 << 60, u64::MAX, 5).ends_with("lower one of the two"));
    }

    #[test]
    fn the_default_takes_the_memory_that_its_text_says() {
        assert_eq!(Limits::default().histogram().unwrap().distinct_values() * 8, 216 << 10);
        let small =
            Limits { highest_ns: 1_000_000_000, significant_digits: 2, ..Limits::default() };
        assert_eq!(small.histogram().unwrap().distinct_values() * 8, 24 << 10);
    }
}
