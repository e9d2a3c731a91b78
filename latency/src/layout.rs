//! The layout of counts that a histogram and a recorder have in common.
//!
//! Invariant: index and value agree with those of the histogram that the layout was taken from, so
//! that counts move over one to one.

use hdrhistogram::Histogram;
use taut_counters::Buckets;

/// Where the values of a histogram are counted.
pub(crate) fn buckets_of(histogram: &Histogram<u64>) -> Buckets {
    Buckets::new(histogram.low(), histogram.high(), histogram.sigfig())
        .expect("limits that a histogram has make a layout")
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
            let layout = buckets_of(&histogram);
            prop_assert_eq!(layout.counts(), histogram.distinct_values());
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
            let layout = buckets_of(&histogram);
            prop_assert_eq!(layout.counts(), histogram.distinct_values());
            let mut next = 0;
            for index in 0..histogram.distinct_values() {
                let lowest = layout.lowest_value(index);
                prop_assert_eq!((lowest, layout.index(lowest)), (next, index));
                next = histogram.next_non_equivalent(lowest);
            }
        }
    }
}
