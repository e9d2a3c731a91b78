//! Ping-pong over Unix stream sockets: what one round trip costs between two processes of a host.
//!
//! Client, servers and series are those of `echo`; only the sockets differ, and so does the floor.

use super::echo::Definition;
use crate::transport::Transport;

pub(crate) const DEFINITION: Definition = Definition { name: "unix", transport: Transport::Unix };
