//! What a ring that gives every item to each reader does about a slow one.
//!
//! A reader that holds the sender up can be given a reference into the slot. One that is overtaken
//! may be reading while the slot is written: there a value goes in and out in words, and a reading
//! counts only where the stamp was the same before and after. The sender marks the stamp before it
//! writes the first word; a fence on each side orders the words between the two stamps. Nothing is
//! ever read as a `T` but what a stamp says is whole.

use std::sync::atomic::Ordering;

use bytemuck::{AnyBitPattern, NoUninit};

use super::ring::Ring;
use super::seqlock::{copy_in, copy_out};
use super::slots::{Cursor, Slots, filled};
use crate::threads::fence;

/// How a ring deals with a reader that is slower than its sender: [`Blocking`] or [`Lossy`], and
/// nothing else.
pub trait Mode<T>: Send + Sync + 'static {
    /// Whether the sender waits for the slowest reader.
    const BLOCKS: bool;

    /// Slots for so many items.
    #[doc(hidden)]
    fn slots(capacity: usize) -> Slots<T>;

    /// Puts an item into the slot of a position, in place of the one before, and publishes it,
    /// whatever panics after that.
    ///
    /// # Safety
    ///
    /// By the only sender, after the position before; no reader will look for the slot's former
    /// position, or else this is not a mode that blocks.
    #[doc(hidden)]
    unsafe fn put(ring: &Ring<T>, at: Cursor, item: T);

    /// What is in the slot of a position from the time before, to be dropped.
    ///
    /// # Safety
    ///
    /// As for [`put`](Self::put), once.
    #[doc(hidden)]
    unsafe fn take_former(ring: &Ring<T>, at: Cursor) -> Option<T>;

    /// A copy of an item; `None` where it is overwritten meanwhile.
    ///
    /// # Safety
    ///
    /// The stamp of the position was seen to say that the item is there, and, in a mode that
    /// blocks, the reader has not passed it.
    #[doc(hidden)]
    unsafe fn read(ring: &Ring<T>, at: Cursor) -> Option<T>;
}

/// The sender waits for the slowest reader: none loses anything.
#[derive(Clone, Copy, Debug)]
pub struct Blocking;

/// The sender waits for nobody: a reader that is overtaken is told how many items it lost.
#[derive(Clone, Copy, Debug)]
pub struct Lossy;

impl<T: Clone + Send + Sync + 'static> Mode<T> for Blocking {
    const BLOCKS: bool = true;

    fn slots(capacity: usize) -> Slots<T> {
        Slots::new(capacity)
    }

    #[inline]
    unsafe fn put(ring: &Ring<T>, at: Cursor, item: T) {
        // SAFETY: by contract.
        let former = unsafe { Self::take_former(ring, at) };
        // SAFETY: by contract nobody looks at the slot.
        unsafe { ring.slots.value(at).write(item) };
        publish(ring, at);
        drop(former);
    }

    #[inline]
    unsafe fn take_former(ring: &Ring<T>, at: Cursor) -> Option<T> {
        // SAFETY: the position one round before was filled, and its item is in the slot until now.
        (at.position > ring.capacity()).then(|| unsafe { ring.slots.value(at).read() })
    }

    #[inline]
    unsafe fn read(ring: &Ring<T>, at: Cursor) -> Option<T> {
        // SAFETY: the item is there, and the sender waits for this reader before it writes again.
        Some(unsafe { ring.slots.shared_value(at).as_ref() }.clone())
    }
}

#[inline]
fn publish<T>(ring: &Ring<T>, at: Cursor) {
    // For those who subscribe, and those who were overtaken. First: who has seen the item begins
    // behind it.
    ring.tail.store(at.position + 1, Ordering::Relaxed);
    ring.publish(at);
}

/// The stamp of a slot while the item of this position is written: more than that of any position
/// before, and less than that of the item.
const fn writing(position: u64) -> u64 {
    filled(position) - 1
}

impl<T: NoUninit + AnyBitPattern + Send> Mode<T> for Lossy {
    const BLOCKS: bool = false;

    fn slots(capacity: usize) -> Slots<T> {
        Slots::of_words(capacity)
    }

    #[inline]
    unsafe fn put(ring: &Ring<T>, at: Cursor, item: T) {
        // `Release`: who sees the mark sees the tail, which is this position, or a later one.
        ring.slots.stamp(at).store(writing(at.position), Ordering::Release);
        // Who sees a word of the new item sees the mark.
        fence(Ordering::Release);
        copy_in(bytemuck::bytes_of(&item), ring.slots.words(at));
        publish(ring, at);
    }

    #[inline]
    unsafe fn take_former(_ring: &Ring<T>, _at: Cursor) -> Option<T> {
        None
    }

    #[inline]
    unsafe fn read(ring: &Ring<T>, at: Cursor) -> Option<T> {
        let mut item = T::zeroed();
        copy_out(ring.slots.words(at), bytemuck::bytes_of_mut(&mut item));
        // Pairs with the sender's: a word of a later item was read after that one's mark.
        fence(Ordering::Acquire);
        let stamp = ring.slots.stamp(at).load(Ordering::Relaxed);
        (stamp == filled(at.position)).then_some(item)
    }
}
