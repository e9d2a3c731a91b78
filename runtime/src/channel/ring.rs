//! The plain buffer of a channel: first in, first out, of a fixed size that is allocated once.

use std::collections::VecDeque;

use super::state::Buffer;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    items: VecDeque<T>,
    capacity: usize,
}

impl<T> Ring<T> {
    /// # Panics
    ///
    /// Where `capacity` is zero, or so many items can't be addressed.
    #[track_caller]
    pub(crate) fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "a channel needs room for at least one item");
        Self { items: VecDeque::with_capacity(capacity), capacity }
    }
}

impl<T> Buffer for Ring<T> {
    type Item = T;

    #[inline]
    fn capacity(&self) -> usize {
        self.capacity
    }

    #[inline]
    fn len(&self) -> usize {
        self.items.len()
    }

    #[inline]
    fn absorbs(&self, _: &T) -> bool {
        false
    }

    #[inline]
    fn push(&mut self, item: T) -> Option<T> {
        debug_assert!(self.items.len() < self.capacity);
        self.items.push_back(item);
        None
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        self.items.pop_front()
    }
}
