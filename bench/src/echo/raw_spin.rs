//! The floor: non-blocking `recv` in a loop, and `send` of what came.
//!
//! Two system calls a message on one connection and nothing else; every empty poll is one more.
//! With several connections it asks them one after the other, since whoever has no readiness
//! interface must.

use std::io;
use std::net::TcpStream;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::server::{MessageEnd, send_all};
use crate::harness::gate::Attendant;

const BUFFER_BYTES: usize = 64 << 10;

/// Serves until the gate says stop or the client is gone.
pub(crate) fn serve(
    streams: &[TcpStream],
    message_end: &MessageEnd,
    attendant: &Attendant,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut syscalls = 0;
    loop {
        for stream in streams {
            syscalls += 1;
            let count = match recv(stream, &mut buffer[..], RecvFlags::empty()) {
                Ok((0, _)) => return Ok(()),
                Ok((count, _)) => count,
                Err(Errno::AGAIN | Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            send_all(stream, &buffer[..count], &mut syscalls)?;
            if message_end.reached_by(count) && !attendant.message_done(|| syscalls) {
                return Ok(());
            }
        }
    }
}
