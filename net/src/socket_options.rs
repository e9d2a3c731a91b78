//! What every IP socket has, of whatever protocol: its address and options.
//!
//! `socket_options!` implements them for a type that is [`AsFd`]. Each is one system call and keeps
//! nothing on our side: what is read is what the kernel has.

use std::ffi::c_int;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use libc::{
    SO_BUSY_POLL, SO_BUSY_POLL_BUDGET, SO_INCOMING_CPU, SO_INCOMING_NAPI_ID, SO_MARK,
    SO_PREFER_BUSY_POLL, SO_PRIORITY, SO_RCVBUF, SO_RCVBUFFORCE, SO_SNDBUF, SO_SNDBUFFORCE,
    SOL_SOCKET,
};
use socket2::{Domain, SockAddr, SockRef};

use crate::number_option::NumberOption;

const ADMIN: &str = "CAP_NET_ADMIN";
const ADMIN_OR_RAW: &str = "CAP_NET_ADMIN or CAP_NET_RAW";

const RECV_BUFFER: NumberOption = NumberOption::new(SOL_SOCKET, SO_RCVBUF, "SO_RCVBUF", "2.0");
const SEND_BUFFER: NumberOption = NumberOption::new(SOL_SOCKET, SO_SNDBUF, "SO_SNDBUF", "2.0");
const RECV_BUFFER_FORCE: NumberOption =
    NumberOption::new(SOL_SOCKET, SO_RCVBUFFORCE, "SO_RCVBUFFORCE", "2.6.14").needs(ADMIN);
const SEND_BUFFER_FORCE: NumberOption =
    NumberOption::new(SOL_SOCKET, SO_SNDBUFFORCE, "SO_SNDBUFFORCE", "2.6.14").needs(ADMIN);
pub(crate) const PRIORITY: NumberOption =
    NumberOption::new(SOL_SOCKET, SO_PRIORITY, "SO_PRIORITY above 6", "2.0").needs(ADMIN_OR_RAW);
pub(crate) const MARK: NumberOption =
    NumberOption::new(SOL_SOCKET, SO_MARK, "SO_MARK", "2.6.25").needs(ADMIN_OR_RAW);
const BUSY_POLL: NumberOption =
    NumberOption::new(SOL_SOCKET, SO_BUSY_POLL, "SO_BUSY_POLL above what it was", "3.11")
        .needs(ADMIN);
pub(crate) const PREFER_BUSY_POLL: NumberOption =
    NumberOption::new(SOL_SOCKET, SO_PREFER_BUSY_POLL, "SO_PREFER_BUSY_POLL", "5.11").needs(ADMIN);
pub(crate) const BUSY_POLL_BUDGET: NumberOption = NumberOption::new(
    SOL_SOCKET,
    SO_BUSY_POLL_BUDGET,
    "SO_BUSY_POLL_BUDGET above what it was",
    "5.11",
)
.needs(ADMIN);
const INCOMING_CPU: NumberOption =
    NumberOption::new(SOL_SOCKET, SO_INCOMING_CPU, "SO_INCOMING_CPU", "3.19");
const INCOMING_NAPI_ID: NumberOption =
    NumberOption::new(SOL_SOCKET, SO_INCOMING_NAPI_ID, "SO_INCOMING_NAPI_ID", "4.12");

/// An address as the kernel told it.
pub(crate) fn from_kernel(address: &SockAddr) -> io::Result<SocketAddr> {
    address.as_socket().ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "the kernel gave an address that is not IP")
    })
}

pub(crate) fn local_addr(socket: &impl AsFd) -> io::Result<SocketAddr> {
    from_kernel(&SockRef::from(socket).local_addr()?)
}

/// The kernel keeps twice what it is told, for its own part of each packet, and tells that.
pub(crate) fn recv_buffer_size(socket: &impl AsFd) -> io::Result<usize> {
    Ok(RECV_BUFFER.get(socket)?.unsigned_abs() as usize)
}

pub(crate) fn set_recv_buffer_size(socket: &impl AsFd, bytes: usize) -> io::Result<usize> {
    RECV_BUFFER.set(socket, capped(bytes))?;
    Ok(recv_buffer_size(socket)? / 2)
}

