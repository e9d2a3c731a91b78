//! Raw epoll that never sleeps: the best that a readiness interface can do.
//!
//! Edge-triggered, so that no call re-arms anything; a short read has emptied the socket (data that
//! comes later raises a new edge), so a message costs one `epoll_wait` that finds it, one `recv`
//! and one `send`.

use std::io;
use std::net::TcpStream;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::server::{MessageEnd, send_all};
use crate::harness::gate::Attendant;

const BUFFER_BYTES: usize = 64 << 10;
const EVENTS: usize = 256;
const NO_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Serves until the gate says stop or the client is gone.
pub(crate) fn serve(
    streams: &[TcpStream],
    message_end: &MessageEnd,
    attendant: &Attendant,
) -> io::Result<()> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (index, stream) in streams.iter().enumerate() {
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, stream, epoll::EventData::new_u64(index as u64), flags)?;
    }
    let none =
        epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) };
    let mut events = [none; EVENTS];
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut syscalls = 0;
    loop {
        syscalls += 1;
        let ready = match epoll::wait(&epoll, &mut events[..], Some(&NO_WAIT)) {
            Ok(ready) => ready,
            Err(Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        for event in &events[..ready] {
            // The index that went in above.
            let stream = &streams[event.data.u64() as usize];
            loop {
                syscalls += 1;
                let count = match recv(stream, &mut buffer[..], RecvFlags::empty()) {
                    Ok((0, _)) => return Ok(()),
                    Ok((count, _)) => count,
                    Err(Errno::INTR) => continue,
                    Err(Errno::AGAIN) => break,
                    Err(error) => return Err(error.into()),
                };
                send_all(stream, &buffer[..count], &mut syscalls)?;
                if message_end.reached_by(count) && !attendant.message_done(|| syscalls) {
                    return Ok(());
                }
                if count < buffer.len() {
                    break;
                }
            }
        }
    }
}
