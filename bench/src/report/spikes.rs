//! The intervals whose maximum stands out, and what happened in them.
//!
//! An interval stands out where its maximum is more than [`FACTOR`] times the lower quartile of
//! its series' maxima: the quietest quarter says what the maximum is when nothing disturbs. What
//! happened is what was counted more often than in three quarters of the series' other intervals,
//! those that don't stand out. That is a hint, no proof: the counts are those of the whole
//! interval.

use super::summary::{Round, Summary};
use crate::harness::statistics::Spread;

/// How much greater than the usual a maximum must be.
pub(crate) const FACTOR: f64 = 3.0;
/// Intervals below which nothing is usual.
pub(crate) const FEWEST_ROUNDS: usize = 5;

/// What is counted in an interval: a word for a strip, words for a sentence, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) name: &'static str,
    sentence: &'static str,
    pub(crate) of: fn(&Round) -> u64,
}

/// All that is counted.
pub(crate) const COUNTS: [Count; 5] = [
    Count { name: "voluntary", sentence: "went to sleep", of: |round| round.voluntary_switches },
    Count { name: "involuntary", sentence: "lost a core", of: |round| round.involuntary_switches },
    Count { name: "page faults", sentence: "faulted on a page", of: |round| round.page_faults },
    Count {
        name: "server core interrupts",
        sentence: "the server core was interrupted",
        of: |round| round.server_core_interrupts,
    },
    Count {
        name: "client core interrupts",
        sentence: "the client core was interrupted",
        of: |round| round.client_core_interrupts,
    },
];

/// An interval that stands out.
#[derive(Debug)]
pub(crate) struct Spike<'a> {
    pub(crate) series: &'a Summary,
    /// Its place among the rounds of the series, from 0.
    pub(crate) place: usize,
    pub(crate) round: &'a Round,
    /// The maximum in multiples of the usual one.
    pub(crate) times_usual: f64,
    /// In the order of [`COUNTS`].
    pub(crate) counts: [Counted; 5],
}

/// One count of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Counted {
    pub(crate) here: u64,
    /// Median of the intervals that don't stand out.
    pub(crate) usual: f64,
    /// Beyond their upper quartile.
    pub(crate) unusual: bool,
}

/// Those of a series, in the order of time.
pub(crate) fn spikes(series: &Summary) -> Vec<Spike<'_>> {
    let rounds = &series.rounds;
    let maxima: Vec<f64> =
        rounds.iter().filter_map(|round| round.max).map(|max| max as f64).collect();
    if maxima.len() < FEWEST_ROUNDS {
        return Vec::new();
    }
    let usual = Spread::of(maxima).map_or(f64::INFINITY, |spread| spread.low.max(1.0));
    let times_usual = |round: &Round| round.max.map_or(0.0, |max| max as f64 / usual);
    let quiet: Vec<&Round> = rounds.iter().filter(|round| times_usual(round) <= FACTOR).collect();
    let spreads = COUNTS
        .map(|count| Spread::of(quiet.iter().map(|round| (count.of)(round) as f64).collect()));
    let counted = |round: &Round, index: usize| {
        let here = (COUNTS[index].of)(round);
        let (usual, high) =
            spreads[index].map_or((0.0, 0.0), |spread| (spread.median, spread.high));
        Counted { here, usual, unusual: here as f64 > high }
    };
    let spike = |(place, round)| Spike {
        series,
        place,
        round,
        times_usual: times_usual(round),
        counts: std::array::from_fn(|index| counted(round, index)),
    };
    let stands_out = |(_, round): &(usize, &Round)| times_usual(round) > FACTOR;
    rounds.iter().enumerate().filter(stands_out).map(spike).collect()
}

impl Spike<'_> {
    /// What was unusual, in words.
    pub(crate) fn cause(&self) -> String {
        let unusual: Vec<String> = COUNTS
            .iter()
            .zip(&self.counts)
            .filter(|(_, counted)| counted.unusual)
            .map(|(count, counted)| {
                let times = match counted.here {
                    1 => "once".to_owned(),
                    times => format!("{times} times"),
                };
                format!("{} {times} (usually {})", count.sentence, counted.usual)
            })
            .collect();
        match unusual.as_slice() {
            [] => "nothing unusual was counted: suspect the hypervisor, the firmware or the \
                   subject itself"
                .to_owned(),
            unusual => unusual.join("; "),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Nine quiet rounds of which the fifth has a maximum of 4 ms and lost its core.
    pub(crate) fn with_a_spike(name: &str) -> Summary {
        let round = |place: u64| Round {
            started_ms: place as f64 * 100.0,
            length_ms: 50.0,
            p99: Some(12_000),
            max: Some(if place == 4 { 4_000_000 } else { 30_000 + place }),
            involuntary_switches: u64::from(place == 4) * 7,
            server_core_interrupts: 12,
            ..Round::default()
        };
        let rounds = (0..9).map(round).collect();
        Summary { name: name.to_owned(), samples: 9, rounds, ..Summary::default() }
    }

    #[test]
    fn a_spike_is_found_with_what_was_unusual_in_its_interval() {
        let series = with_a_spike("taut");
        let spikes = spikes(&series);
        assert_eq!(spikes.len(), 1);
        assert_eq!(spikes[0].place, 4);
        assert!((130.0..134.0).contains(&spikes[0].times_usual), "{}", spikes[0].times_usual);
        assert_eq!(spikes[0].cause(), "lost a core 7 times (usually 0)");
    }

    #[test]
    fn what_disturbs_every_interval_that_stands_out_is_unusual_however_many_they_are() {
        let mut series = with_a_spike("taut");
        for round in &mut series.rounds[3..6] {
            round.max = Some(4_000_000);
            round.involuntary_switches = 1;
        }
        let causes: Vec<String> = spikes(&series).iter().map(Spike::cause).collect();
        assert_eq!(causes, ["lost a core once (usually 0)"; 3]);
    }

    #[test]
    fn a_spike_without_a_cause_says_where_to_look() {
        let mut series = with_a_spike("taut");
        series.rounds[4].involuntary_switches = 0;
        assert!(spikes(&series)[0].cause().contains("hypervisor"));
    }

    #[test]
    fn where_little_was_measured_nothing_stands_out() {
        let mut series = with_a_spike("taut");
        series.rounds.truncate(FEWEST_ROUNDS);
        assert_eq!(spikes(&series).len(), 1);
        series.rounds.remove(0);
        assert!(spikes(&series).is_empty());
        assert!(spikes(&Summary::default()).is_empty());
    }

    #[test]
    fn a_series_that_is_disturbed_in_each_interval_has_no_usual_maximum_to_stand_out_from() {
        let mut series = with_a_spike("taut");
        series.rounds.iter_mut().for_each(|round| round.max = Some(4_000_000));
        assert!(spikes(&series).is_empty());
    }
}
