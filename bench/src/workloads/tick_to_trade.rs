//! From a tick to an order: a datagram comes in by UDP, and as many bytes leave by TCP.
//!
//! The whole path of an engine on one core, without the decision in between: client and series are
//! those of `echo`, and the time is from before the tick's `send` to the end of the order's `recv`.

use super::echo::Definition;
use crate::transport::Transport;

pub(crate) const DEFINITION: Definition =
    Definition { name: "tick-to-trade", transport: Transport::Ticks };
