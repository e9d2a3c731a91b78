//! The provided-buffer ring (`IORING_REGISTER_PBUF_RING`, Linux 5.19): slots that the kernel takes
//! for receives, by itself.
//!
//! Invariant: the ring has as many entries as there are slots, so it can't overflow. The tail wraps
//! at 2^16; the kernel reads it with acquire, we publish it with release.

use std::fmt;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::IoUring;
use io_uring::types::BufRingEntry;

use crate::buffer::{ProvidedRing, Region};

/// The one buffer group of a core's ring.
pub(crate) const GROUP: u16 = 0;

/// See the module's documentation.
pub(crate) struct BufferRing {
    entries: Region,
    mask: u16,
    tail: u16,
}

impl BufferRing {
    /// Registers an empty ring of `slots` entries, a power of two.
    pub(crate) fn register(ring: &IoUring, slots: u16) -> io::Result<Self> {
        assert!(slots.is_power_of_two());
        let entries = Region::map_pages(slots as usize * size_of::<BufRingEntry>())?;
        let address = entries.start().as_ptr() as u64;
        // SAFETY: the mapping is page-aligned and large enough. It lives until the pool is
        // detached, which is after the ring was drained (or never, where it could not be).
        unsafe { ring.submitter().register_buf_ring_with_flags(address, slots, GROUP, 0) }?;
        Ok(Self { entries, mask: slots - 1, tail: 0 })
    }
}

impl ProvidedRing for BufferRing {
    #[inline]
    fn provide(&mut self, slot: u16, start: NonNull<u8>, bytes: u32) {
        let entries = self.entries.start().cast::<BufRingEntry>();
        let index = (self.tail & self.mask) as usize;
        // SAFETY: the index is masked to the ring's size. The kernel does not read an entry at or
        // beyond the tail, and there are no more slots than entries, so this one is free.
        let entry = unsafe { entries.add(index).as_mut() };
        entry.set_addr(start.as_ptr() as u64);
        entry.set_len(bytes);
        entry.set_bid(slot);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail lies in the first entry's unused field, inside the mapping and aligned;
        // the kernel only reads it.
        let tail = unsafe { &*BufRingEntry::tail(entries.as_ptr()).cast::<AtomicU16>() };
        tail.store(self.tail, Ordering::Release);
    }
}

impl fmt::Debug for BufferRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferRing").field("tail", &self.tail).finish_non_exhaustive()
    }
}
