//! A slab with generations: what is named by a small number lives here.
//!
//! Invariant: a key finds its entry from `insert` until `remove` and never another's; the
//! generation of an index changes with each use and may wrap after 2^31 of them.

/// Names an entry until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    index: u32,
    generation: u32,
}

const GENERATION_MASK: u32 = u32::MAX >> 1;
const NONE: u32 = u32::MAX;

impl Key {
    /// The key as 63 bits; the highest one is free for the driver's own marks.
    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self { index: bits as u32, generation: (bits >> 32) as u32 & GENERATION_MASK }
    }
}

#[derive(Debug)]
enum Entry<T> {
    Free { next: u32 },
    Used(T),
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    entries: Vec<(u32, Entry<T>)>,
    free: u32,
    used: u32,
    max: u32,
}

impl<T> Slots<T> {
    pub(crate) fn new(max: u32) -> Self {
        Self { entries: Vec::new(), free: NONE, used: 0, max }
    }

    pub(crate) fn len(&self) -> usize {
        self.used as usize
    }

    pub(crate) fn has_room(&self) -> bool {
        self.free != NONE || (self.entries.len() as u64) < u64::from(self.max)
    }

    /// The value itself where all slots are in use.
    pub(crate) fn insert(&mut self, value: T) -> Result<Key, T> {
        if self.free != NONE {
            let index = self.free;
            let (generation, entry) = &mut self.entries[index as usize];
            let Entry::Free { next } = *entry else { unreachable!("listed as free") };
            *entry = Entry::Used(value);
            self.free = next;
            self.used += 1;
            return Ok(Key { index, generation: *generation });
        }
        let index = self.entries.len() as u32;
        if index >= self.max {
            return Err(value);
        }
        self.entries.push((0, Entry::Used(value)));
        self.used += 1;
        Ok(Key { index, generation: 0 })
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.entries.get_mut(key.index as usize) {
            Some((generation, Entry::Used(value))) if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let (generation, entry) = self.entries.get_mut(key.index as usize)?;
        if *generation != key.generation || matches!(entry, Entry::Free { .. }) {
            return None;
        }
        *generation = generation.wrapping_add(1) & GENERATION_MASK;
        let entry = std::mem::replace(entry, Entry::Free { next: self.free });
        self.free = key.index;
        self.used -= 1;
        match entry {
            Entry::Used(value) => Some(value),
            Entry::Free { .. } => unreachable!("just checked"),
        }
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().filter_map(|(_, entry)| match entry {
            Entry::Used(value) => Some(value),
            Entry::Free { .. } => None,
        })
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = T> {
        self.entries.into_iter().filter_map(|(_, entry)| match entry {
            Entry::Used(value) => Some(value),
            Entry::Free { .. } => None,
        })
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        self.entries.iter().zip(0..).filter_map(|((generation, entry), index)| match entry {
            Entry::Used(_) => Some(Key { index, generation: *generation }),
            Entry::Free { .. } => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stale_key_never_finds_the_next_user_of_its_slot() {
        let mut slots = Slots::new(8);
        let first = slots.insert("first").unwrap();
        assert_eq!(slots.remove(first), Some("first"));
        let second = slots.insert("second").unwrap();
        assert_eq!(first.index, second.index);
        assert_eq!(slots.get_mut(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get_mut(second), Some(&mut "second"));
    }

    #[test]
    fn generations_wrap_within_their_31_bits() {
        let mut slots = Slots::new(1);
        let key = slots.insert(1).unwrap();
        slots.remove(key).unwrap();
        slots.entries[0].0 = GENERATION_MASK;
        let last = slots.insert(2).unwrap();
        assert_eq!(Key::from_bits(last.to_bits()), last);
        assert_eq!(last.to_bits() >> 63, 0);
        slots.remove(last).unwrap();
        let wrapped = slots.insert(3).unwrap();
        assert_eq!(wrapped.generation, 0);
        assert_eq!(slots.get_mut(last), None);
    }

    #[test]
    fn a_full_table_gives_the_value_back_and_recovers() {
        let mut slots = Slots::new(2);
        let first = slots.insert(1).unwrap();
        slots.insert(2).unwrap();
        assert_eq!(slots.insert(3), Err(3));
        slots.remove(first).unwrap();
        assert!(slots.insert(3).is_ok());
        assert_eq!((slots.len(), slots.keys().count()), (2, 2));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert,
        /// Of a key that was ever given out, also one that was removed since.
        Remove(prop::sample::Index),
        Change(prop::sample::Index),
        /// A slot's generation is about to wrap: 2^31 uses of it pass.
        Age(prop::sample::Index),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let index = any::<prop::sample::Index>;
        let step = prop_oneof![
            4 => Just(Step::Insert),
            3 => index().prop_map(Step::Remove),
            2 => index().prop_map(Step::Change),
            1 => index().prop_map(Step::Age),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        /// A plain map of what was put in tells what each key must find.
        #[test]
        fn agrees_with_a_plain_map(max in 0_u32..12, steps in steps()) {
            let mut slots = Slots::new(max);
            let mut model: HashMap<u64, usize> = HashMap::new();
            let mut keys: Vec<Key> = Vec::new();
            for (value, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Insert if model.len() == max as usize => {
                        prop_assert!(!slots.has_room());
                        prop_assert_eq!(slots.insert(value), Err(value));
                    }
                    Step::Insert => {
                        prop_assert!(slots.has_room());
                        let key = slots.insert(value).unwrap();
                        prop_assert_eq!(Key::from_bits(key.to_bits()), key);
                        prop_assert!(key.to_bits() >> 63 == 0 && key.index < max);
                        prop_assert!(!keys.contains(&key), "{key:?} was somebody else's");
                        keys.push(key);
                        model.insert(key.to_bits(), value);
                    }
                    Step::Remove(_) | Step::Change(_) | Step::Age(_) if keys.is_empty() => {}
                    Step::Remove(index) => {
                        let key = *index.get(&keys);
                        prop_assert_eq!(slots.remove(key), model.remove(&key.to_bits()));
                    }
                    Step::Change(index) => {
                        let key = *index.get(&keys);
                        let (found, expected) =
                            (slots.get_mut(key), model.get_mut(&key.to_bits()));
                        prop_assert_eq!(&found, &expected);
                        if let (Some(found), Some(expected)) = (found, expected) {
                            (*found, *expected) = (value, value);
                        }
                    }
                    Step::Age(index) => {
                        let index = index.get(&keys).index;
                        let (generation, entry) = &mut slots.entries[index as usize];
                        // Only a free slot, and only once: its old keys are long forgotten then.
                        if matches!(entry, Entry::Free { .. }) && *generation < GENERATION_MASK {
                            *generation = GENERATION_MASK;
                            keys.retain(|key| key.index != index);
                        }
                    }
                }
                prop_assert_eq!(slots.len(), model.len());
                let mut held: Vec<u64> = slots.keys().map(Key::to_bits).collect();
                let mut expected: Vec<u64> = model.keys().copied().collect();
                held.sort_unstable();
                expected.sort_unstable();
                prop_assert_eq!(held, expected);
            }
        }
    }
}
