//! A connection of bytes between two processes of the host.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::SocketAddr;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use socket2::SockAddr;
use taut_runtime::io::Descriptor;
use taut_runtime::task::waiting;

use super::address::{ToUnixAddress, from_kernel};
use super::connect::connected;
use super::options::unix_options;
use crate::Stream;
use crate::stream::{Family, Kind, Waits, waits};

/// A Unix connection. What it does is written at [`Stream`].
///
/// Descriptors that the peer passes on it are closed by the kernel, since no plain receive takes
/// them: for those there is [`UnixFdStream`](crate::UnixFdStream).
///
/// ```
/// use taut_net::UnixStream;
///
/// taut_runtime::run(async {
///     let (mut strategy, mut gateway) = UnixStream::pair()?;
///     strategy.write_all(b"35=D").await?;
///     assert_eq!(&gateway.recv().await?[..], b"35=D");
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type UnixStream = Stream<Unix>;

/// The family of [`UnixStream`].
#[derive(Debug)]
pub enum Unix {}

impl Family for Unix {
    type Address = SocketAddr;
    type Std = std::os::unix::net::UnixStream;
}

impl Kind for Unix {
    const WAITS: Waits = waits!("a Unix stream");
    const IS_STAMPED: bool = false;

    fn address(of_kernel: &SockAddr) -> io::Result<SocketAddr> {
        from_kernel(of_kernel)
    }
}

unix_options!(UnixStream);

impl UnixStream {
    /// Connects to a path or an abstract name. While the listener's queue is full this waits.
    /// Dropping the future closes its socket.
    ///
    /// # Errors
    ///
    /// What `connect(2)` tells: `NotFound` where there is no such path, `ConnectionRefused` where
    /// nobody listens, `PermissionDenied` where this user may not write to it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn connect(to: impl ToUnixAddress) -> impl Future<Output = io::Result<Self>> {
        let to = to.to_unix_address();
        waiting("connect of a Unix stream", async {
            let socket = connected(SocketType::STREAM, to).await?;
            Ok(Self::from_connected(socket.into_descriptor()))
        })
    }

    /// Two streams that are connected with each other.
    ///
    /// # Errors
    ///
    /// What `socketpair(2)` tells, such as `EMFILE`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = pair(SocketType::STREAM)?;
        let stream = |fd: OwnedFd| Self::from_connected(Descriptor::from(fd));
        Ok((stream(one), stream(other)))
    }

    /// Takes over a connected socket.
    ///
    /// # Errors
    ///
    /// What `ioctl(2)` tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn from_std(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        Ok(Self::from_connected(OwnedFd::from(stream).into()))
    }
}

/// Two sockets of a kind that are connected with each other.
pub(super) fn pair(kind: SocketType) -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?)
}
