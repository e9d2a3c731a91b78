//! Counts by size as a reader has seen them: how many, and the values at quantiles.

use crate::buckets::Buckets;

/// The counts of a distribution at one moment, or between two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    buckets: Buckets,
    /// Place and count, where it is not zero, in order of the places.
    counts: Vec<(usize, u64)>,
    above: u64,
}

impl Distribution {
    pub(crate) fn new(buckets: Buckets, above: u64, counts: impl Iterator<Item = u64>) -> Self {
        let counts = counts.enumerate().filter(|(_, count)| *count > 0).collect();
        Self { buckets, counts, above }
    }

    /// Where values are counted.
    #[must_use]
    pub fn buckets(&self) -> Buckets {
        self.buckets
    }

    /// How many values.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.counts.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many were above the highest, and are counted as that one.
    #[must_use]
    pub fn above(&self) -> u64 {
        self.above
    }

    /// The least value that this part of all, 0 to 1, does not exceed; as great as can't be told
    /// from it. Zero of none.
    #[must_use]
    pub fn value_at_quantile(&self, quantile: f64) -> u64 {
        let all = self.len();
        let wanted = ((quantile.clamp(0.0, 1.0) * all as f64).ceil() as u64).clamp(1, all.max(1));
        let mut reached = 0_u64;
        let place = self.counts.iter().find(|(_, count)| {
            reached = reached.saturating_add(*count);
            reached >= wanted
        });
        place.map_or(0, |(index, _)| self.buckets.highest_value(*index))
    }

    /// The greatest value, as great as can't be told from it. Zero of none.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.counts.last().map_or(0, |(index, _)| self.buckets.highest_value(*index))
    }

    /// What was counted between an earlier reading of the same distribution and this one; this one,
    /// where that had more: the distribution has started anew.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut earlier_counts = earlier.counts.iter().copied().peekable();
        let mut counts = Vec::new();
        for &(index, count) in &self.counts {
            let before = match earlier_counts.peek() {
                Some(&(at, _)) if at < index => return self.clone(),
                Some(&(at, before)) if at == index => {
                    earlier_counts.next();
                    before
                }
                _ => 0,
            };
            match count.checked_sub(before) {
                None => return self.clone(),
                Some(0) => {}
                Some(count) => counts.push((index, count)),
            }
        }
        if earlier_counts.next().is_some() || self.buckets != earlier.buckets {
            return self.clone();
        }
        let above = self.above.saturating_sub(earlier.above);
        Self { buckets: self.buckets, counts, above }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[u64]) -> Distribution {
        let buckets = Buckets::new(1, 1_000_000, 3).unwrap();
        let mut counts = vec![0; buckets.counts()];
        values.iter().for_each(|value| counts[buckets.index(*value)] += 1);
        Distribution::new(buckets, 0, counts.into_iter())
    }

    #[test]
    fn quantiles_of_a_thousand_are_the_values_themselves() {
        let values: Vec<u64> = (1..=1000).collect();
        let all = of(&values);
        assert_eq!(all.len(), 1000);
        assert_eq!(all.value_at_quantile(0.5), 500);
        assert_eq!(all.value_at_quantile(0.99), 990);
        assert_eq!((all.value_at_quantile(0.0), all.value_at_quantile(1.0)), (1, 1000));
        assert_eq!(all.max(), 1000);
    }

    #[test]
    fn nothing_has_no_values() {
        let none = of(&[]);
        assert!(none.is_empty());
        assert_eq!((none.value_at_quantile(0.5), none.max(), none.len()), (0, 0, 0));
    }

    #[test]
    fn an_interval_is_what_came_meanwhile_and_a_new_start_is_all() {
        let (first, second) = (of(&[3, 3, 9]), of(&[3, 3, 3, 9, 70]));
        assert_eq!(second.since(&first), of(&[3, 70]));
        assert_eq!(second.since(&second), of(&[]));
        assert_eq!(first.since(&second), first, "fewer than before: it started anew");
        assert_eq!(of(&[70]).since(&of(&[3])), of(&[70]));
    }
}
