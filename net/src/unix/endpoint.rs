//! A Unix socket whose messages come with descriptors, credentials and a sender.
//!
//! Under the datagram, the seqpacket and the stream for descriptors. Invariants: descriptors are
//! taken only by a call that asks for them, up to as many as it says; those that are taken and not
//! handed out are closed. What comes beyond is closed by the kernel and told as an error.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::SocketAddr;

use rustix::net::sockopt::{set_socket_passcred, socket_passcred};
use rustix::net::{
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, sendmsg, sendmsg_addr,
};
use taut_runtime::buffer::RxBuf;
use taut_runtime::io::{Interest, Messages};

use super::Credentials;
use super::address::{from_bytes, invalid};
use super::sys::{self, Came, Wanted};

/// The most descriptors that one message carries, on Linux.
pub const FDS_MAX: usize = sys::FDS_MAX;

/// A message, or the next bytes of a stream, with what came along.
#[derive(Debug)]
pub struct UnixMessage<B = RxBuf> {
    /// The bytes, or as many of them as there was room for.
    pub bytes: B,
    /// How many bytes were sent: more than there are in [`bytes`](Self::bytes) where there was too
    /// little room.
    pub length: usize,
    /// Descriptors that were passed, where they were asked for. They are closed on exec, and when
    /// they are dropped.
    pub fds: Vec<OwnedFd>,
    /// Who sent it, where that was [asked for](crate::UnixDatagram::set_pass_credentials).
    pub credentials: Option<Credentials>,
    /// The address of who sent it; unnamed where that has none.
    pub sender: SocketAddr,
}

impl<B: AsRef<[u8]>> UnixMessage<B> {
    /// Whether bytes at the end of the message were lost, for want of room.
    pub fn is_truncated(&self) -> bool {
        self.bytes.as_ref().len() < self.length
    }

    fn new(bytes: B, came: Came) -> io::Result<Self> {
        let sender = from_bytes(came.sender())?;
        let credentials = came.credentials.map(Credentials::from);
        Ok(Self { bytes, length: came.length, fds: came.fds, credentials, sender })
    }
}

/// The socket.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) messages: Messages,
    credentials: Cell<bool>,
}

impl Endpoint {
    pub(super) fn new(messages: Messages) -> io::Result<Self> {
        let credentials = Cell::new(socket_passcred(&messages)?);
        Ok(Self { messages, credentials })
    }

    pub(super) fn of(socket: OwnedFd) -> io::Result<Self> {
        Self::new(Messages::new(socket))
    }

    pub(super) fn set_pass_credentials(&self, pass: bool) -> io::Result<()> {
        set_socket_passcred(&self.messages, pass)?;
        self.credentials.set(pass);
        Ok(())
    }

    pub(super) async fn receive(&self, fds: Option<usize>) -> io::Result<UnixMessage> {
        let receive = |socket: BorrowedFd<'_>, to: &mut [u8]| {
            let came = sys::receive(socket, to, self.wanted(fds))?;
            Ok((came.stored, came))
        };
        let (bytes, came) = self.messages.receive(receive).await?;
        UnixMessage::new(bytes, complete(came, fds)?)
    }

    pub(super) async fn receive_to<'a>(
        &self,
        to: &'a mut [u8],
        fds: Option<usize>,
    ) -> io::Result<UnixMessage<&'a [u8]>> {
        let receive = |socket: BorrowedFd<'_>| sys::receive(socket, to, self.wanted(fds));
        let came = self.messages.call(Interest::Readable, receive).await?;
        UnixMessage::new(&to[..came.stored], complete(came, fds)?)
    }

    /// Asked at each call: credentials may be asked for while a receive waits.
    fn wanted(&self, fds: Option<usize>) -> Wanted {
        Wanted { fds: fds.unwrap_or(0), credentials: self.credentials.get() }
    }

    /// Sends to the peer, as much as the socket takes in one go.
    pub(super) async fn send(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        check_fds(fds)?;
        let send = |socket: BorrowedFd<'_>| send_now(socket, bytes, fds, None);
        self.messages.call(Interest::Writable, send).await
    }
}

impl AsFd for Endpoint {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.messages.as_fd()
    }
}

/// Whether all descriptors came that were passed; where they were not asked for, it does not
/// matter.
fn complete(came: Came, asked_for: Option<usize>) -> io::Result<Came> {
    let Some(room) = asked_for.filter(|_| came.control_cut) else { return Ok(came) };
    let taken = came.fds.len();
    let why = if taken >= room.min(FDS_MAX) {
        "this receive asked for no more: ask for as many as the peer may send"
    } else {
        "this process can't open any more (EMFILE): raise the limit of open files, or close some"
    };
    // Dropping `came` closes those that were taken.
    Err(io::Error::other(format!(
        "a message came with more descriptors than the {taken} that were taken: {why}. The message \
         is lost, and all its descriptors are closed"
    )))
}

pub(super) fn check_fds(fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    if fds.len() > FDS_MAX {
        let count = fds.len();
        return Err(invalid(format!(
            "{count} descriptors don't fit into one message, which carries {FDS_MAX} at most: send \
             several"
        )));
    }
    Ok(())
}

/// One call that does not wait.
pub(super) fn send_now(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
    to: Option<&SocketAddrUnix>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(sys::FDS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        let fits = control.push(SendAncillaryMessage::ScmRights(fds));
        assert!(fits, "the count was checked");
    }
    let slices = [IoSlice::new(bytes)];
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    Ok(match to {
        Some(to) => sendmsg_addr(socket, to, &slices, &mut control, flags),
        None => sendmsg(socket, &slices, &mut control, flags),
    }?)
}
