//! A mapped, page-aligned piece of memory: huge pages and locked where the host grants it.
//!
//! The kernel holds the addresses, so a region never moves; it is unmapped when dropped, or leaked
//! on purpose when the kernel would not let go of it.

use std::ffi::c_void;
use std::ptr::{self, NonNull};

use rustix::mm::{MapFlags, ProtFlags, mlock, mmap_anonymous, munmap};

use crate::features::Features;
use crate::host::LockedMemory;

const PAGE_BYTES: usize = 4096;
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Feature names under which a region reports what it was granted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RegionNames {
    pub(crate) huge_pages: &'static str,
    pub(crate) locked: &'static str,
}

/// A private anonymous mapping.
#[derive(Debug)]
pub(crate) struct Region {
    start: NonNull<u8>,
    bytes: usize,
    /// Held for its destructor: whoever unlocks all memory would unlock this, too.
    locked: Option<LockedMemory>,
}

impl Region {
    /// Maps `bytes`, rounded up to whole pages, zeroed and already faulted in.
    ///
    /// Huge pages and the lock are tried where asked; a refusal is recorded in `features` and
    /// ordinary memory used instead.
    pub(crate) fn map(
        bytes: usize,
        huge_pages: bool,
        lock: bool,
        names: RegionNames,
        features: &mut Features,
    ) -> std::io::Result<Self> {
        let mut region = match Self::map_huge(bytes, huge_pages, names.huge_pages, features) {
            Some(region) => region,
            None => Self::map_pages(bytes)?,
        };
        if lock {
            // Counted first, so that nobody unlocks everything in between.
            let locked = LockedMemory::of_a_region();
            // SAFETY: the range is exactly the mapping that was just made.
            let outcome = unsafe { mlock(region.start.as_ptr().cast(), region.bytes) };
            match outcome {
                Ok(()) => {
                    region.locked = Some(locked);
                    features.grant(names.locked, "");
                }
                Err(error) => features
                    .refuse(names.locked, format!("{error}; raise `ulimit -l` (RLIMIT_MEMLOCK)")),
            }
        } else {
            features.not_asked(names.locked, "");
        }
        Ok(region)
    }

    /// Maps ordinary pages, zeroed and faulted in.
    pub(crate) fn map_pages(bytes: usize) -> std::io::Result<Self> {
        Self::map_with(bytes.next_multiple_of(PAGE_BYTES), MapFlags::empty())
    }

    fn map_huge(
        bytes: usize,
        asked: bool,
        name: &'static str,
        features: &mut Features,
    ) -> Option<Self> {
        if !asked {
            features.not_asked(name, "");
            return None;
        }
        let rounded = bytes.next_multiple_of(HUGE_PAGE_BYTES);
        match Self::map_with(rounded, MapFlags::HUGETLB | MapFlags::HUGE_2MB) {
            Ok(region) => {
                features.grant(name, format!("{} pages of 2 MiB", rounded / HUGE_PAGE_BYTES));
                Some(region)
            }
            Err(error) => {
                let pages = rounded / HUGE_PAGE_BYTES;
                features.refuse(
                    name,
                    format!("{error}; needs {pages} free, see /proc/sys/vm/nr_hugepages"),
                );
                None
            }
        }
    }

    fn map_with(bytes: usize, extra: MapFlags) -> std::io::Result<Self> {
        let flags = MapFlags::PRIVATE | MapFlags::POPULATE | extra;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice aliases nothing.
        let start = unsafe {
            mmap_anonymous(ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, flags)
        }?;
        let start = NonNull::new(start.cast::<u8>()).expect("mmap never returns null");
        Ok(Self { start, bytes, locked: None })
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the range is this mapping, and whoever drops it says that nobody, the kernel
        // included, uses it any more. A failure would leave it mapped, which harms nobody.
        let _ = unsafe { munmap(self.start.as_ptr().cast::<c_void>(), self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: RegionNames = RegionNames { huge_pages: "huge", locked: "locked" };

    #[test]
    fn is_zeroed_page_aligned_and_writable_to_its_last_byte() {
        let mut features = Features::default();
        let region = Region::map(5000, false, false, NAMES, &mut features).unwrap();
        assert_eq!(region.bytes(), 8192);
        assert_eq!(region.start().as_ptr() as usize % PAGE_BYTES, 0);
        // SAFETY: the region is mapped, zeroed and used by nobody else.
        let bytes =
            unsafe { std::slice::from_raw_parts_mut(region.start().as_ptr(), region.bytes()) };
        assert!(bytes.iter().all(|byte| *byte == 0));
        bytes.fill(0xA5);
        assert_eq!(bytes[8191], 0xA5);
    }

    #[test]
    fn refused_huge_pages_fall_back_and_say_why() {
        let mut features = Features::default();
        // More huge pages than any test machine reserves, but not more than the address space.
        let region = Region::map(1 << 20, true, false, NAMES, &mut features).unwrap();
        let row = features.rows().find(|row| row.name == "huge").unwrap();
        assert!(row.asked);
        assert!(row.granted || row.reason.contains("nr_hugepages"), "{row:?}");
        assert!(region.bytes() >= 1 << 20);
    }
}
