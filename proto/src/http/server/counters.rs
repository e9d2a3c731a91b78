//! What a server did, counted.

use std::cell::Cell;

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// A snapshot of a server's counters, all since it was built. `connections_live` is a
        /// gauge.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct ServerCounters {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        /// The live counters.
        #[derive(Debug, Default)]
        pub(super) struct CounterCells {
            $(pub(super) $name: Cell<u64>,)+
        }

        impl CounterCells {
            pub(super) fn snapshot(&self) -> ServerCounters {
                ServerCounters { $($name: self.$name.get(),)+ }
            }
        }

        impl ServerCounters {
            /// Name and value of every counter, in a fixed order.
            pub fn rows(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)+].into_iter()
            }
        }
    };
}

counters! {
    /// Connections that were accepted and served.
    connections_accepted,
    /// Connections that are open.
    connections_live,
    /// Connections that were turned away because there were too many.
    connections_refused,
    /// Connections that were turned away because their address had too many.
    connections_refused_by_address,
    /// Times that accepting failed, such as for want of descriptors.
    accepts_failed,
    /// Connections whose handshake failed or took too long.
    handshakes_failed,
    /// Requests whose head was taken and given to the handler.
    requests,
    /// Heads and bodies that broke a rule or a limit.
    requests_rejected,
    /// Interim responses: `100 Continue` and `101 Switching Protocols`.
    responses_1xx,
    /// Responses of success.
    responses_2xx,
    /// Redirections.
    responses_3xx,
    /// Responses that blame the client.
    responses_4xx,
    /// Responses that blame the server.
    responses_5xx,
    /// Responses that could not be sent to their end.
    responses_aborted,
    /// Connections that were closed because a head took too long.
    timeouts_header,
    /// Connections that were closed between two requests, for want of one.
    timeouts_idle,
    /// Bodies that came in too slowly.
    timeouts_body,
    /// Connections whose client took no bytes for too long, or took them too slowly.
    timeouts_write,
    /// Handlers that panicked.
    handler_panics,
    /// Connections that were handed over to another protocol.
    upgrades,
    /// Connections that were cancelled because they outlived the shutdown's time.
    connections_cut,
}

/// Adds one.
#[inline]
pub(super) fn count(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}

impl CounterCells {
    #[inline]
    pub(super) fn count_response(&self, status: http::StatusCode) {
        count(match status.as_u16() / 100 {
            1 => &self.responses_1xx,
            2 => &self.responses_2xx,
            3 => &self.responses_3xx,
            4 => &self.responses_4xx,
            _ => &self.responses_5xx,
        });
    }
}
