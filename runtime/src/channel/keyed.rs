//! A buffer that keeps one value a key: a later one takes the place of one that still waits.
//!
//! Entries stand in a ring, in the order in which their keys came, and stay where they are until
//! they are popped. A hash table of twice the size or more, with open addressing, leads from keys
//! to places in the ring; what is removed leaves no mark in it, so its speed does not wear off and
//! nothing is ever rebuilt. Both are allocated once.
//!
//! Invariant: each entry in the ring has exactly one place in the table, and no gap is between that
//! place and the one that its hash asks for.

use std::hash::{BuildHasher, Hash};

use super::state::Buffer;

/// A place of the table that leads nowhere.
const NOWHERE: u32 = u32::MAX;

/// See the module's documentation.
pub(crate) struct Keyed<K, V, H> {
    ring: Box<[Option<Entry<K, V>>]>,
    /// Where the oldest entry stands.
    head: usize,
    len: usize,
    /// A power of two of places, each the index of an entry in the ring or `NOWHERE`.
    table: Box<[u32]>,
    hasher: H,
    /// Values that took the place of others.
    pub(crate) conflated: u64,
}

struct Entry<K, V> {
    hash: usize,
    key: K,
    value: V,
}

impl<K: Hash + Eq, V, H: BuildHasher> Keyed<K, V, H> {
    /// # Panics
    ///
    /// Where `keys_max` is zero or more than two billion.
    #[track_caller]
    pub(crate) fn new(keys_max: usize, hasher: H) -> Self {
        assert!(keys_max > 0, "a channel needs room for at least one key");
        assert!(keys_max <= 1 << 31, "a channel has room for two billion keys at most");
        Self {
            ring: (0..keys_max).map(|_| None).collect(),
            head: 0,
            len: 0,
            table: vec![NOWHERE; (keys_max * 2).next_power_of_two()].into(),
            hasher,
            conflated: 0,
        }
    }

    fn hash(&self, key: &K) -> usize {
        self.hasher.hash_one(key) as usize
    }

    fn entry(&self, index: u32) -> &Entry<K, V> {
        self.ring[index as usize].as_ref().expect("the table leads to entries")
    }

    /// The index of the key's entry, or else the place in the table where it belongs.
    fn find(&self, hash: usize, key: &K) -> Result<usize, usize> {
        let mut place = hash & self.mask();
        loop {
            let index = self.table[place];
            if index == NOWHERE {
                return Err(place);
            }
            let entry = self.entry(index);
            if entry.hash == hash && entry.key == *key {
                return Ok(index as usize);
            }
            place = self.after(place);
        }
    }

    fn mask(&self) -> usize {
        self.table.len() - 1
    }

    fn after(&self, place: usize) -> usize {
        (place + 1) & self.mask()
    }

    /// Takes an entry out of the table; those behind it move up, so that no gap is left.
    fn unlink(&mut self, index: u32) {
        let mut gap = self.entry(index).hash & self.mask();
        while self.table[gap] != index {
            gap = self.after(gap);
        }
        let mut place = self.after(gap);
        while self.table[place] != NOWHERE {
            let asked_for = self.entry(self.table[place]).hash & self.mask();
            let moved_by = place.wrapping_sub(asked_for) & self.mask();
            if moved_by >= place.wrapping_sub(gap) & self.mask() {
                self.table[gap] = self.table[place];
                gap = place;
            }
            place = self.after(place);
        }
        self.table[gap] = NOWHERE;
    }
}

impl<K: Hash + Eq, V, H: BuildHasher> Buffer for Keyed<K, V, H> {
    type Item = (K, V);

    fn capacity(&self) -> usize {
        self.ring.len()
    }

    fn len(&self) -> usize {
        self.len
    }

    fn absorbs(&self, (key, _): &(K, V)) -> bool {
        self.find(self.hash(key), key).is_ok()
    }

    fn push(&mut self, (key, value): (K, V)) -> Option<(K, V)> {
        let hash = self.hash(&key);
        match self.find(hash, &key) {
            Ok(index) => {
                self.conflated += 1;
                let entry = self.ring[index].as_mut().expect("the table leads to entries");
                Some((key, std::mem::replace(&mut entry.value, value)))
            }
            Err(place) => {
                debug_assert!(self.len < self.ring.len());
                let index = (self.head + self.len) % self.ring.len();
                self.ring[index] = Some(Entry { hash, key, value });
                self.table[place] = index as u32;
                self.len += 1;
                None
            }
        }
    }

    fn pop(&mut self) -> Option<(K, V)> {
        if self.len == 0 {
            return None;
        }
        self.unlink(self.head as u32);
        let entry = self.ring[self.head].take().expect("an entry stands at the head");
        self.head = (self.head + 1) % self.ring.len();
        self.len -= 1;
        Some((entry.key, entry.value))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::hash::{BuildHasherDefault, Hasher};

    use proptest::prelude::*;

    use super::*;

    /// Makes keys collide, also around the end of the table.
    #[derive(Default)]
    struct Colliding(u64);

    impl Hasher for Colliding {
        fn finish(&self) -> u64 {
            (self.0 % 3).wrapping_sub(2)
        }

        fn write(&mut self, bytes: &[u8]) {
            self.0 += bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        }
    }

    fn check<H: BuildHasher>(keys_max: usize, hasher: H, steps: &[Option<u8>]) {
        let mut buffer = Keyed::new(keys_max, hasher);
        let mut model = VecDeque::<(u8, usize)>::new();
        for (number, step) in steps.iter().enumerate() {
            match step {
                Some(key) => {
                    let known = model.iter_mut().find(|(known, _)| known == key);
                    assert_eq!(buffer.absorbs(&(*key, number)), known.is_some());
                    if let Some((_, value)) = known {
                        let before = std::mem::replace(value, number);
                        assert_eq!(buffer.push((*key, number)), Some((*key, before)));
                    } else if model.len() < keys_max {
                        assert_eq!(buffer.push((*key, number)), None);
                        model.push_back((*key, number));
                    }
                }
                None => assert_eq!(buffer.pop(), model.pop_front()),
            }
            assert_eq!(buffer.len(), model.len());
        }
    }

    proptest! {
        #[test]
        fn keeps_one_value_a_key_and_its_place(
            keys_max in 1_usize..20,
            steps in proptest::collection::vec(proptest::option::weighted(0.6, 0_u8..30), 0..300),
        ) {
            check(keys_max, std::hash::RandomState::new(), &steps);
            check(keys_max, BuildHasherDefault::<Colliding>::default(), &steps);
        }
    }
}
