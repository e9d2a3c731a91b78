//! From the figures of one series to words.

use serde::Serialize;

use super::bootstrap::Difference;
use super::random::Random;
use super::rank_test;

/// The chance of a wrong word, for all figures of one series together. It is asked to be lower than
/// the 5 % that are promised; five runs a side that do not overlap at all have 3.2 % for four
/// figures, so that is what the least number of runs can reach.
pub(crate) const CHANCE_MAX: f64 = 0.032;

/// B against A; a latency that is lower is faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    Faster,
    Slower,
    NoDifferenceShown,
}

impl Word {
    /// As it is printed.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::NoDifferenceShown => "no difference shown",
        }
    }
}

/// What is found of one figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) difference: Difference,
    /// Corrected for the figures of the series.
    pub(crate) p_value: f64,
    pub(crate) word: Word,
}

/// Judges all figures of one series: for each, the values of A's runs and of B's.
pub(crate) fn judge(figures: &[(&[f64], &[f64])], random: &mut Random) -> Vec<Finding> {
    let p_values: Vec<f64> = figures.iter().map(|(a, b)| rank_test::p_value(a, b)).collect();
    let corrected = rank_test::corrected(&p_values);
    figures
        .iter()
        .zip(corrected)
        .map(|((a, b), p_value)| {
            let difference = Difference::of(a, b, random);
            let is_shown = p_value <= CHANCE_MAX && difference.has_a_sign();
            let word = match is_shown {
                true if difference.low > 0.0 => Word::Slower,
                true => Word::Faster,
                false => Word::NoDifferenceShown,
            };
            Finding { difference, p_value, word }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Percentiles of a series: they share what moves a run, and the higher ones spread more.
    const SPREADS: [f64; 4] = [1.0, 1.3, 2.0, 4.0];

    /// A standard normal number, by Box and Muller.
    fn normal(random: &mut Random) -> f64 {
        let mut uniform = || (random.next() >> 11) as f64 / (1_u64 << 53) as f64;
        let (radius, angle) = (1.0 - uniform(), uniform());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }

    /// Noise about zero of a scale of one, from mild to so heavy that it has no variance.
    type Noise = fn(&mut Random) -> f64;
    const NOISES: [(&str, Noise); 4] = [
        ("normal", normal),
        // Student's t with two degrees of freedom.
        ("heavy on both sides", |random| {
            let others = normal(random).powi(2) + normal(random).powi(2);
            normal(random) / (others / 2.0).sqrt()
        }),
        // Pareto with exponent 1.5: only ever slower, sometimes by far.
        ("heavy on one side", |random| {
            let uniform = ((random.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
            uniform.powf(-1.0 / 1.5) - 1.0
        }),
        // One run in five is spoiled by a neighbour.
        ("spoiled runs", |random| normal(random) + if random.below(5) == 0 { 20.0 } else { 0.0 }),
    ];

    /// How the host's speed moves from one run to the next, as a factor on what came before.
    type Drift = fn(&mut Random) -> f64;
    const DRIFTS: [(&str, Drift); 2] = [
        ("a host that wanders", |random| (0.05 * normal(random)).exp()),
        ("a host that slows down", |_| 1.03),
    ];

    /// Runs of A and B in alternation, in random order within each pair: the values of each
    /// percentile, `b_factor` apart, with noise of so many parts of the value.
    fn sample(
        runs: usize,
        spread: f64,
        b_factor: f64,
        noise: Noise,
        drift: Drift,
        random: &mut Random,
    ) -> [[Vec<f64>; 2]; 4] {
        let mut values: [[Vec<f64>; 2]; 4] = Default::default();
        let mut host = 10_000.0;
        for _ in 0..runs {
            let first = random.below(2);
            for side in [first, 1 - first] {
                host *= drift(random);
                let shared = noise(random);
                for (percentile, scale) in values.iter_mut().zip(SPREADS) {
                    let moved = 0.5 * spread * scale * (shared + noise(random));
                    let factor = if side == 1 { b_factor } else { 1.0 };
                    percentile[side].push(host * scale * factor * moved.exp());
                }
            }
        }
        values
    }

    fn words(values: &[[Vec<f64>; 2]; 4], seed: u64) -> Vec<Word> {
        let figures: Vec<(&[f64], &[f64])> =
            values.iter().map(|[a, b]| (a.as_slice(), b.as_slice())).collect();
        judge(&figures, &mut Random::new(seed)).iter().map(|finding| finding.word).collect()
    }

    /// In how many of so many trials a difference is shown between two samples of the same thing.
    fn wrong(trials: u64, runs: usize, noise: Noise, drift: Drift) -> u64 {
        let mut random = Random::new(runs as u64);
        let is_wrong = |seed: &u64| {
            let values = sample(runs, 0.05, 1.0, noise, drift, &mut random);
            words(&values, *seed).iter().any(|word| *word != Word::NoDifferenceShown)
        };
        (0..trials).filter(is_wrong).count() as u64
    }

    #[test]
    fn two_samples_of_the_same_thing_show_no_difference_in_95_of_100_trials() {
        for runs in [5, 6, 7, 10, 20] {
            for (name, noise) in NOISES {
                let wrong = wrong(400, runs, noise, |_| 1.0);
                assert!(wrong <= 20, "{wrong} of 400 with {runs} runs, {name}");
            }
        }
    }

    #[test]
    fn nor_do_they_on_a_host_that_drifts_under_both() {
        for runs in [5, 6, 7, 10, 20] {
            for (name, noise) in NOISES {
                for (drift_name, drift) in DRIFTS {
                    let wrong = wrong(100, runs, noise, drift);
                    assert!(wrong <= 5, "{wrong} of 100 with {runs} runs, {name}, {drift_name}");
                }
            }
        }
    }

    #[test]
    fn ten_percent_in_two_percent_of_noise_is_found_with_five_runs() {
        // The noise is the mean of two numbers, so that p50's own spread is two percent.
        let spread = 0.02 * std::f64::consts::SQRT_2;
        for (runs, b_factor, expected) in
            [(5, 1.1, Word::Slower), (6, 1.1, Word::Slower), (5, 1.0 / 1.1, Word::Faster)]
        {
            let mut random = Random::new(99);
            let is_found = |seed: &u64| {
                let values = sample(runs, spread, b_factor, normal, |_| 1.0, &mut random);
                words(&values, *seed)[0] == expected
            };
            let found = (0..200).filter(is_found).count();
            assert!(found >= 195, "{found} of 200 with {runs} runs");
        }
    }

    #[test]
    fn a_difference_that_two_of_five_runs_contradict_is_not_shown() {
        let (a, b) = ([10.0, 10.1, 10.2, 10.3, 11.2], [10.9, 11.0, 11.1, 11.2, 10.0]);
        let findings = judge(&[(&a, &b)], &mut Random::new(1));
        assert!(findings[0].difference.estimate > 0.07);
        assert_eq!(findings[0].word, Word::NoDifferenceShown);
    }

    #[test]
    fn more_figures_ask_for_more_evidence() {
        // One of B's runs lies among A's: 4 of 252 divisions are as far apart.
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.5], [5.0, 6.0, 7.0, 8.0, 9.0]);
        let word = |figures: usize| judge(&vec![(&a[..], &b[..]); figures], &mut Random::new(1))[0];
        assert_eq!(word(2).word, Word::Slower);
        assert!((word(2).p_value - 2.0 * 4.0 / 252.0).abs() < 1e-12);
        assert_eq!(word(3).word, Word::NoDifferenceShown);
    }
}
