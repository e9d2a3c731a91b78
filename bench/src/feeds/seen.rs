//! Which of the numbers from 1 on came, how often, and in which order.
//!
//! Cost: a bit a number, and one look at it.

/// What came of numbers up to a limit.
#[derive(Debug)]
pub(crate) struct Seen {
    bits: Vec<u64>,
    highest: u64,
    pub(crate) distinct: u64,
    pub(crate) duplicates: u64,
    /// Came after a higher one.
    pub(crate) reordered: u64,
}

impl Seen {
    /// Of numbers up to that one.
    pub(crate) fn up_to(limit: u64) -> Self {
        let bits = vec![0; limit as usize / 64 + 1];
        Self { bits, highest: 0, distinct: 0, duplicates: 0, reordered: 0 }
    }

    /// Takes note of a number; false where it is beyond the limit.
    #[inline(always)]
    pub(crate) fn add(&mut self, number: u64) -> bool {
        let Some(word) = self.bits.get_mut(number as usize / 64) else { return false };
        let bit = 1 << (number % 64);
        if *word & bit != 0 {
            self.duplicates += 1;
            return true;
        }
        *word |= bit;
        self.distinct += 1;
        if number < self.highest {
            self.reordered += 1;
        } else {
            self.highest = number;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_new_once_and_late_ones_are_told() {
        let mut seen = Seen::up_to(64);
        for number in [1, 2, 5, 3, 3, 64, 5] {
            assert!(seen.add(number), "{number}");
        }
        assert_eq!((seen.distinct, seen.duplicates, seen.reordered), (5, 2, 1));
        assert!(!seen.add(128) && !seen.add(u64::MAX));
    }
}
