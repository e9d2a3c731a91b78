//! How far apart the medians of two samples may be, by drawing the samples anew from themselves.
//!
//! With few runs such an interval is somewhat too narrow, which is why it decides nothing alone.
//! Cost: [`RESAMPLES`] times one draw for each run.

use super::random::Random;

/// How often both samples are drawn anew.
const RESAMPLES: usize = 2_000;
/// What lies outside of the interval, on each side.
const TAIL: f64 = 0.025;

/// Where B's median lies from A's, in parts of A's: 0.1 is ten percent above.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Difference {
    pub(crate) estimate: f64,
    /// The ends of the 95 % interval.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Difference {
    /// Both samples need a value, and all values are positive.
    pub(crate) fn of(a: &[f64], b: &[f64], random: &mut Random) -> Self {
        let [a, b] = [sorted(a), sorted(b)];
        let mut drawn = vec![0; a.len().max(b.len())];
        let mut differences: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                let base = redrawn_median(&a, &mut drawn[..a.len()], random);
                redrawn_median(&b, &mut drawn[..b.len()], random) / base - 1.0
            })
            .collect();
        differences.sort_by(f64::total_cmp);
        let outside = (RESAMPLES as f64 * TAIL) as usize;
        Self {
            estimate: median(&b) / median(&a) - 1.0,
            low: differences[outside],
            high: differences[RESAMPLES - 1 - outside],
        }
    }

    /// Whether the interval tells which of the two is larger.
    pub(crate) fn has_a_sign(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    middle(sorted.len(), |place| sorted[place])
}

/// The median of as many values drawn from the sorted ones, each time from all of them: how often
/// each was drawn says where the middle is, without another sort.
fn redrawn_median(values: &[f64], drawn: &mut [u32], random: &mut Random) -> f64 {
    drawn.fill(0);
    for _ in values {
        drawn[random.below(values.len())] += 1;
    }
    let at = |place: usize| {
        let mut left = place as u32;
        let index = drawn.iter().position(|&count| match left.checked_sub(count) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        });
        // Invariant: as many are drawn as there are values, and the place is below that.
        values[index.expect("the middle of what was drawn")]
    };
    middle(values.len(), at)
}

/// The median of so many values in order.
fn middle(count: usize, at: impl Fn(usize) -> f64) -> f64 {
    match count % 2 {
        1 => at(count / 2),
        _ => f64::midpoint(at(count / 2 - 1), at(count / 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_the_ratio_of_the_medians() {
        let (a, b) = ([10.0, 8.0, 12.0, 9.0, 11.0], [20.0, 10.0, 14.0, 12.0]);
        let difference = Difference::of(&a, &b, &mut Random::new(1));
        assert!((difference.estimate - 0.3).abs() < 1e-12, "{difference:?}");
        assert!(difference.low < 0.3 && 0.3 < difference.high, "{difference:?}");
    }

    #[test]
    fn samples_without_spread_leave_no_doubt() {
        let difference = Difference::of(&[4.0; 5], &[5.0; 5], &mut Random::new(1));
        assert_eq!((difference.estimate, difference.low, difference.high), (0.25, 0.25, 0.25));
        assert!(difference.has_a_sign());
        assert!(!Difference::of(&[4.0; 5], &[4.0; 5], &mut Random::new(1)).has_a_sign());
    }

    #[test]
    fn the_interval_of_five_values_is_that_of_their_order_statistics() {
        // A is fixed, so the interval is that of B's median. Of 3125 equally likely draws from five
        // values the median is the lowest in 5.8 %, and so is the highest: both ends are reached.
        let b = [101.0, 102.0, 103.0, 104.0, 105.0];
        let difference = Difference::of(&[100.0; 5], &b, &mut Random::new(7));
        assert!((difference.low - 0.01).abs() < 1e-12, "{difference:?}");
        assert!((difference.high - 0.05).abs() < 1e-12, "{difference:?}");
    }

    #[test]
    fn a_redrawn_median_is_that_of_the_values_drawn() {
        for values in [vec![1.0, 2.0, 4.0, 8.0], vec![1.0, 2.0, 4.0, 8.0, 16.0]] {
            for seed in 0..50 {
                let mut random = Random::new(seed);
                let mut by_sorting: Vec<f64> =
                    values.iter().map(|_| values[random.below(values.len())]).collect();
                by_sorting.sort_by(f64::total_cmp);
                let mut drawn = vec![9; values.len()];
                let redrawn = redrawn_median(&values, &mut drawn, &mut Random::new(seed));
                assert_eq!(redrawn, median(&by_sorting), "seed {seed}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let (a, b) = ([1.0, 2.0, 3.0, 5.0, 8.0], [2.0, 3.0, 4.0, 7.0, 9.0]);
        let of = |seed| Difference::of(&a, &b, &mut Random::new(seed));
        assert_eq!(of(3), of(3));
    }
}
