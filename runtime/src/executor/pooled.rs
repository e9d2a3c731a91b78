//! A counted pointer like `Rc`, whose memory is a block of the core's pool: for channels that come
//! and go by the message.
//!
//! Invariant: a block is given up by the last of its handles, after its value was dropped, to the
//! pool of whatever core then runs on the thread, or else to the allocator. Any pool will do: a
//! block's layout follows from its type alone, and all pools get their blocks from the allocator.
//! Cost: as for a task's block, no allocation once the pool has one of the size.

use std::alloc::Layout;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::{NonNull, drop_in_place};

use super::block::BlockLayout;
use super::core::try_current;

/// See the module's documentation.
pub(crate) struct Pooled<T> {
    block: NonNull<Counted<T>>,
    _owns: PhantomData<Counted<T>>,
}

struct Counted<T> {
    /// Handles. They can't overflow it: so many would not fit into the address space.
    handles: Cell<usize>,
    value: T,
}

impl<T> Pooled<T> {
    const LAYOUT: BlockLayout = BlockLayout::new(Layout::new::<Counted<T>>());

    #[inline]
    pub(crate) fn new(value: T) -> Self {
        let block = match try_current() {
            Some(core) => core.blocks.take(Self::LAYOUT),
            None => Self::LAYOUT.allocate(),
        };
        let block = block.cast();
        // SAFETY: the block is unused and was made for this type's layout.
        unsafe { block.write(Counted { handles: Cell::new(1), value }) };
        Self { block, _owns: PhantomData }
    }

    #[inline]
    fn counted(&self) -> &Counted<T> {
        // SAFETY: this handle is counted, so the value is there; nobody has a unique reference to
        // it before the last handle goes.
        unsafe { self.block.as_ref() }
    }
}

impl<T> Clone for Pooled<T> {
    #[inline]
    fn clone(&self) -> Self {
        let handles = &self.counted().handles;
        handles.set(handles.get() + 1);
        Self { block: self.block, _owns: PhantomData }
    }
}

impl<T> Deref for Pooled<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.counted().value
    }
}

impl<T> Drop for Pooled<T> {
    #[inline]
    fn drop(&mut self) {
        let handles = &self.counted().handles;
        let left = handles.get() - 1;
        handles.set(left);
        if left > 0 {
            return;
        }
        // Given up afterwards, also where the value's destructor panics.
        let _memory = Memory(self.block.cast(), Self::LAYOUT);
        // SAFETY: this was the last handle, so nobody uses the value, now or later.
        unsafe { drop_in_place(self.block.as_ptr()) };
    }
}

/// A block without a value.
struct Memory(NonNull<u8>, BlockLayout);

impl Drop for Memory {
    #[inline]
    fn drop(&mut self) {
        match try_current() {
            // SAFETY: the block was taken for this layout, from this pool or one like it, and the
            // last handle is gone.
            Some(core) => unsafe { core.blocks.give(self.0, self.1) },
            // SAFETY: as above.
            None => unsafe { self.1.deallocate(self.0) },
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Pooled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::rc::Rc;

    use super::*;
    use crate::Runtime;

    #[test]
    fn the_last_handle_drops_the_value_once() {
        let dropped = Rc::new(());
        let first = Pooled::new(Rc::clone(&dropped));
        let second = first.clone();
        drop(first);
        assert_eq!(Rc::strong_count(&dropped), 2);
        assert_eq!(Rc::strong_count(&second), 2);
        drop(second);
        assert_eq!(Rc::strong_count(&dropped), 1);
    }

    #[test]
    fn memory_is_used_again_also_after_a_panic_of_the_destructor() {
        struct Panics(bool);
        impl Drop for Panics {
            fn drop(&mut self) {
                assert!(!self.0, "on purpose");
            }
        }
        Runtime::new().unwrap().block_on(async {
            let first = Pooled::new(Panics(true));
            let address = first.block;
            assert!(catch_unwind(AssertUnwindSafe(|| drop(first))).is_err());
            let second = Pooled::new(Panics(false));
            assert_eq!(second.block, address);
        });
    }

    #[test]
    fn handles_outlive_their_runtime_and_may_end_in_another() {
        let made_outside = Pooled::new(vec![1, 2, 3]);
        let first = Runtime::new().unwrap();
        let made_inside = first.block_on(async { Pooled::new(vec![4, 5, 6]) });
        drop(first);
        assert_eq!(*made_inside, [4, 5, 6]);
        let second = Runtime::new().unwrap();
        let (one, other) = (made_outside.clone(), made_inside.clone());
        second.block_on(async move {
            drop(made_outside);
            drop(made_inside);
        });
        second.block_on(async move {
            drop(one);
            // The pool has the block of `one` now, made by the allocator: it serves like any other.
            let again = Pooled::new(vec![7]);
            assert_eq!((other.len(), again.len()), (3, 1));
        });
    }

    #[test]
    fn a_value_that_makes_others_while_it_is_dropped_keeps_its_own_memory() {
        struct Busy(u32);
        impl Drop for Busy {
            fn drop(&mut self) {
                let before = self.0;
                if before > 0 {
                    drop(Pooled::new(Self(before - 1)));
                }
                assert_eq!(self.0, before);
            }
        }
        Runtime::new().unwrap().block_on(async { drop(Pooled::new(Busy(20))) });
    }

    #[test]
    fn strict_alignments_and_empty_values_are_served() {
        #[repr(align(256))]
        struct Strict(u8);
        Runtime::new().unwrap().block_on(async {
            for number in 0..3 {
                let strict = Pooled::new(Strict(number));
                assert_eq!(std::ptr::from_ref(&*strict).addr() % 256, 0);
                assert_eq!(strict.0, number);
                drop(Pooled::new(()));
            }
        });
    }
}
