//! The calls without a safe form that fits: a receive with what comes along, and the peer's pidfd.
//!
//! Not rustix's receive, whose process numbers are never zero, as those of another PID namespace
//! are.
//!
//! Invariants: every descriptor that the kernel installs is owned before anything else can fail,
//! and closed on exec; nothing is read that the kernel did not write.

use std::io;
use std::mem::{MaybeUninit, offset_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use libc::{c_int, c_uint, socklen_t};

use crate::number_option::NumberOption;

/// The most descriptors of one message: the kernel's `SCM_MAX_FD`.
pub(super) const FDS_MAX: usize = 253;

const PEER_PIDFD: NumberOption =
    NumberOption::new(libc::SOL_SOCKET, libc::SO_PEERPIDFD, "SO_PEERPIDFD", "6.5");

// Of <linux/socket.h>.
const SCM_PIDFD: c_int = 4;

const FD_BYTES: usize = size_of::<c_int>();
/// Room for credentials, padded for what follows.
// SAFETY: it is arithmetic.
const CREDENTIALS_SPACE: usize =
    unsafe { libc::CMSG_SPACE(size_of::<libc::ucred>() as c_uint) } as usize;
/// Room for all descriptors there can be.
// SAFETY: as above.
const FDS_SPACE: usize = unsafe { libc::CMSG_SPACE((FDS_MAX * FD_BYTES) as c_uint) } as usize;

/// Aligned as the headers of control messages are.
#[repr(C)]
union Control {
    alignment: libc::cmsghdr,
    bytes: [MaybeUninit<u8>; CREDENTIALS_SPACE + FDS_SPACE],
}

/// How a message is received.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Descriptors to take; the kernel closes what is beyond.
    pub(super) fds: usize,
    /// `SO_PASSCRED` is set, so credentials come first.
    pub(super) credentials: bool,
}

/// What came with a message.
#[derive(Debug)]
pub(super) struct Came {
    /// Bytes that were stored.
    pub(super) stored: usize,
    /// Bytes of the message, stored or not.
    pub(super) length: usize,
    /// Descriptors, or credentials, did not fit or could not be installed.
    pub(super) control_cut: bool,
    pub(super) fds: Vec<OwnedFd>,
    pub(super) credentials: Option<libc::ucred>,
    /// The sender's path or name, as in `sockaddr_un`.
    sender: [u8; 108],
    sender_bytes: usize,
}

impl Came {
    /// The path bytes of the sender's address; none where it has no name.
    pub(super) fn sender(&self) -> &[u8] {
        &self.sender[..self.sender_bytes]
    }
}

/// Receives without waiting. `length` is told for messages; on a stream it is what was stored.
pub(super) fn receive(socket: BorrowedFd<'_>, to: &mut [u8], wanted: Wanted) -> io::Result<Came> {
    let fds = wanted.fds.min(FDS_MAX);
    let mut control = MaybeUninit::<Control>::uninit();
    let mut slice = libc::iovec { iov_base: to.as_mut_ptr().cast(), iov_len: to.len() };
    // SAFETY: both are plain data, of which all zeroes is a value.
    let (mut header, mut sender): (libc::msghdr, libc::sockaddr_un) = unsafe { zeroed() };
    header.msg_name = ptr::from_mut(&mut sender).cast();
    header.msg_namelen = size_of::<libc::sockaddr_un>() as socklen_t;
    header.msg_iov = &mut slice;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = control_bytes(fds, wanted.credentials);
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC | libc::MSG_TRUNC;
    // SAFETY: the header names `sender`, `to` and the first bytes of `control`, all of which are
    // writable for so many bytes and outlive the call.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &mut header, flags) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    let path_starts = offset_of!(libc::sockaddr_un, sun_path);
    let mut came = Came {
        stored: length.min(to.len()),
        length,
        control_cut: header.msg_flags & libc::MSG_CTRUNC != 0,
        fds: Vec::new(),
        credentials: None,
        sender: sender.sun_path.map(|byte| byte as u8),
        sender_bytes: (header.msg_namelen as usize)
            .saturating_sub(path_starts)
            .min(size_of::<libc::sockaddr_un>() - path_starts),
    };
    // SAFETY: the call has succeeded, so the header describes what the kernel wrote to `control`.
    unsafe { take_control(&header, &mut came) };
    Ok(came)
}

