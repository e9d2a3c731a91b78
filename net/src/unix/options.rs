//! Options and questions that all connected Unix sockets share.

/// Implements them for a type with a descriptor.
macro_rules! unix_options {
    ($type:ty) => {
        impl $type {
            /// The address of this end; unnamed unless it was bound.
            ///
            /// # Errors
            ///
            /// What `getsockname(2)` tells.
            pub fn local_addr(&self) -> std::io::Result<std::os::unix::net::SocketAddr> {
                $crate::unix::address::from_kernel(&socket2::SockRef::from(self).local_addr()?)
            }

            /// The process at the other end (`SO_PEERCRED`), as it was when it connected.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn peer_credentials(&self) -> std::io::Result<$crate::Credentials> {
                $crate::unix::credentials::of_peer(std::os::fd::AsFd::as_fd(self))
            }

            /// The process at the other end as a descriptor, which goes on to mean just that one
            /// (`SO_PEERPIDFD`); readable once it has ended.
            ///
            /// # Errors
            ///
            /// `Unsupported` before Linux 6.5; what `getsockopt(2)` tells: `ESRCH`, `EINVAL` or
            /// `ENODATA` where the process is gone or there is none.
            pub fn peer_pidfd(&self) -> std::io::Result<std::os::fd::OwnedFd> {
                $crate::unix::sys::peer_pidfd(std::os::fd::AsFd::as_fd(self))
            }

            /// What may be under way to the peer, in bytes, with the kernel's own overhead: it
            /// bounds the largest datagram, too.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn send_buffer_size(&self) -> std::io::Result<usize> {
                $crate::socket_options::send_buffer_size(self)
            }

            /// Sets what may be under way to the peer, in bytes, and says what the kernel granted:
            /// it caps the value at `net.core.wmem_max`, and keeps as much again for itself. The
            /// receive buffer of a Unix socket limits nothing.
            ///
            /// # Errors
            ///
            /// What `setsockopt(2)` tells.
            pub fn set_send_buffer_size(&self, bytes: usize) -> std::io::Result<usize> {
                $crate::socket_options::set_send_buffer_size(self, bytes)
            }
        }
    };
}

pub(super) use unix_options;
