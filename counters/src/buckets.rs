//! Which count of a distribution a value belongs to: HdrHistogram's layout, without branches.
//!
//! The first bucket has equal steps of the lowest value's power of two. Each further bucket covers
//! twice the range with steps twice as wide, and only its upper half is kept, since the lower one
//! is covered by the buckets before.
//!
//! Invariant: index and value agree with those of an HdrHistogram of the same limits, so that
//! counts move over one to one; `taut-latency` tests it. Cost of an index: a count of leading
//! zeros, two shifts and three sums.

/// The most decimal digits that values can be told apart to.
const DIGITS_MAX: u8 = 5;

/// Where the values of a distribution are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    lowest: u64,
    highest: u64,
    significant_digits: u8,
    /// Binary logarithm of the first bucket's steps.
    unit_magnitude: u32,
    /// Binary logarithm of half of the steps in a bucket.
    half_magnitude: u32,
    /// Leading zeros of the highest value in the first bucket.
    first_bucket_zeros: u32,
    /// All bits that values of the first bucket may have above the unit.
    first_bucket_mask: u64,
}

impl Buckets {
    /// For values from `lowest`, the lowest that is told from zero, to `highest`, told apart to so
    /// many decimal digits. `None` where HdrHistogram does not have such a layout: `lowest` is 0,
    /// `highest` less than twice `lowest`, more than 5 digits, or more than 63 bits.
    #[must_use]
    pub fn new(lowest: u64, highest: u64, significant_digits: u8) -> Option<Self> {
        let enough = lowest.checked_mul(2).is_some_and(|least| highest >= least);
        if lowest == 0 || !enough || significant_digits > DIGITS_MAX {
            return None;
        }
        let unit_magnitude = lowest.ilog2();
        let single_steps = 2 * 10_u64.pow(u32::from(significant_digits));
        // At least two steps a bucket, so that there is a half.
        let half_magnitude = single_steps.next_power_of_two().ilog2().max(1) - 1;
        if unit_magnitude + half_magnitude > 62 {
            return None;
        }
        let first_bucket_mask: u64 = ((2 << half_magnitude) - 1) << unit_magnitude;
        Some(Self {
            lowest,
            highest,
            significant_digits,
            unit_magnitude,
            half_magnitude,
            first_bucket_zeros: first_bucket_mask.leading_zeros(),
            first_bucket_mask,
        })
    }

    /// The lowest value that is told from zero.
    #[must_use]
    pub fn lowest(&self) -> u64 {
        self.lowest
    }

    /// The highest value that is counted as what it is.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// Decimal digits to which values are told apart.
    #[must_use]
    pub fn significant_digits(&self) -> u8 {
        self.significant_digits
    }

    /// How many counts there are.
    #[must_use]
    pub fn counts(&self) -> usize {
        // All of the highest value's bucket.
        let bucket = self.bucket(self.highest) as usize;
        (bucket + 2) << self.half_magnitude
    }

    #[inline]
    fn bucket(&self, value: u64) -> u32 {
        self.first_bucket_zeros - (value | self.first_bucket_mask).leading_zeros()
    }

    /// The place of a value's count: less than [`counts`](Self::counts) up to the highest value.
    #[inline]
    #[must_use]
    pub fn index(&self, value: u64) -> usize {
        let bucket = self.bucket(value);
        let step = value >> (bucket + self.unit_magnitude);
        ((bucket as usize) << self.half_magnitude) + step as usize
    }

    /// The lowest value that is counted there; saturates beyond the last place.
    #[must_use]
    pub fn lowest_value(&self, index: usize) -> u64 {
        let half = 1 << self.half_magnitude;
        // The lower half of the first bucket comes before all upper halves.
        let bucket = (index >> self.half_magnitude).saturating_sub(1);
        let step = if index < half { index } else { (index & (half - 1)) + half };
        match u32::try_from(bucket + self.unit_magnitude as usize) {
            Ok(shift) if shift < u64::BITS => {
                u64::try_from((step as u128) << shift).unwrap_or(u64::MAX)
            }
            _ => u64::MAX,
        }
    }

    /// The greatest value that is counted there.
    #[must_use]
    pub fn highest_value(&self, index: usize) -> u64 {
        match self.lowest_value(index.saturating_add(1)) {
            u64::MAX => u64::MAX,
            next => next - 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_lies_within_its_place(
            lowest in 1_u64..1 << 40,
            range_bits in 1_u32..23,
            digits in 0_u8..=3,
            noise in any::<u64>(),
        ) {
            let highest = lowest << range_bits;
            let buckets = Buckets::new(lowest, highest, digits).unwrap();
            let value = noise % (highest + 1);
            let index = buckets.index(value);
            prop_assert!(index < buckets.counts());
            prop_assert!(buckets.lowest_value(index) <= value);
            prop_assert!(value <= buckets.highest_value(index));
        }

        #[test]
        fn any_limits_give_a_layout_or_none(
            lowest in any::<u64>(), highest in any::<u64>(), digits in any::<u8>(),
            index in any::<usize>(),
        ) {
            if let Some(buckets) = Buckets::new(lowest, highest, digits) {
                prop_assert!(buckets.index(highest) < buckets.counts());
                let _ = buckets.lowest_value(index >> 1);
                let _ = buckets.highest_value(index >> 1);
            }
        }
    }

    #[test]
    fn limits_that_make_no_layout_are_refused() {
        assert_eq!(Buckets::new(0, 10, 3), None);
        assert_eq!(Buckets::new(6, 11, 3), None);
        assert_eq!(Buckets::new(1, 10, 6), None);
        assert_eq!(Buckets::new(u64::MAX, u64::MAX, 3), None);
        assert_eq!(Buckets::new(1 << 60, u64::MAX, 5), None);
    }
}
