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
}
