//! Being connected, and the wait that the kernel offers no readiness for.
//!
//! A Unix socket is connected at once or, while the listener's queue is full, not at all: a
//! non-blocking call says `EAGAIN` and nothing tells when there is room. The same holds for a
//! datagram to a receiver whose queue is full. So both are tried again every [`RETRY`], on both
//! drivers; a wait that is dropped has done nothing.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::net::SocketAddr;
use std::time::Duration;

use rustix::io::ioctl_fionbio;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use taut_runtime::io::{Interest, Messages};
use taut_runtime::time::sleep;

use super::address::to_kernel;

/// Between two attempts at a full queue.
const RETRY: Duration = Duration::from_micros(500);

/// A connected socket, which blocks.
pub(super) async fn connected(
    kind: SocketType,
    to: io::Result<SocketAddr>,
) -> io::Result<Messages> {
    let address = to_kernel(&to?)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = Messages::new(socket_with(AddressFamily::UNIX, kind, flags, None)?);
    while_full(&socket, |socket| Ok(connect(socket, &address)?)).await?;
    ioctl_fionbio(&socket, false)?;
    Ok(socket)
}

/// Makes a call; while it says that a queue is full, makes it again after a while.
pub(super) async fn while_full<T>(
    socket: &Messages,
    mut call: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
) -> io::Result<T> {
    loop {
        let once = |socket: BorrowedFd<'_>| match call(socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            outcome => outcome.map(Some),
        };
        match socket.call(Interest::Writable, once).await? {
            Some(done) => return Ok(done),
            None => sleep(RETRY).await?,
        }
    }
}
