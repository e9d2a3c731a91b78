//! The raw client: the same spinning code, core and clock for every server.
//!
//! Invariant: what is timed is from before the first `send` to after the last `recv` of one
//! message; filling and checking messages, thinking and keeping samples lie outside. A reply that
//! does not come, comes short or comes wrong ends the run. Cost of the measurement itself: two
//! clock readings a sample.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::message;
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::gate::{Command, Gate};
use crate::harness::plan::SliceBudget;
use crate::harness::series::Slice;

/// Longer than any pause of a host that is worth measuring on.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// How many empty polls pass between two looks at the timeout.
const POLLS_BETWEEN_LOOKS: u32 = 1 << 16;

/// The client's side of one server.
#[derive(Debug)]
pub(crate) struct Client {
    gate: Arc<Gate>,
    connections: Vec<TcpStream>,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
    /// Messages sent so far: the sequence number, and what picks the connection.
    sent: u64,
}

/// The two ends of one round trip, in ticks.
#[derive(Clone, Copy, Debug)]
struct Trip {
    sent_at: u64,
    received_at: u64,
}

impl Client {
    /// The connections must be non-blocking.
    pub(crate) fn new(gate: Arc<Gate>, connections: Vec<TcpStream>, size: usize) -> Self {
        Self { gate, connections, outgoing: vec![0; size], incoming: vec![0; size], sent: 0 }
    }

    /// Lets the server run for one slice and leaves the recorded round trips in `samples`.
    pub(crate) fn slice(
        &mut self,
        clock: &Clock,
        budget: &SliceBudget,
        think: Duration,
        samples: &mut Vec<u64>,
    ) -> Result<Slice, String> {
        let think = clock.ticks(think);
        self.gate.command(Command::WarmUp, self.sent);
        let warm = self.warm_up(clock, budget, think)?;

        // The server counts from the end of this message to the end of the closing one.
        let word = self.gate.command(Command::Record, self.sent + 1);
        let mut last = self.exchange(clock)?;
        self.wait_until_obeyed(word)?;
        let usage_before = Counters::now(0);
        let capacity = samples.capacity().min(budget.record_capacity);
        let (shortest, longest) = (clock.ticks(budget.record), clock.ticks(budget.record_longest));
        let begun = clock.now();
        loop {
            wait_until(clock, last.received_at + think);
            last = self.exchange(clock)?;
            samples.push(last.received_at.saturating_sub(last.sent_at));
            let passed = last.received_at.saturating_sub(begun);
            let enough = samples.len() >= budget.record_count || passed >= longest;
            if (passed >= shortest && enough) || samples.len() >= capacity {
                break;
            }
        }
        let client = Counters::now(0).since(&usage_before);

        let word = self.gate.command(Command::Rest, self.sent + 1);
        self.exchange(clock)?;
        self.wait_until_obeyed(word)?;
        Ok(Slice {
            elapsed_ns: clock.nanoseconds(last.received_at.saturating_sub(begun)),
            server: self.gate.take_counted(),
            client,
            warm,
        })
    }

    /// Ends the server: it finds its connections closed and its gate at `Stop`.
    pub(crate) fn stop(self) {
        self.gate.command(Command::Stop, 0);
    }

    /// Serves by count and by time, thinking as the recorded part does; false when given up.
    fn warm_up(&mut self, clock: &Clock, budget: &SliceBudget, think: u64) -> Result<bool, String> {
        let begun = clock.now();
        let (shortest, longest) =
            (clock.ticks(budget.warm_up), clock.ticks(budget.warm_up_longest));
        for count in 1_u64.. {
            let trip = self.exchange(clock)?;
            let passed = trip.received_at.saturating_sub(begun);
            if count >= budget.warm_up_count && passed >= shortest {
                return Ok(true);
            }
            if passed >= longest {
                break;
            }
            wait_until(clock, trip.received_at + think);
        }
        Ok(false)
    }

    /// Sends the next message on the next connection and spins until all of it is back.
    fn exchange(&mut self, clock: &Clock) -> Result<Trip, String> {
        let connection = (self.sent % self.connections.len() as u64) as usize;
        self.sent += 1;
        message::fill(&mut self.outgoing, self.sent);
        let sent_at = clock.now();
        self.round_trip(connection)?;
        let received_at = clock.now();
        match message::first_difference(&self.outgoing, &self.incoming) {
            None => Ok(Trip { sent_at, received_at }),
            Some(place) => Err(format!(
                "the reply to message {} is wrong from byte {place} on: the server mixed up or \
                 damaged the stream",
                self.sent
            )),
        }
    }