pub(crate) fn force_recv_buffer_size(socket: &impl AsFd, bytes: usize) -> io::Result<usize> {
    RECV_BUFFER_FORCE.set(socket, capped(bytes))?;
    Ok(recv_buffer_size(socket)? / 2)
}

pub(crate) fn send_buffer_size(socket: &impl AsFd) -> io::Result<usize> {
    Ok(SEND_BUFFER.get(socket)?.unsigned_abs() as usize)
}

pub(crate) fn set_send_buffer_size(socket: &impl AsFd, bytes: usize) -> io::Result<usize> {
    SEND_BUFFER.set(socket, capped(bytes))?;
    Ok(send_buffer_size(socket)? / 2)
}

pub(crate) fn force_send_buffer_size(socket: &impl AsFd, bytes: usize) -> io::Result<usize> {
    SEND_BUFFER_FORCE.set(socket, capped(bytes))?;
    Ok(send_buffer_size(socket)? / 2)
}

/// The kernel caps sizes anyway, and says how far.
fn capped(bytes: usize) -> c_int {
    c_int::try_from(bytes).unwrap_or(c_int::MAX)
}

pub(crate) fn tos(socket: &impl AsFd) -> io::Result<u8> {
    let socket = SockRef::from(socket);
    let tos = if socket.domain()? == Domain::IPV6 { socket.tclass_v6() } else { socket.tos_v4() };
    // The kernel keeps a byte, and answers with it in an `int`.
    Ok(tos? as u8)
}

pub(crate) fn set_tos(socket: &impl AsFd, tos: u8) -> io::Result<()> {
    let socket = SockRef::from(socket);
    if socket.domain()? == Domain::IPV6 {
        socket.set_tclass_v6(tos.into())?;
    }
    // A socket for IPv6 sends IPv4 to mapped addresses, with this.
    socket.set_tos_v4(tos.into())
}

pub(crate) fn device(socket: &impl AsFd) -> io::Result<Option<String>> {
    let name = SockRef::from(socket).device()?;
    Ok(name.map(|name| String::from_utf8_lossy(&name).into_owned()))
}

pub(crate) fn bind_device(socket: &impl AsFd, interface: Option<&str>) -> io::Result<()> {
    let result = SockRef::from(socket).bind_device(interface.map(str::as_bytes));
    result.map_err(|error| {
        let name = interface.unwrap_or("none");
        let what = match error.raw_os_error() {
            Some(libc::ENODEV) => format!("there is no interface {name}"),
            Some(libc::EPERM) => {
                format!("to bind to the interface {name} instead of another needs CAP_NET_RAW")
            }
            _ => return error,
        };
        io::Error::new(error.kind(), format!("{what}: {error}"))
    })
}

pub(crate) fn busy_poll(socket: &impl AsFd) -> io::Result<Duration> {
    Ok(Duration::from_micros(BUSY_POLL.get(socket)?.unsigned_abs().into()))
}

pub(crate) fn set_busy_poll(socket: &impl AsFd, time: Duration) -> io::Result<()> {
    // Rounded up, so that only zero switches it off.
    BUSY_POLL.set_count(socket, time.as_nanos().div_ceil(1000))
}

pub(crate) fn incoming_cpu(socket: &impl AsFd) -> io::Result<Option<usize>> {
    // -1 until something came in.
    Ok(usize::try_from(INCOMING_CPU.get(socket)?).ok())
}

pub(crate) fn set_incoming_cpu(socket: &impl AsFd, cpu: usize) -> io::Result<()> {
    INCOMING_CPU.set_count(socket, cpu)
}

pub(crate) fn incoming_napi_id(socket: &impl AsFd) -> io::Result<Option<u32>> {
    let id = INCOMING_NAPI_ID.get(socket)?.cast_unsigned();
    Ok((id != 0).then_some(id))
}