/// Exactly so many descriptors fit: the padding that `CMSG_SPACE` adds would hold another one.
fn control_bytes(fds: usize, credentials: bool) -> usize {
    let fds = match fds {
        0 => 0,
        // SAFETY: it is arithmetic.
        fds => unsafe { libc::CMSG_LEN((fds * FD_BYTES) as c_uint) as usize },
    };
    fds + if credentials { CREDENTIALS_SPACE } else { 0 }
}

/// Takes ownership of all descriptors, and the credentials.
///
/// # Safety
///
/// The header is as a successful `recvmsg` left it, its control buffer is still there, and this is
/// called once for it.
unsafe fn take_control(header: &libc::msghdr, came: &mut Came) {
    // SAFETY: the macros stay inside of the control buffer that the kernel described; data of a
    // control message is read unaligned, and only as far as its length reaches. Each descriptor was
    // installed for this call alone, so it has no other owner.
    unsafe {
        let mut next = libc::CMSG_FIRSTHDR(header);
        while let Some(message) = next.as_ref() {
            let data = libc::CMSG_DATA(message);
            let bytes = message.cmsg_len - libc::CMSG_LEN(0) as usize;
            match (message.cmsg_level, message.cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                    let fds = data.cast::<c_int>();
                    came.fds.extend(
                        (0..bytes / FD_BYTES)
                            .map(|index| OwnedFd::from_raw_fd(fds.add(index).read_unaligned())),
                    );
                }
                // Of a socket that somebody set `SO_PASSPIDFD` on; it is not handed out.
                (libc::SOL_SOCKET, SCM_PIDFD) if bytes >= FD_BYTES => {
                    drop(OwnedFd::from_raw_fd(data.cast::<c_int>().read_unaligned()));
                }
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if bytes >= size_of::<libc::ucred>() => {
                    came.credentials = Some(data.cast::<libc::ucred>().read_unaligned());
                }
                _ => {}
            }
            next = libc::CMSG_NXTHDR(header, message);
        }
    }
}

/// `SO_PEERPIDFD`.
pub(super) fn peer_pidfd(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let fd = PEER_PIDFD.get(&socket)?;
    // SAFETY: the kernel has just installed it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use rustix::io::{FdFlags, fcntl_getfd};
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

    fn pass(stream: &UnixStream, count: usize) {
        let fds = vec![stream.as_fd(); count];
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        let bytes = [io::IoSlice::new(b"x")];
        sendmsg(stream, &bytes, &mut control, SendFlags::empty()).unwrap();
    }

    fn receive_fds(stream: &UnixStream, fds: usize) -> Came {
        receive(stream.as_fd(), &mut [0; 8], Wanted { fds, credentials: false }).unwrap()
    }

    #[test]
    fn exactly_as_many_descriptors_come_as_are_wanted() {
        let (one, other) = UnixStream::pair().unwrap();
        for (sent, wanted) in [(3, 3), (4, 3), (1, 0), (0, 5), (2, 1), (253, 253), (253, 252)] {
            match sent {
                0 => (&one).write_all(b"x").unwrap(),
                sent => pass(&one, sent),
            }
            let came = receive_fds(&other, wanted);
            assert_eq!(came.fds.len(), sent.min(wanted), "{sent} sent, {wanted} wanted");
            assert_eq!(came.control_cut, sent > wanted, "{sent} sent, {wanted} wanted");
            assert_eq!((came.stored, came.sender()), (1, &b""[..]));
            for fd in &came.fds {
                assert!(fcntl_getfd(fd).unwrap().contains(FdFlags::CLOEXEC));
            }
        }
    }

    #[test]
    fn a_receive_that_fails_says_why() {
        let (one, other) = UnixStream::pair().unwrap();
        let wanted = Wanted { fds: usize::MAX, credentials: true };
        let error = receive(one.as_fd(), &mut [], wanted).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(other);
        assert_eq!(receive(one.as_fd(), &mut [], wanted).unwrap().length, 0);
        let file = std::fs::File::open("/dev/null").unwrap();
        let error = receive(file.as_fd(), &mut [], wanted).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOTSOCK));
        assert!(peer_pidfd(file.as_fd()).is_err());
    }

    #[test]
    fn a_pidfd_is_closed_on_exec() {
        let (one, _other) = UnixStream::pair().unwrap();
        match peer_pidfd(one.as_fd()) {
            Ok(fd) => assert!(fcntl_getfd(&fd).unwrap().contains(FdFlags::CLOEXEC)),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}"),
        }
    }
}