    /// Both directions move in one loop: a message that fits into no socket buffer must be read
    /// back while it is still being sent.
    fn round_trip(&mut self, connection: usize) -> Result<(), String> {
        let stream = &self.connections[connection];
        let (mut sent, mut received) = (0, 0);
        let mut polls_left = POLLS_BETWEEN_LOOKS;
        let mut deadline = None;
        while received < self.incoming.len() {
            if sent < self.outgoing.len() {
                match send(stream, &self.outgoing[sent..], SendFlags::NOSIGNAL) {
                    Ok(count) => sent += count,
                    Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(error) => return Err(broken("send", error)),
                }
            }
            match recv(stream, &mut self.incoming[received..], RecvFlags::empty()) {
                Ok((0, _)) => {
                    return Err(format!(
                        "the server closed the connection after {received} bytes of reply {}",
                        self.sent
                    ));
                }
                Ok((count, _)) => received += count,
                Err(Errno::AGAIN | Errno::INTR) => {
                    polls_left -= 1;
                    if polls_left == 0 {
                        polls_left = POLLS_BETWEEN_LOOKS;
                        check(&mut deadline, self.sent)?;
                    }
                }
                Err(error) => return Err(broken("recv", error)),
            }
        }
        Ok(())
    }

    fn wait_until_obeyed(&self, word: u64) -> Result<(), String> {
        let mut deadline = None;
        while !self.gate.has_obeyed(word) {
            check(&mut deadline, self.sent)?;
            std::thread::yield_now();
        }
        Ok(())
    }
}

/// Spins: a client that slept would measure its own wake-up.
#[inline(always)]
fn wait_until(clock: &Clock, moment: u64) {
    while clock.now() < moment {
        std::hint::spin_loop();
    }
}

/// Sets the deadline on the first look and complains when it has passed.
#[cold]
fn check(deadline: &mut Option<Instant>, message: u64) -> Result<(), String> {
    let now = Instant::now();
    if now < *deadline.get_or_insert(now + REPLY_TIMEOUT) {
        return Ok(());
    }
    Err(format!(
        "no reply to message {message} within {} s: it was lost, or the server hangs",
        REPLY_TIMEOUT.as_secs()
    ))
}

fn broken(call: &str, error: Errno) -> String {
    format!("the client's {call} failed: {error}; the server has ended or reset the connection")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::echo::server::{self, Running, ServerError, ServerKind, Shape};
    use crate::echo::slots::connect;
    use crate::harness::cores::Cores;
    use crate::harness::plan::Plan;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    fn budget() -> SliceBudget {
        Plan::new(Duration::from_millis(100), 9, 1).slice
    }

    #[test]
    fn every_server_echoes_messages_of_every_size_on_every_connection_in_every_slice() {
        let core = Cores::choose(None, None).unwrap().server;
        let clock = Clock::calibrate(true);
        for kind in ServerKind::ALL {
            for (size, connections) in [(1, 1), (64, 3), (1 << 20, 2)] {
                let shape = Shape { core, size, connections };
                let Running { gate, ready, thread } = match server::start(kind, shape) {
                    Err(ServerError::Unavailable(reason)) => {
                        println!("skipped: {} is unavailable: {reason}", kind.name());
                        continue;
                    }
                    started => started.unwrap(),
                };
                let streams = connect(ready.address, connections).unwrap();
                let mut client = Client::new(gate, streams, size);
                for think in [Duration::ZERO, Duration::from_micros(20)] {
                    let mut samples = Vec::with_capacity(100_000);
                    let slice = client.slice(&clock, &budget(), think, &mut samples).unwrap();
                    assert!(!samples.is_empty(), "{}", kind.name());
                    assert_eq!(slice.server.operations, samples.len() as u64 + 1);
                    assert!(slice.server.syscalls > 0, "{}", kind.name());
                    if matches!(kind, ServerKind::Floor | ServerKind::RawEpollSpin) {
                        assert!(slice.server.syscalls >= 2 * slice.server.operations);
                        assert_eq!(slice.server.allocations, 0);
                    }
                }
                client.stop();
                server::last_word(thread).unwrap();
            }
        }
    }

    /// A client of a server that answers with what `answer` makes of the message.
    fn client_of(answer: fn(&mut [u8]) -> &[u8]) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut message = [0; 64];
            stream.read_exact(&mut message).unwrap();
            stream.write_all(answer(&mut message)).unwrap();
        });
        Client::new(Arc::default(), connect(address, 1).unwrap(), 64)
    }

    #[test]
    fn a_damaged_reply_is_an_error_that_names_the_place() {
        let mut client = client_of(|message| {
            message[40] ^= 1;
            message
        });
        let error = client.exchange(&Clock::calibrate(false)).unwrap_err();
        assert!(error.contains("wrong from byte 40"), "{error}");
    }

    #[test]
    fn a_reply_that_is_cut_off_is_an_error_that_counts_what_came() {
        let mut client = client_of(|message| &message[..10]);
        let error = client.exchange(&Clock::calibrate(false)).unwrap_err();
        assert!(error.contains("after 10 bytes of reply 1"), "{error}");
    }
}