/// Implements the address and the options for a type that is `AsFd`.
macro_rules! socket_options {
    ($type:ty) => {
        impl $type {
            /// The address of this end, with the port that the kernel chose where it was to choose.
            ///
            /// # Errors
            ///
            /// What `getsockname(2)` tells.
            pub fn local_addr(&self) -> std::io::Result<std::net::SocketAddr> {
                $crate::socket_options::local_addr(self)
            }

            /// What the kernel's receive buffer counts up to, in bytes: twice what was granted, of
            /// which about half holds payload.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn recv_buffer_size(&self) -> std::io::Result<usize> {
                $crate::socket_options::recv_buffer_size(self)
            }

            /// Sets the kernel's receive buffer (`SO_RCVBUF`) and says how many bytes of payload
            /// were granted: fewer than `bytes` where `net.core.rmem_max` capped them. For TCP this
            /// ends the kernel's own tuning.
            ///
            /// # Errors
            ///
            /// What `setsockopt(2)` tells.
            pub fn set_recv_buffer_size(&self, bytes: usize) -> std::io::Result<usize> {
                $crate::socket_options::set_recv_buffer_size(self, bytes)
            }

            /// As [`set_recv_buffer_size`](Self::set_recv_buffer_size) beyond `net.core.rmem_max`
            /// (`SO_RCVBUFFORCE`).
            ///
            /// # Errors
            ///
            /// `PermissionDenied` without `CAP_NET_ADMIN`.
            pub fn force_recv_buffer_size(&self, bytes: usize) -> std::io::Result<usize> {
                $crate::socket_options::force_recv_buffer_size(self, bytes)
            }

            /// What the kernel's send buffer counts up to, in bytes: twice what was granted, of
            /// which about half holds payload.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn send_buffer_size(&self) -> std::io::Result<usize> {
                $crate::socket_options::send_buffer_size(self)
            }

            /// Sets the kernel's send buffer (`SO_SNDBUF`) and says how many bytes of payload were
            /// granted: fewer than `bytes` where `net.core.wmem_max` capped them. For TCP this ends
            /// the kernel's own tuning.
            ///
            /// # Errors
            ///
            /// What `setsockopt(2)` tells.
            pub fn set_send_buffer_size(&self, bytes: usize) -> std::io::Result<usize> {
                $crate::socket_options::set_send_buffer_size(self, bytes)
            }

            /// As [`set_send_buffer_size`](Self::set_send_buffer_size) beyond `net.core.wmem_max`
            /// (`SO_SNDBUFFORCE`).
            ///
            /// # Errors
            ///
            /// `PermissionDenied` without `CAP_NET_ADMIN`.
            pub fn force_send_buffer_size(&self, bytes: usize) -> std::io::Result<usize> {
                $crate::socket_options::force_send_buffer_size(self, bytes)
            }

            /// The interface that it is bound to, by its name.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn device(&self) -> std::io::Result<Option<String>> {
                $crate::socket_options::device(self)
            }

            /// Sends and receives by one interface only (`SO_BINDTODEVICE`); `None` ends that.
            ///
            /// # Errors
            ///
            /// `PermissionDenied` without `CAP_NET_RAW` where it was bound to one before; an error
            /// that names the interface where there is none of that name.
            pub fn bind_device(&self, interface: Option<&str>) -> std::io::Result<()> {
                $crate::socket_options::bind_device(self, interface)
            }

            /// The mark of what it sends; 0 unless set.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn mark(&self) -> std::io::Result<u32> {
                Ok($crate::socket_options::MARK.get(self)?.cast_unsigned())
            }

            /// Marks what it sends, for rules of routing and filters (`SO_MARK`).
            ///
            /// # Errors
            ///
            /// `PermissionDenied` without `CAP_NET_ADMIN` or, from Linux 5.17, `CAP_NET_RAW`.
            pub fn set_mark(&self, mark: u32) -> std::io::Result<()> {
                $crate::socket_options::MARK.set(self, mark.cast_signed())
            }

            /// The priority of what it sends, in the queues of this host.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn priority(&self) -> std::io::Result<u32> {
                Ok($crate::socket_options::PRIORITY.get(self)?.unsigned_abs())
            }

            /// Sets the priority of what it sends, in the queues of this host (`SO_PRIORITY`).
            /// [`set_tos`](Self::set_tos) sets it, too, so set that one first.
            ///
            /// # Errors
            ///
            /// `PermissionDenied` above 6 without `CAP_NET_ADMIN` or `CAP_NET_RAW`.
            pub fn set_priority(&self, priority: u32) -> std::io::Result<()> {
                $crate::socket_options::PRIORITY.set_count(self, priority)
            }

            /// The type of service of what it sends.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn tos(&self) -> std::io::Result<u8> {
                $crate::socket_options::tos(self)
            }

            /// Sets the type of service of what it sends, on the wire (`IP_TOS`, `IPV6_TCLASS`):
            /// six bits of DSCP and two of ECN, which TCP keeps for itself.
            ///
            /// # Errors
            ///
            /// What `setsockopt(2)` tells.
            pub fn set_tos(&self, tos: u8) -> std::io::Result<()> {
                $crate::socket_options::set_tos(self, tos)
            }

            /// How long a receive that finds nothing polls the network card; zero for not at all.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn busy_poll(&self) -> std::io::Result<std::time::Duration> {
                $crate::socket_options::busy_poll(self)
            }

            /// Lets a receive that finds nothing, and `epoll_wait`, poll the network card for so
            /// long (`SO_BUSY_POLL`), in microseconds, rounded up.
            ///
            /// # Errors
            ///
            /// `PermissionDenied` where the kernel asks for `CAP_NET_ADMIN`, as older ones do for
            /// more than before; `InvalidInput` above 35 minutes.
            pub fn set_busy_poll(&self, time: std::time::Duration) -> std::io::Result<()> {
                $crate::socket_options::set_busy_poll(self, time)
            }

            /// Whether the network card is polled rather than interrupts handled.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells, such as `Unsupported` before Linux 5.11.
            pub fn prefer_busy_poll(&self) -> std::io::Result<bool> {
                Ok($crate::socket_options::PREFER_BUSY_POLL.get(self)? != 0)
            }

            /// Lets the kernel leave interrupts of the network card masked while it is busy polled
            /// (`SO_PREFER_BUSY_POLL`). Needs `napi_defer_hard_irqs` and `gro_flush_timeout` of the
            /// interface to have an effect.
            ///
            /// # Errors
            ///
            /// `PermissionDenied` without `CAP_NET_ADMIN`; `Unsupported` before Linux 5.11.
            pub fn set_prefer_busy_poll(&self, on: bool) -> std::io::Result<()> {
                $crate::socket_options::PREFER_BUSY_POLL.set(self, on.into())
            }

            /// Lets one busy poll take so many packets at most (`SO_BUSY_POLL_BUDGET`); the
            /// kernel's default is 8. It can't be read back.
            ///
            /// # Errors
            ///
            /// `PermissionDenied` without `CAP_NET_ADMIN` where it is more than before;
            /// `InvalidInput` above 65535; `Unsupported` before Linux 5.11.
            pub fn set_busy_poll_budget(&self, packets: u32) -> std::io::Result<()> {
                $crate::socket_options::BUSY_POLL_BUDGET.set_count(self, packets)
            }

            /// The core that handled the last packet that came in, or the one that was set; `None`
            /// before both.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn incoming_cpu(&self) -> std::io::Result<Option<usize>> {
                $crate::socket_options::incoming_cpu(self)
            }

            /// Of several sockets on one address with `SO_REUSEPORT`, prefers this one for packets
            /// that the core handles (`SO_INCOMING_CPU`).
            ///
            /// # Errors
            ///
            /// `InvalidInput` where no `int` holds the number; the kernel takes any other.
            pub fn set_incoming_cpu(&self, cpu: usize) -> std::io::Result<()> {
                $crate::socket_options::set_incoming_cpu(self, cpu)
            }

            /// The number of the card's queue that the last packet came from; `None` before one
            /// came, and for interfaces without such queues, as loopback.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn incoming_napi_id(&self) -> std::io::Result<Option<u32>> {
                $crate::socket_options::incoming_napi_id(self)
            }
        }
    };
}

pub(crate) use socket_options;
