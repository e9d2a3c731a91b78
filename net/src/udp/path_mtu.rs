//! Datagrams that are larger than what the path carries in one packet.
//!
//! The kernel cuts such a datagram into fragments, which the receiver joins again; where one is
//! lost, all is. Invariant: with fragmenting forbidden a datagram leaves in one packet, or is an
//! error. Costs one system call each, none a datagram.

use std::io;

use crate::UdpSocket;
use crate::number_option::NumberOption;

const DISCOVER_V4: NumberOption =
    NumberOption::new(libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, "IP_MTU_DISCOVER", "2.4");
const DISCOVER_V6: NumberOption =
    NumberOption::new(libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, "IPV6_MTU_DISCOVER", "2.4");
const MTU_V4: NumberOption = NumberOption::new(libc::IPPROTO_IP, libc::IP_MTU, "IP_MTU", "2.4");
const MTU_V6: NumberOption =
    NumberOption::new(libc::IPPROTO_IPV6, libc::IPV6_MTU, "IPV6_MTU", "2.4");

impl UdpSocket {
    /// Whether datagrams that are larger than the path's MTU are an error.
    ///
    /// # Errors
    ///
    /// What `getsockopt(2)` tells.
    pub fn dont_fragment(&self) -> io::Result<bool> {
        let discover = if self.is_v6()? { DISCOVER_V6 } else { DISCOVER_V4 };
        Ok(discover.get(self)? == libc::IP_PMTUDISC_DO)
    }

    /// Sets whether datagrams that are larger than the path's MTU are an error (`EMSGSIZE`) instead
    /// of being cut into fragments (`IP_MTU_DISCOVER`, `IPV6_MTU_DISCOVER`). Default: no.
    ///
    /// # Errors
    ///
    /// What `setsockopt(2)` tells.
    pub fn set_dont_fragment(&self, on: bool) -> io::Result<()> {
        // Both families number them alike.
        let mode = if on { libc::IP_PMTUDISC_DO } else { libc::IP_PMTUDISC_WANT };
        if self.is_v6()? {
            DISCOVER_V6.set(self, mode)?;
        }
        // A socket for IPv6 sends IPv4 to mapped addresses, with this.
        DISCOVER_V4.set(self, mode)
    }

    /// The largest packet that the path to the connected address carries, as far as the kernel
    /// knows, in bytes: 28 more than the largest datagram that needs no fragments, 48 with IPv6. It
    /// shrinks when a router tells of a smaller one.
    ///
    /// # Errors
    ///
    /// `NotConnected` where the socket is not.
    pub fn path_mtu(&self) -> io::Result<u32> {
        let mtu = if self.is_v6()? { MTU_V6 } else { MTU_V4 };
        Ok(mtu.get(self)?.unsigned_abs())
    }
}
