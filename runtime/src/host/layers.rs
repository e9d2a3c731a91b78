//! Giving a thread back what it had, in whatever order those that changed it end.

use std::cell::{Cell, RefCell};

/// What a thread had before each change of one of its settings, oldest first.
#[derive(Debug)]
pub(super) struct Layers<T> {
    before: RefCell<Vec<(u64, T)>>,
    made: Cell<u64>,
}

impl<T> Layers<T> {
    pub(super) const fn new() -> Self {
        Self { before: RefCell::new(Vec::new()), made: Cell::new(0) }
    }

    /// Remembers what there was before a change; the number to end it by.
    pub(super) fn add(&self, before: T) -> u64 {
        self.made.set(self.made.get() + 1);
        self.before.borrow_mut().push((self.made.get(), before));
        self.made.get()
    }

    /// Ends a change: what to set now, or nothing where a later change still counts, which then
    /// gives back what this one found.
    pub(super) fn end(&self, number: u64) -> Option<T> {
        let mut layers = self.before.borrow_mut();
        let index = layers.iter().position(|(known, _)| *known == number)?;
        let (_, before) = layers.remove(index);
        match layers.get_mut(index) {
            Some((_, later)) => {
                *later = before;
                None
            }
            None => Some(before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_first_comes_back_last_in_whatever_order_changes_end() {
        let layers = Layers::new();
        let (outer, inner) = (layers.add("ordinary"), layers.add("outer"));
        assert_eq!(layers.end(inner), Some("outer"));
        assert_eq!(layers.end(outer), Some("ordinary"));

        let (outer, inner) = (layers.add("ordinary"), layers.add("outer"));
        assert_eq!(layers.end(outer), None);
        assert_eq!(layers.end(inner), Some("ordinary"));
        assert_eq!(layers.end(inner), None);
    }
}
