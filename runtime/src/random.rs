//! Numbers by chance, from a generator of the core's own.
//!
//! For what has to differ from one process to the next, such as the pause before another attempt to
//! connect. It is part of the runtime, as the clock is, so that a seed
//! ([`Builder::random_seed`](crate::Builder::random_seed)) makes a run repeatable. Not for secrets:
//! who sees a few of the numbers knows the rest.
//!
//! SplitMix64: one addition, two multiplications and no system call a number.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use crate::executor::current;

/// What the state grows by: odd, so that it takes every value before it repeats.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Random(Cell<u64>);

impl Random {
    /// A generator that repeats what another one with this seed gave, or with a seed from the
    /// system.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        // The standard library's hashers are keyed by the system's source of randomness.
        Self(Cell::new(seed.unwrap_or_else(|| RandomState::new().hash_one(STEP))))
    }

    fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(STEP);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// A number by chance, all 64 bits alike, from the generator of the runtime on this thread. Not for
/// secrets.
///
/// The seed is the system's, or [`Builder::random_seed`](crate::Builder::random_seed). Costs about
/// a nanosecond and no system call.
///
/// # Panics
///
/// Outside of a runtime.
///
/// ```
/// use taut_runtime::{Runtime, random_u64};
///
/// let numbers = || {
///     let runtime = Runtime::builder().random_seed(Some(7)).build()?;
///     Ok::<_, taut_runtime::BuildError>(runtime.block_on(async { [random_u64(), random_u64()] }))
/// };
/// assert_eq!(numbers()?, numbers()?);
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
#[track_caller]
pub fn random_u64() -> u64 {
    current().random.next()
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_seed_gives_the_published_numbers() {
        let random = Random::new(Some(1_234_567));
        let first: [u64; 3] = std::array::from_fn(|_| random.next());
        let published =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(first, published);
    }

    #[test]
    fn without_a_seed_each_generator_has_numbers_of_its_own() {
        let [one, other] = [Random::new(None), Random::new(None)];
        assert_ne!([one.next(), one.next()], [other.next(), other.next()]);
    }
}
