//! A server on epoll without a runtime, edge-triggered: `epoll_wait`, `recv`, `send`.
//!
//! It never sleeps, or it does; everything else is the same. No call re-arms anything, and a short
//! read has emptied the socket (data that comes later raises a new edge), so a message costs one
//! `epoll_wait` that finds it, one `recv` and one `send`.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{RecvFlags, recv};

use super::{RawConnection, Service};
use crate::transport::Listener;

const BUFFER_BYTES: usize = 64 << 10;
const EVENTS: usize = 1024;

/// Serves for as long as the process lives.
pub(super) fn serve(listener: &Listener, spin: bool, service: &Service) -> io::Result<()> {
    ioctl_fionbio(listener, true)?;
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let listener_key = listener.as_raw_fd() as u64;
    epoll::add(&poll, listener, epoll::EventData::new_u64(listener_key), epoll::EventFlags::IN)?;
    let mut streams = HashMap::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS);
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let timeout = spin.then_some(&at_once);
    let mut syscalls = 0;
    loop {
        events.clear();
        syscalls += 1;
        match epoll::wait(&poll, spare_capacity(&mut events), timeout) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let key = event.data.u64();
            if key == listener_key {
                accept(listener, &poll, &mut streams)?;
            } else if let Some(connection) = streams.get_mut(&key) {
                // An end that came together with bytes raises no edge of its own.
                let flags = event.flags;
                let ended = flags.contains(epoll::EventFlags::RDHUP);
                if !answer(connection, ended, &mut buffer, service, &mut syscalls)? {
                    streams.remove(&key);
                }
            }
        }
    }
}

fn accept(
    listener: &Listener,
    poll: &OwnedFd,
    streams: &mut HashMap<u64, RawConnection>,
) -> io::Result<()> {
    loop {
        let stream = match listener.accept() {
            Ok(stream) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let key = stream.as_raw_fd() as u64;
        let flags = epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        epoll::add(poll, &stream, epoll::EventData::new_u64(key), flags)?;
        streams.insert(key, stream.into());
    }
}

/// Answers all that is there; false when the peer has ended the connection.
fn answer(
    connection: &mut RawConnection,
    ended: bool,
    buffer: &mut [u8],
    service: &Service,
    syscalls: &mut u64,
) -> io::Result<bool> {
    loop {
        *syscalls += 1;
        match recv(&connection.stream, &mut *buffer, RecvFlags::empty()) {
            Ok((0, _)) | Err(Errno::CONNRESET | Errno::PIPE) => return Ok(false),
            Ok((count, _)) => {
                let served = connection.answer(&buffer[..count], service.duty, syscalls)?;
                service.attendant.served(served, || *syscalls);
                if count < buffer.len() && !ended {
                    return Ok(true);
                }
            }
            Err(Errno::AGAIN) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
