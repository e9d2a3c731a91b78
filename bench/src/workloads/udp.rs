//! Ping-pong over UDP: what one round trip of datagrams costs.
//!
//! Client and series are those of `echo`. The floor is a raw `recvfrom` and `sendto` on one socket;
//! the raw epoll servers are level-triggered, since one datagram is then one `recvfrom`.

use super::echo::Definition;
use crate::transport::Transport;

pub(crate) const DEFINITION: Definition = Definition { name: "udp", transport: Transport::Udp };
