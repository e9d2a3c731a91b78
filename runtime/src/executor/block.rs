//! Memory of tasks, and of what channels share: blocks of few sizes, kept for the next of the size.
//!
//! Invariant: a block is either in use or in the free list of its class. Cost: taking and returning
//! a block is one load and two stores; the allocator is asked only while a class holds fewer blocks
//! than there were ever of it in use at once.

use std::alloc::{Layout, handle_alloc_error};
use std::cell::{Cell, UnsafeCell};
use std::ptr::NonNull;

use crate::threads::{alloc, dealloc};

/// Blocks start on cache lines: a task never shares its header's line with its neighbour.
const BLOCK_ALIGN: usize = 64;
/// Small blocks are whole cache lines, since there may be a task for each of many connections.
const SMALL_CLASSES: usize = 16;
const SMALL_BYTES_MAX: usize = SMALL_CLASSES * BLOCK_ALIGN;
/// Then powers of two, from 2 KiB to 1 MiB; larger tasks go to the allocator each time.
const CLASSES: usize = SMALL_CLASSES + 10;

const fn class_of(bytes: usize) -> usize {
    if bytes <= SMALL_BYTES_MAX {
        return bytes.div_ceil(BLOCK_ALIGN) - 1;
    }
    SMALL_CLASSES + (bytes.next_power_of_two() / SMALL_BYTES_MAX).ilog2() as usize - 1
}

const fn class_bytes(class: usize) -> usize {
    if class < SMALL_CLASSES {
        return (class + 1) * BLOCK_ALIGN;
    }
    SMALL_BYTES_MAX << (class - SMALL_CLASSES + 1)
}

/// Free blocks kept a class; more are given back to the allocator.
const FREE_MAX: u32 = 16_384;

/// The size class of a task, or its own layout where it is too large or too strictly aligned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockLayout {
    class: Option<u8>,
    layout: Layout,
}

impl BlockLayout {
    pub(crate) const fn new(layout: Layout) -> Self {
        assert!(layout.size() > 0, "a task has at least its header");
        let class = class_of(layout.size());
        if class >= CLASSES || layout.align() > BLOCK_ALIGN {
            return Self { class: None, layout };
        }
        match Layout::from_size_align(class_bytes(class), BLOCK_ALIGN) {
            Ok(layout) => Self { class: Some(class as u8), layout },
            Err(_) => Self { class: None, layout },
        }
    }

    pub(crate) fn allocate(self) -> NonNull<u8> {
        // SAFETY: a task is never empty: its header alone has a size.
        let block = unsafe { alloc(self.layout) };
        NonNull::new(block).unwrap_or_else(|| handle_alloc_error(self.layout))
    }

    /// Gives a block back to the allocator.
    ///
    /// # Safety
    ///
    /// `block` was made for this layout and nobody uses it any more.
    pub(crate) unsafe fn deallocate(self, block: NonNull<u8>) {
        // SAFETY: by contract the block is of this layout; `allocate` is where blocks come from.
        unsafe { dealloc(block.as_ptr(), self.layout) };
    }
}

#[derive(Debug, Default)]
struct Class {
    /// Head of a list that is linked through the first word of each free block.
    head: Cell<Option<NonNull<u8>>>,
    free: Cell<u32>,
}

/// The free blocks of one core.
#[derive(Debug, Default)]
pub(crate) struct BlockPool {
    classes: UnsafeCell<[Class; CLASSES]>,
}

impl BlockPool {
    #[inline]
    fn class(&self, class: u8) -> &Class {
        // SAFETY: nobody ever takes a unique reference to the classes; they are cells inside.
        unsafe { &(*self.classes.get())[class as usize] }
    }

    #[inline]
    pub(crate) fn take(&self, layout: BlockLayout) -> NonNull<u8> {
        let Some(class) = layout.class else {
            return layout.allocate();
        };
        let class = self.class(class);
        match class.head.get() {
            Some(block) => {
                // SAFETY: a free block's first word holds the link that `give` wrote.
                class.head.set(unsafe { block.cast::<Option<NonNull<u8>>>().read() });
                class.free.set(class.free.get() - 1);
                block
            }
            None => layout.allocate(),
        }
    }

    /// # Safety
    ///
    /// `block` was taken for this layout and nobody uses it any more.
    #[inline]
    pub(crate) unsafe fn give(&self, block: NonNull<u8>, layout: BlockLayout) {
        match layout.class.map(|class| self.class(class)) {
            Some(class) if class.free.get() < FREE_MAX => {
                // SAFETY: the block is unused by contract and larger than a pointer.
                unsafe { block.cast::<Option<NonNull<u8>>>().write(class.head.get()) };
                class.head.set(Some(block));
                class.free.set(class.free.get() + 1);
            }
            // SAFETY: the caller's contract is that of `deallocate`.
            _ => unsafe { layout.deallocate(block) },
        }
    }
}

impl Drop for BlockPool {
    fn drop(&mut self) {
        for (class, index) in self.classes.get_mut().iter().zip(0..) {
            let layout = BlockLayout::new(
                Layout::from_size_align(class_bytes(index), BLOCK_ALIGN).expect("a class's layout"),
            );
            let mut next = class.head.take();
            while let Some(block) = next {
                // SAFETY: a free block holds its link, is of this class and used by nobody.
                unsafe {
                    next = block.cast::<Option<NonNull<u8>>>().read();
                    layout.deallocate(block);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_block_serves_the_next_task_of_its_class() {
        let pool = BlockPool::default();
        let small = BlockLayout::new(Layout::new::<[u64; 10]>());
        let same_class = BlockLayout::new(Layout::new::<[u8; 128]>());
        let block = pool.take(small);
        // SAFETY: taken just above, for this layout.
        unsafe { pool.give(block, small) };
        let again = pool.take(same_class);
        assert_eq!(block, again);
        // SAFETY: taken just above, for this layout.
        unsafe { pool.give(again, same_class) };
    }

    #[test]
    fn every_size_fits_its_class_and_no_smaller_one() {
        for bytes in (1..5000).chain([(1 << 20) - 1, 1 << 20]) {
            let class = class_of(bytes);
            assert!(class_bytes(class) >= bytes, "{bytes}");
            assert!(class == 0 || class_bytes(class - 1) < bytes, "{bytes}");
        }
        assert_eq!(class_bytes(CLASSES - 1), 1 << 20);
        assert_eq!(class_of((1 << 20) + 1), CLASSES);
    }

    #[test]
    fn odd_sizes_and_alignments_get_what_they_ask_for() {
        #[repr(align(256))]
        struct Strict(#[allow(dead_code, reason = "only its layout is of interest")] [u8; 300]);

        let pool = BlockPool::default();
        for layout in [
            Layout::new::<u8>(),
            Layout::new::<[u8; 129]>(),
            Layout::new::<[u8; 1 << 20]>(),
            Layout::new::<[u8; (1 << 20) + 1]>(),
            Layout::new::<Strict>(),
        ] {
            let blocks = BlockLayout::new(layout);
            let block = pool.take(blocks);
            assert_eq!(block.as_ptr() as usize % layout.align(), 0);
            // SAFETY: the block is ours and at least as large as the layout.
            unsafe { block.write_bytes(0xEE, layout.size()) };
            // SAFETY: taken just above, for this layout.
            unsafe { pool.give(block, blocks) };
        }
    }
}
