//! The closed-loop client: one message in flight in total.
//!
//! Invariant: what is timed is from before the first `send` to after the last `recv` of one
//! message; filling and checking messages, thinking and keeping samples lie outside. Cost of the
//! measurement itself: two clock readings a sample.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::message::Numbered;
use super::{Patience, broken, wait_until};
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::plan::SliceBudget;
use crate::harness::rounds::Turn;
use crate::harness::series::Slice;
use crate::subject::Running;

/// The client's side of one server.
#[derive(Debug)]
pub(crate) struct PingPong {
    connections: Vec<Way>,
    outgoing: Numbered,
    incoming: Vec<u8>,
    /// Messages sent so far: the sequence number, and what picks the connection.
    sent: u64,
}

/// Where messages leave, and where their answers come in, if that is another socket.
#[derive(Debug)]
pub(crate) struct Way {
    there: OwnedFd,
    back: Option<OwnedFd>,
}

impl From<OwnedFd> for Way {
    fn from(there: OwnedFd) -> Self {
        Self { there, back: None }
    }
}

impl Way {
    pub(crate) fn new(there: OwnedFd, back: OwnedFd) -> Self {
        Self { there, back: Some(back) }
    }
}

/// The two ends of one round trip, in ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trip {
    pub(crate) sent_at: u64,
    pub(crate) received_at: u64,
}

impl PingPong {
    /// The connections must be non-blocking; they are used in turn.
    pub(crate) fn new<T: Into<Way>>(connections: Vec<T>, size: usize) -> Self {
        let connections = connections.into_iter().map(Into::into).collect();
        Self { connections, outgoing: Numbered::new(size), incoming: vec![0; size], sent: 0 }
    }

    /// Runs one slice against a server that is awake.
    pub(crate) fn slice(
        &mut self,
        clock: &Clock,
        running: &Running<'_>,
        think: Duration,
        turn: Turn<'_>,
    ) -> Result<Slice, String> {
        let budget = turn.budget;
        let think = clock.ticks(think);
        let warm = self.warm_up(clock, budget, think)?;
        let began = running.begin(turn.rehearsal, || self.exchange(clock).map(drop))?;
        let client_before = Counters::of_this_thread();
        let samples = &mut turn.samples[0];
        let (shortest, longest) = (clock.ticks(budget.record), clock.ticks(budget.record_longest));
        let begun = clock.now();
        let mut last = Trip { sent_at: begun, received_at: begun };
        loop {
            wait_until(clock, last.received_at + think);
            last = self.exchange(clock)?;
            samples.push(last.received_at.saturating_sub(last.sent_at));
            let passed = last.received_at.saturating_sub(begun);
            let enough = samples.len() >= budget.record_count || passed >= longest;
            if (passed >= shortest && enough) || samples.len() >= budget.record_capacity {
                break;
            }
        }
        let mut client = Counters::of_this_thread().since(&client_before);
        let (served, size) = (samples.len() as u64, self.incoming.len() as u64);
        client.operations = served;
        let server = running.end(began, (served, size), || self.exchange(clock).map(drop))?;
        samples.iter_mut().for_each(|sample| *sample = clock.nanoseconds(*sample));
        Ok(Slice {
            elapsed_ns: clock.nanoseconds(last.received_at.saturating_sub(begun)),
            bytes: served * size,
            server,
            client,
            cold: !warm,
            ..Slice::default()
        })
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
    pub(crate) fn exchange(&mut self, clock: &Clock) -> Result<Trip, String> {
        let connection = (self.sent % self.connections.len() as u64) as usize;
        self.sent += 1;
        self.outgoing.fill(self.sent);
        let sent_at = clock.now();
        self.round_trip(connection)?;
        let received_at = clock.now();
        match self.outgoing.first_difference(&self.incoming) {
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
        let Way { there, back } = &self.connections[connection];
        let back = back.as_ref().unwrap_or(there);
        let (mut sent, mut received) = (0, 0);
        let mut patience = Patience::default();
        while received < self.incoming.len() {
            if sent < self.outgoing.bytes().len() {
                match send(there, &self.outgoing.bytes()[sent..], SendFlags::NOSIGNAL) {
                    Ok(count) => sent += count,
                    Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(error) => return Err(broken("send", error)),
                }
            }
            match recv(back, &mut self.incoming[received..], RecvFlags::empty()) {
                Ok((0, _)) => {
                    return Err(format!(
                        "the server closed the connection after {received} bytes of reply {}",
                        self.sent
                    ));
                }
                Ok((count, _)) => received += count,
                Err(Errno::AGAIN | Errno::INTR) => {
                    patience.nothing_came(|| format!("the reply to message {}", self.sent))?;
                }
                Err(error) => return Err(broken("recv", error)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::connect;
    use crate::transport::Address;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// A client of a server that answers with what `answer` makes of the message.
    fn client_of(answer: fn(&mut [u8]) -> &[u8]) -> PingPong {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut message = [0; 64];
            stream.read_exact(&mut message).unwrap();
            stream.write_all(answer(&mut message)).unwrap();
        });
        PingPong::new(connect(&Address::Ip(address), 1).unwrap(), 64)
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
