//! The raw clients: the same spinning code, core and clock for every server.
//!
//! Invariant: a reply that does not come, comes short or comes wrong ends the run.

pub(crate) mod channel;
pub(crate) mod crowd;
pub(crate) mod exchange;
pub(crate) mod flow;
pub(crate) mod message;
pub(crate) mod messages;
pub(crate) mod ping_pong;
pub(crate) mod pour;
pub(crate) mod requests;
pub(crate) mod wire;

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use self::ping_pong::Way;
use crate::harness::clock::Clock;
use crate::transport::{self, Address};

/// Longer than any pause of a host that is worth measuring on.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// How many empty polls pass between two looks at the timeout.
const POLLS_BETWEEN_LOOKS: u32 = 1 << 16;

/// One connection, ready for a client that spins.
pub(crate) fn connect_one(address: &Address) -> Result<OwnedFd, String> {
    transport::connect(address)
        .map_err(|error| format!("a connection to it could not be made: {error}"))
}

/// So many connections to a server.
pub(crate) fn connect(address: &Address, connections: usize) -> Result<Vec<OwnedFd>, String> {
    let all = (0..connections).map(|_| transport::connect(address)).collect::<std::io::Result<_>>();
    all.map_err(|error| {
        format!(
            "not all of its {connections} connections could be made: {error}; raise the limit of \
             open files (ulimit -n) or ask for fewer --connections"
        )
    })
}

/// So many ways to a server that takes ticks and gives orders.
pub(crate) fn connect_ticks(address: &Address, count: usize) -> Result<Vec<Way>, String> {
    let Address::Ticks(of_both) = address else {
        return Err(format!("{address} is no server of ticks"));
    };
    let ticks = connect(address, count)?;
    let orders = connect(&Address::Ip(*of_both), count)?;
    Ok(ticks.into_iter().zip(orders).map(|(there, back)| Way::new(there, back)).collect())
}

/// Spins: a client that slept would measure its own wake-up.
#[inline(always)]
pub(crate) fn wait_until(clock: &Clock, moment: u64) {
    while clock.now() < moment {
        std::hint::spin_loop();
    }
}

/// Tells after a while that a reply has not come, at the cost of a countdown for an empty poll.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    polls: u32,
    deadline: Option<Instant>,
}

impl Patience {
    /// To be called for each poll that found nothing; an error when the time is over.
    #[inline(always)]
    pub(crate) fn nothing_came(&mut self, awaited: impl FnOnce() -> String) -> Result<(), String> {
        self.polls += 1;
        if self.polls < POLLS_BETWEEN_LOOKS {
            return Ok(());
        }
        self.polls = 0;
        self.look(awaited)
    }

    /// Sets the deadline on the first look and complains when it has passed.
    #[cold]
    fn look(&mut self, awaited: impl FnOnce() -> String) -> Result<(), String> {
        let now = Instant::now();
        if now < *self.deadline.get_or_insert(now + REPLY_TIMEOUT) {
            return Ok(());
        }
        Err(format!(
            "{} did not come within {} s: it was lost, or the server hangs",
            awaited(),
            REPLY_TIMEOUT.as_secs()
        ))
    }
}

/// The sentence about a call of the client that failed.
pub(crate) fn broken(call: &str, error: Errno) -> String {
    format!("the client's {call} failed: {error}; the server has ended or reset the connection")
}
