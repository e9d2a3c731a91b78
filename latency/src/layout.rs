//! Which count a value belongs to: HdrHistogram's own layout, computed without branches.
//!
//! The first bucket has equal steps of the lowest value's power of two. Each further bucket covers
//! twice the range with steps twice as wide, and only its upper half is kept, since the lower one
//! is covered by the buckets before.
//!
//! Invariant: index and value agree with those of the histogram that the layout was taken from, so
//! that counts move over one to one. Cost of an index: a count of leading zeros, two shifts and
//! three sums.

use hdrhistogram::Histogram;

/// Where the values of a histogram are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Binary logarithm of the first bucket's steps.
    unit_magnitude: u32,
    /// Binary logarithm of half of the steps in a bucket.
    half_magnitude: u32,
    /// Leading zeros of the highest value in the first bucket.
    first_bucket_zeros: u32,
    /// All bits that values of the first bucket may have above the unit.
    first_bucket_mask: u64,
}

impl Layout {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let unit_magnitude = histogram.equivalent_range(0).trailing_zeros();
        let steps = steps_per_bucket(histogram);
        let first_bucket_mask = (steps - 1) << unit_magnitude;
        Self {
            unit_magnitude,
            half_magnitude: (steps / 2).trailing_zeros(),
            first_bucket_zeros: first_bucket_mask.leading_zeros(),
            first_bucket_mask,
        }
    }

    /// The place of a value's count.
    #[inline]
    pub(crate) fn index(&self, value: u64) -> usize {
        let zeros = (value | self.first_bucket_mask).leading_zeros();
        let bucket = self.first_bucket_zeros - zeros;
        let step = value >> (bucket + self.unit_magnitude);
        ((bucket as usize) << self.half_magnitude) + step as usize
    }

    /// The lowest value that is counted there.
    pub(crate) fn lowest_value(&self, index: usize) -> u64 {
        let half = 1 << self.half_magnitude;
        // The lower half of the first bucket comes before all upper halves.
        let bucket = (index >> self.half_magnitude).saturating_sub(1);
        let step = if index < half { index } else { (index & (half - 1)) + half };
        (step as u64) << (bucket as u32 + self.unit_magnitude)
    }
}

/// Equal steps in each bucket: a power of two.
pub(crate) fn steps_per_bucket(histogram: &Histogram<u64>) -> u64 {
    // A half for each bucket, and one more for the lower half of the first.
    2 * histogram.distinct_values() as u64 / (u64::from(histogram.buckets()) + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A histogram of any limits that may be had, of little memory.
    fn any_histogram() -> impl Strategy<Value = Histogram<u64>> {
        (0_u32..50, 1_u32..63, 0_u8..=3, any::<u64>()).prop_filter_map(
            "limits that a histogram can't have",
            |(low_bits, range_bits, digits, noise)| {
                let low = (1 << low_bits) | (noise & ((1 << low_bits) - 1));
                let high = low.checked_mul(1 << range_bits)?;
                Histogram::new_with_bounds(low, high, digits).ok()
            },
        )
    }

    /// Values of all magnitudes, not only the huge ones that a uniform choice gives.
    fn any_value() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0_u32..64).prop_map(|(value, shift)| value >> shift)
    }

    proptest! {
        #[test]
        fn a_value_is_counted_where_the_histogram_counts_it(
            mut histogram in any_histogram(),
            value in any_value(),
        ) {
            let value = value.min(histogram.high());
            let layout = Layout::of(&histogram);
            let index = layout.index(value);
            prop_assert!(index < histogram.distinct_values());
            prop_assert_eq!(layout.lowest_value(index), histogram.lowest_equivalent(value));
            prop_assert_eq!(layout.index(histogram.highest_equivalent(value)), index);
            histogram.record(value).unwrap();
            let counted = histogram.iter_all().position(|one| one.count_at_value() == 1);
            prop_assert_eq!(counted, Some(index));
        }

        #[test]
        fn each_place_has_its_own_values(histogram in any_histogram()) {
            let layout = Layout::of(&histogram);
            let mut next = 0;
            for index in 0..histogram.distinct_values() {
                let lowest = layout.lowest_value(index);
                prop_assert_eq!((lowest, layout.index(lowest)), (next, index));
                next = histogram.next_non_equivalent(lowest);
            }
        }
    }
}
