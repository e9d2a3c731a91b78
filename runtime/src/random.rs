//! Numbers by chance, from a generator of the core's own.
//!
//! For what has to differ from one process to the next, such as the pause before another attempt to
//! connect. It is part of the runtime, as the clock is, so that a seed
//! ([`Builder::random_seed`](crate::Builder::random_seed)) makes a run repeatable. Not for secrets:
//! who sees a few of the numbers knows the rest.
//!
//! SplitMix64: one addition, two multiplications and no system call a number.
//!
//! Secrets come from [`secure_random_u32`] and [`secure_random_bytes`]: a cryptographic generator,
//! keyed by the system once and buffered.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, RandomState};

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};

use crate::executor::current;

/// What the state grows by: odd, so that it takes every value before it repeats.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Random {
    state: Cell<u64>,
    /// Makes secrets repeatable too.
    seed: Option<u64>,
    /// Made with the first secret: its key is a system call, its buffer some hundred bytes.
    secrets: RefCell<Option<Box<StdRng>>>,
}

impl Random {
    /// A generator that repeats what another one with this seed gave, or with a seed from the
    /// system.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        // The standard library's hashers are keyed by the system's source of randomness.
        let state = Cell::new(seed.unwrap_or_else(|| RandomState::new().hash_one(STEP)));
        Self { state, seed, secrets: RefCell::default() }
    }

    fn next(&self) -> u64 {
        let state = self.state.get().wrapping_add(STEP);
        self.state.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    #[inline]
    fn with_secrets<R>(&self, draw: impl FnOnce(&mut StdRng) -> R) -> R {
        let mut secrets = self.secrets.borrow_mut();
        draw(secrets.get_or_insert_with(|| Box::new(generator(self.seed))))
    }
}

#[cold]
fn generator(seed: Option<u64>) -> StdRng {
    match seed {
        Some(seed) => StdRng::seed_from_u64(seed),
        None => StdRng::try_from_rng(&mut SysRng).expect("the system has a source of randomness"),
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

/// 32 bits that nobody can foresee, from the cryptographic generator of the runtime on this thread:
/// for keys that a protocol draws for each message.
///
/// The system's randomness keys it. Only a [`Builder::random_seed`](crate::Builder::random_seed)
/// makes it repeatable, which is for tests. Costs a few nanoseconds, and no system call but one
/// with the first secret.
///
/// # Panics
///
/// Outside of a runtime; where the system has no randomness to give.
///
/// ```
/// # taut_runtime::run(async {
/// let key = taut_runtime::secure_random_u32().to_ne_bytes();
/// let nonce: [u8; 16] = taut_runtime::secure_random_bytes();
/// assert_ne!(nonce, [0; 16]);
/// # let _ = key;
/// # })?;
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
#[track_caller]
#[inline]
pub fn secure_random_u32() -> u32 {
    current().random.with_secrets(Rng::next_u32)
}

/// Bytes that nobody can foresee, as [`secure_random_u32`].
///
/// # Panics
///
/// As there.
#[track_caller]
pub fn secure_random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    current().random.with_secrets(|secrets| secrets.fill_bytes(&mut bytes));
    bytes
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
    fn secrets_differ_unless_a_seed_says_otherwise() {
        let draw = |seed| Random::new(seed).with_secrets(rand::Rng::next_u64);
        assert_eq!(draw(Some(7)), draw(Some(7)));
        assert_ne!(draw(Some(7)), draw(Some(8)));
        assert_ne!(draw(None), draw(None));
        let one = Random::new(None);
        let draws = [0; 64].map(|_| one.with_secrets(rand::Rng::next_u32));
        let different: std::collections::BTreeSet<u32> = draws.into();
        assert!(different.len() >= 63, "{draws:?}");
    }

    #[test]
    fn without_a_seed_each_generator_has_numbers_of_its_own() {
        let [one, other] = [Random::new(None), Random::new(None)];
        assert_ne!([one.next(), one.next()], [other.next(), other.next()]);
    }
}
