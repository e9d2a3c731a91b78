//! The floor: non-blocking `recv` in a loop, and `send` of what came.
//!
//! Two system calls a message on one connection and nothing else; every empty poll is one more.
//! With several connections it asks them one after the other, since whoever has no readiness
//! interface must.

use std::io;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::acceptor::Acceptor;
use super::{RawConnection, Service};
use crate::transport::Listener;

const BUFFER_BYTES: usize = 64 << 10;

/// Serves for as long as the process lives.
pub(super) fn serve(listener: Listener, service: &Service) -> io::Result<()> {
    let acceptor = Acceptor::start(listener)?;
    let mut streams: Vec<RawConnection> = Vec::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut syscalls = 0;
    loop {
        let mut index = 0;
        while let Some(connection) = streams.get_mut(index) {
            syscalls += 1;
            match recv(&connection.stream, &mut buffer[..], RecvFlags::empty()) {
                // The peer has ended it, in order or not; both end the connection here too.
                Ok((0, _)) | Err(Errno::CONNRESET | Errno::PIPE) => {
                    streams.swap_remove(index);
                    continue;
                }
                Ok((count, _)) => {
                    let received = &buffer[..count];
                    let served = connection.answer(received, service.duty, &mut syscalls)?;
                    service.attendant.served(served, || syscalls);
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            index += 1;
        }
        if acceptor.has_some() {
            acceptor.take(&mut streams);
        }
        if streams.is_empty() {
            std::hint::spin_loop();
        }
    }
}
