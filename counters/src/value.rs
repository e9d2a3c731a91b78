//! What a value is: its label, its kind and its unit.

/// How a value is to be read, and what may be computed with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Only grows, so the difference of two readings says how often something happened.
    Counter,
    /// An amount at this moment, which goes up and down.
    Gauge,
    /// The greatest seen so far.
    Maximum,
    /// A point in time, in nanoseconds of `CLOCK_MONOTONIC`; zero before the first one.
    Timestamp,
    /// One of a few meanings that the label defines.
    Flag,
    /// UTF-8, filled up with zeros.
    Text,
    /// Counts by size, laid out as [`Buckets`](crate::Buckets) says, after one word that counts
    /// those above the highest.
    Distribution,
    /// A kind that a later version of the format knows; its first word is read as a number.
    Unknown(u32),
}

impl Kind {
    pub(crate) const fn code(self) -> u32 {
        match self {
            Self::Counter => 1,
            Self::Gauge => 2,
            Self::Maximum => 3,
            Self::Timestamp => 4,
            Self::Flag => 5,
            Self::Text => 6,
            Self::Distribution => 7,
            Self::Unknown(code) => code,
        }
    }

    pub(crate) const fn of_code(code: u32) -> Self {
        match code {
            1 => Self::Counter,
            2 => Self::Gauge,
            3 => Self::Maximum,
            4 => Self::Timestamp,
            5 => Self::Flag,
            6 => Self::Text,
            7 => Self::Distribution,
            other => Self::Unknown(other),
        }
    }

    /// One word, for tables and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Maximum => "maximum",
            Self::Timestamp => "timestamp",
            Self::Flag => "flag",
            Self::Text => "text",
            Self::Distribution => "distribution",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// One value of a [`Block`](crate::Block).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// What it is called: 1 to 64 bytes without control characters.
    pub label: &'static str,
    /// What may be computed with it.
    pub kind: Kind,
    /// What one of it is, such as `ns`: at most 16 bytes; empty for a plain number.
    pub unit: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_means_one_kind_and_back() {
        for code in 0..=64 {
            assert_eq!(Kind::of_code(code).code(), code);
        }
        assert_eq!(Kind::of_code(99), Kind::Unknown(99));
    }
}
