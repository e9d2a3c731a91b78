//! The one call that sleeps: `epoll_pwait2` (Linux 5.11), which counts in nanoseconds, or else
//! `epoll_wait`, which rounds a time up to milliseconds.
//!
//! The kernel lets such a sleep end late by a thousandth of its length, so that timers may fire
//! together (`select_estimate_accuracy`), whatever the thread's timer slack. So a thousandth less
//! is asked for: where the kernel makes use of that and wakes the core early, it sleeps once more.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;
use std::{io, ptr};

use rustix::event::{Timespec, epoll};

/// The longest that the kernel takes for itself.
const KERNEL_SLACK_MAX: Duration = Duration::from_millis(100);

/// Takes events, as many as there is room for, and sleeps for them at the longest for `timeout`.
pub(crate) fn wait<'a>(
    epoll: &OwnedFd,
    room: &'a mut [MaybeUninit<epoll::Event>],
    timeout: Option<Duration>,
    in_nanoseconds: bool,
) -> io::Result<&'a [epoll::Event]> {
    // A time beyond what the kernel counts is no limit.
    let timespec = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match timeout {
        Some(timeout) if in_nanoseconds && !timeout.is_zero() => {
            let slack = (timeout / 1001).min(KERNEL_SLACK_MAX);
            let timespec = Timespec::try_from(timeout - slack).ok();
            wait_in_nanoseconds(epoll, room, timespec.as_ref())
        }
        _ => Ok(epoll::wait(epoll, room, timespec.as_ref())?.0),
    }
}

/// Whether the kernel, and whatever filters its calls, lets a sleep be told in nanoseconds.
pub(crate) fn try_nanoseconds(epoll: &OwnedFd) -> io::Result<()> {
    let none = Timespec { tv_sec: 0, tv_nsec: 0 };
    wait_in_nanoseconds(epoll, &mut [MaybeUninit::uninit()], Some(&none)).map(drop)
}

fn wait_in_nanoseconds<'a>(
    epoll: &OwnedFd,
    room: &'a mut [MaybeUninit<epoll::Event>],
    timeout: Option<&Timespec>,
) -> io::Result<&'a [epoll::Event]> {
    let timeout = timeout.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the kernel writes at most so many events, which have its layout, reads one `timespec`
    // of 64 bits a field, which `Timespec` is, and no signal mask.
    let taken = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll.as_raw_fd(),
            room.as_mut_ptr(),
            room.len(),
            timeout,
            ptr::null::<libc::sigset_t>(),
            0_usize,
        )
    };
    let Ok(taken) = usize::try_from(taken) else {
        return Err(io::Error::last_os_error());
    };
    // SAFETY: the kernel has written so many of them.
    Ok(unsafe { room[..taken].assume_init_ref() })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rustix::event::{EventfdFlags, eventfd};

    use super::*;

    fn empty() -> OwnedFd {
        epoll::create(epoll::CreateFlags::CLOEXEC).unwrap()
    }

    #[test]
    fn both_calls_tell_the_same_events() {
        let epoll = empty();
        let ready = eventfd(1, EventfdFlags::CLOEXEC).unwrap();
        let idle = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        for (descriptor, number) in [(&ready, u64::MAX - 7), (&idle, 8)] {
            let data = epoll::EventData::new_u64(number);
            epoll::add(&epoll, descriptor, data, epoll::EventFlags::IN).unwrap();
        }
        let in_nanoseconds = try_nanoseconds(&epoll).is_ok();
        for timeout in
            [None, Some(Duration::ZERO), Some(Duration::from_secs(9)), Some(Duration::MAX)]
        {
            for in_nanoseconds in [false, in_nanoseconds] {
                let mut room = [MaybeUninit::uninit(); 4];
                let events = wait(&epoll, &mut room, timeout, in_nanoseconds).unwrap();
                let events: Vec<_> =
                    events.iter().map(|event| (event.data.u64(), event.flags)).collect();
                assert_eq!(events, [(u64::MAX - 7, epoll::EventFlags::IN)]);
            }
        }
    }

    #[test]
    fn a_sleep_ends_early_by_a_thousandth_at_most() {
        let epoll = empty();
        let in_nanoseconds = try_nanoseconds(&epoll).is_ok();
        for micros in [1, 50, 999, 3_000, 20_000] {
            let timeout = Duration::from_micros(micros);
            let mut room = [MaybeUninit::uninit(); 4];
            let start = Instant::now();
            let events = wait(&epoll, &mut room, Some(timeout), in_nanoseconds).unwrap();
            assert!(events.is_empty());
            assert!(start.elapsed() >= timeout - timeout / 1000);
        }
    }
}
