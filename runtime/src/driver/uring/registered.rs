//! The ring's place in its thread's table of rings (`IORING_REGISTER_RING_FDS`, Linux 5.18), which
//! spares each `enter` the look-up of a descriptor.
//!
//! The `io-uring` crate keeps the index in its short-lived `Submitter`, so the calls are made here.
//! Invariant: a place is given back before its ring is closed: it holds the ring open, and a thread
//! has sixteen of them.

use std::io;
use std::os::fd::RawFd;

use io_uring::types::SubmitArgs;
use io_uring::{EnterFlags, IoUring};
use std::os::fd::AsRawFd;

const IORING_REGISTER_RING_FDS: libc::c_uint = 20;
const IORING_UNREGISTER_RING_FDS: libc::c_uint = 21;

/// `struct io_uring_rsrc_update`.
#[repr(C)]
struct Update {
    offset: u32,
    reserved: u32,
    data: u64,
}

/// How `enter` names its ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RingName {
    number: RawFd,
    flag: EnterFlags,
}

impl RingName {
    /// The ring's descriptor.
    pub(crate) fn descriptor(ring: &IoUring) -> Self {
        Self { number: ring.as_raw_fd(), flag: EnterFlags::empty() }
    }

    /// A place in the calling thread's table.
    pub(crate) fn register(ring: &IoUring) -> io::Result<Self> {
        let data = ring.as_raw_fd() as u64;
        // Any place that is free.
        let mut update = Update { offset: u32::MAX, reserved: 0, data };
        change(ring, IORING_REGISTER_RING_FDS, &mut update)?;
        Ok(Self { number: update.offset as RawFd, flag: EnterFlags::REGISTERED_RING })
    }

    /// Gives the place back, if it is one.
    pub(crate) fn unregister(self, ring: &IoUring) {
        if self.flag.contains(EnterFlags::REGISTERED_RING) {
            let mut update = Update { offset: self.number as u32, reserved: 0, data: 0 };
            // It fails only for a place that is empty.
            let _ = change(ring, IORING_UNREGISTER_RING_FDS, &mut update);
        }
    }

    /// `io_uring_enter`; the submission queue itself says what the kernel took.
    ///
    /// # Safety
    ///
    /// The name is of a ring that is open, and what its new entries point to stays valid until
    /// their final completions. With arguments the flags have `EXT_ARG`.
    #[inline]
    pub(crate) unsafe fn enter(
        self,
        submissions: u32,
        completions_min: u32,
        flags: EnterFlags,
        arguments: Option<&SubmitArgs<'_, '_>>,
    ) -> io::Result<()> {
        let flags = (flags | self.flag).bits();
        let pointer = arguments.map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: by contract; the arguments, of the size told, live until the call returns.
        let taken = unsafe {
            libc::syscall(
                libc::SYS_io_uring_enter,
                self.number,
                submissions,
                completions_min,
                flags,
                pointer,
                size_of::<SubmitArgs<'_, '_>>(),
            )
        };
        if taken < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

fn change(ring: &IoUring, code: libc::c_uint, update: &mut Update) -> io::Result<()> {
    let fd = ring.as_raw_fd();
    let update = std::ptr::from_mut(update);
    // SAFETY: the kernel reads, and for a registration writes, one structure of this layout.
    let changed = unsafe { libc::syscall(libc::SYS_io_uring_register, fd, code, update, 1) };
    if changed == 1 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
