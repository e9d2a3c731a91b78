//! A name for a socket: what is set before it can be found there.

use std::io;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use rustix::fs::{Mode, chmod, fchmod};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};

use super::address::{ToUnixAddress, invalid, to_kernel};
use super::path::{BoundPath, Holder, holder, remove};
use super::{UnixDatagram, UnixListener, UnixSeqpacketListener};

/// Binds a Unix socket to a path or an abstract name.
///
/// The file of a path is removed when its listener or datagram socket is dropped, since nobody can
/// be reached there any more and the next bind would fail; only that file, not one that has come to
/// its place meanwhile. A process that is killed leaves it behind: the next one finds a *stale*
/// socket, which [`replace_stale`](Self::replace_stale) lets it replace.
///
/// ```
/// use taut_net::{UnixBind, UnixStream};
///
/// # let folder = std::env::temp_dir().join(format!("taut-bind-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("gateway.sock");
/// taut_runtime::run(async move {
///     let bind = UnixBind::new(&path)?.mode(0o600).replace_stale(true);
///     let listener = bind.listen()?;
///     let _client = UnixStream::connect(&path).await?;
///     let stream = listener.accept().await?;
///     assert_eq!(stream.peer_credentials()?.pid, Some(std::process::id()));
///     drop(listener);
///     assert!(!path.exists());
///     Ok::<(), std::io::Error>(())
/// })??;
/// # std::fs::remove_dir(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is bound until `listen`, `listen_seqpacket` or `datagram`"]
pub struct UnixBind {
    address: SocketAddr,
    mode: Option<u32>,
    replace_stale: bool,
    unlink_on_drop: bool,
    backlog: u32,
}

impl UnixBind {
    /// Connections that wait unaccepted in the kernel, unless [`backlog`](Self::backlog) says
    /// otherwise.
    pub const BACKLOG_DEFAULT: u32 = 1024;

    /// A socket at this address.
    ///
    /// # Errors
    ///
    /// `InvalidInput` where it can't be one: see [`ToUnixAddress`].
    pub fn new(address: impl ToUnixAddress) -> io::Result<Self> {
        Ok(Self {
            address: address.to_unix_address()?,
            mode: None,
            replace_stale: false,
            unlink_on_drop: true,
            backlog: Self::BACKLOG_DEFAULT,
        })
    }

    /// The permissions of the file, such as `0o600`; whoever connects needs to be allowed to write.
    /// They hold from the first moment on, and the process's mask takes nothing away. Default:
    /// `0o777` without what the mask takes away, as the kernel has it.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Removes a socket at that path that nobody listens on, and takes its place. Default: false,
    /// and binding fails with an error that says so.
    ///
    /// A socket that is bound and does not listen *yet* looks the same. So of processes that start
    /// at the same moment with this, only one should be meant for the path.
    pub fn replace_stale(mut self, replace: bool) -> Self {
        self.replace_stale = replace;
        self
    }

    /// Whether dropping the listener or datagram socket removes the file. Default: true.
    pub fn unlink_on_drop(mut self, unlink: bool) -> Self {
        self.unlink_on_drop = unlink;
        self
    }

    /// Connections that wait unaccepted in the kernel; it caps the number at `net.core.somaxconn`.
    /// Who connects while the queue is full waits. Default: [`BACKLOG_DEFAULT`].
    ///
    /// [`BACKLOG_DEFAULT`]: Self::BACKLOG_DEFAULT
    pub fn backlog(mut self, connections: u32) -> Self {
        self.backlog = connections;
        self
    }

    /// Listens for streams.
    ///
    /// # Errors
    ///
    /// `AddrInUse`, which tells who is there: a socket that is in use, one that is stale, a file
    /// that is no socket. What `socket(2)`, `bind(2)` and `listen(2)` tell otherwise, such as
    /// `PermissionDenied` or `NotFound` of the directory.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn listen(&self) -> io::Result<UnixListener> {
        let (socket, path) = self.listening(SocketType::STREAM)?;
        Ok(UnixListener::from_listening(socket, path))
    }

    /// Listens for connections that carry messages.
    ///
    /// # Errors
    ///
    /// As for [`listen`](Self::listen).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn listen_seqpacket(&self) -> io::Result<UnixSeqpacketListener> {
        let (socket, path) = self.listening(SocketType::SEQPACKET)?;
        Ok(UnixSeqpacketListener::from_listening(socket, path))
    }

    /// Receives datagrams there.
    ///
    /// # Errors
    ///
    /// As for [`listen`](Self::listen).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn datagram(&self) -> io::Result<UnixDatagram> {
        let (socket, path) = self.bound(SocketType::DGRAM)?;
        UnixDatagram::from_bound(socket, path)
    }

    fn listening(&self, kind: SocketType) -> io::Result<(OwnedFd, Option<BoundPath>)> {
        let (socket, path) = self.bound(kind)?;
        listen(&socket, i32::try_from(self.backlog).unwrap_or(i32::MAX))?;
        Ok((socket, path))
    }

    fn bound(&self, kind: SocketType) -> io::Result<(OwnedFd, Option<BoundPath>)> {
        let socket = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
        let kernel = to_kernel(&self.address)?;
        let Some(path) = self.address.as_pathname() else {
            if self.mode.is_some() {
                let message = "an abstract name has no permissions: leave out the mode, and look \
                               at the credentials of whoever connects";
                return Err(invalid(message.to_owned()));
            }
            return bind(&socket, &kernel).map(|()| (socket, None)).map_err(|error| {
                let name = self.address.as_abstract_name().unwrap_or_default().escape_ascii();
                explained(error, &format!("the abstract name {name} can't be bound"))
            });
        };
        // Without what the mode leaves out the file is never there; what the mask takes away comes
        // afterwards.
        let mode = self.mode.map(Mode::from_raw_mode);
        mode.map_or(Ok(()), |mode| fchmod(&socket, mode))?;
        self.bind_at(path, &socket, &kernel, kind)?;
        let mut bound = BoundPath::new(path)?;
        mode.map_or(Ok(()), |mode| chmod(path, mode))?;
        if !self.unlink_on_drop {
            bound.keep();
        }
        Ok((socket, Some(bound)))
    }

    fn bind_at(
        &self,
        path: &Path,
        socket: &OwnedFd,
        address: &SocketAddrUnix,
        kind: SocketType,
    ) -> io::Result<()> {
        let shown = path.display();
        let failed = |error| explained(error, &format!("a socket at {shown} can't be bound"));
        match bind(socket, address) {
            Err(Errno::ADDRINUSE) => {}
            outcome => return outcome.map_err(failed),
        }
        let why = match holder(path, kind)? {
            Holder::Stale(inode) if self.replace_stale => {
                remove(path, inode)?;
                return bind(socket, address).map_err(failed);
            }
            // Whoever was there has just gone.
            Holder::Nobody => return bind(socket, address).map_err(failed),
            Holder::Stale(_) => {
                "is a socket that nobody listens on, left by a process that has ended: remove it, \
                 or bind with replace_stale"
            }
            Holder::Alive => "is a socket that is in use: stop whoever serves there",
            Holder::Other => "is there and is no socket, so it is left alone: use another path",
        };
        Err(io::Error::new(io::ErrorKind::AddrInUse, format!("{shown} {why}")))
    }
}

fn explained(error: Errno, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
