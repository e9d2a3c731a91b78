//! A flood of datagrams: how many a second one core receives while more are sent than it can take.
//!
//! The client sends bursts that the kernel cuts (GSO), so that it is faster than any receiver; what
//! does not fit the socket's buffer the kernel drops. What counts is what the server has in hand
//! between two of its snapshots, and the time on its core for each.

use std::os::fd::OwnedFd;

use clap::Args;
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::served::{Group, Place, Served};
use crate::client::{broken, connect_one};
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::Turn;
use crate::harness::series::Slice;
use crate::report::ratios::{CPU_PER_OP, Figure, OPS_PER_S};
use crate::report::table::Table;
use crate::serve::Duty;
use crate::subject::{Running, Server};
use crate::sys::set_number_option;
use crate::transport::{Address, Transport};

/// Datagrams of a burst: what the kernel cuts out of one call at most.
const BURST: usize = 64;

/// Measures how many datagrams a second one core receives.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Bytes of a datagram.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    size: u32,

    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// The client's side of one server.
#[derive(Debug)]
pub(crate) struct Client {
    socket: OwnedFd,
    burst: Vec<u8>,
    sent: u64,
    received: u64,
}

impl Client {
    fn new(address: &Address, size: usize) -> Result<Self, String> {
        let socket = connect_one(address)?;
        let bytes = i32::try_from(size).map_err(|_| "no datagram is that large".to_owned())?;
        set_number_option(&socket, libc::SOL_UDP, libc::UDP_SEGMENT, bytes)
            .map_err(|error| format!("the kernel does not cut datagrams (Linux 4.18): {error}"))?;
        Ok(Self { socket, burst: vec![7; size * BURST], sent: 0, received: 0 })
    }

    /// Sends a burst; what the kernel has no room for now is sent again.
    fn burst(&mut self) -> Result<(), String> {
        loop {
            match send(&self.socket, &self.burst, SendFlags::NOSIGNAL) {
                Ok(_) => break,
                Err(Errno::AGAIN | Errno::INTR | Errno::NOBUFS) => {}
                Err(error) => return Err(broken("send", error)),
            }
        }
        self.sent += BURST as u64;
        Ok(())
    }

    /// Sends for so many ticks; the time of each burst goes to `samples`.
    fn pour(&mut self, clock: &Clock, length: u64, samples: &mut Vec<u64>) -> Result<(), String> {
        let begun = clock.now();
        let mut last = begun;
        while last.saturating_sub(begun) < length {
            self.burst()?;
            let now = clock.now();
            if samples.len() < samples.capacity() {
                samples.push(now.saturating_sub(last));
            }
            last = now;
        }
        Ok(())
    }
}

impl Served for Options {
    type Client = Client;

    fn name(&self) -> &'static str {
        "flood"
    }

    fn measures(&self) -> String {
        format!("datagrams of {} B that one core receives of a flood, loopback UDP", self.size)
    }

    fn transport(&self) -> Transport {
        Transport::Udp
    }

    fn groups(&self) -> Vec<Group> {
        vec![Group { cases: vec![String::new()], duty: Duty::Swallow }]
    }

    fn connect(&self, _: usize, address: &Address) -> Result<Client, String> {
        Client::new(address, self.size as usize)
    }

    fn slice(
        &mut self,
        _: Place,
        client: &mut Client,
        running: &Running<'_>,
        clock: &Clock,
        turn: Turn<'_>,
    ) -> Result<Slice, String> {
        client.pour(clock, clock.ticks(turn.budget.warm_up), &mut Vec::new())?;
        let began = running.begin(turn.rehearsal, || client.burst())?;
        let client_before = Counters::of_this_thread();
        let samples = &mut turn.samples[0];
        let sent_before = client.sent;
        let before = running.received(|| client.burst())?;
        let begun = clock.now();
        client.pour(clock, clock.ticks(turn.budget.record), samples)?;
        let after = running.received(|| client.burst())?;
        let elapsed_ns = clock.nanoseconds(clock.now() - begun);
        let mut own = Counters::of_this_thread().since(&client_before);
        own.operations = client.sent - sent_before;
        // Ours count bytes, as everywhere; a peer counts datagrams.
        let counted = if running.is_ours() { u64::from(self.size) } else { 1 };
        let received = (after - before) / counted;
        let server = running.end(began, (received, u64::from(self.size)), || client.burst())?;
        client.received += received;
        samples.iter_mut().for_each(|sample| *sample = clock.nanoseconds(*sample));
        let bytes = received * u64::from(self.size);
        Ok(Slice { elapsed_ns, operations: received, bytes, server, client: own, cold: false })
    }

    fn figures(&self) -> Vec<Figure> {
        vec![OPS_PER_S, CPU_PER_OP]
    }

    fn note(&self) -> Option<String> {
        let note = "ops/s is what the server received; a sample is the time of one send of 64 \
                    datagrams by the client, which is the limit where hardly anything is lost. \
                    floor and the raw epoll servers get a datagram with its sender, and the \
                    runtime's too: destination and interface are not asked for.";
        Some(note.to_owned())
    }

    fn tables(&self, servers: &[(&Server, Option<&Client>)]) -> Vec<Table> {
        let row = |(server, client): &(&Server, Option<&Client>)| {
            let (sent, received) = client.map_or((0, 0), |one| (one.sent, one.received));
            let share = 100.0 * received as f64 / sent.max(1) as f64;
            [server.name.clone(), sent.to_string(), received.to_string(), format!("{share:.1}")]
        };
        let rows = servers.iter().map(|one| row(one).to_vec()).collect();
        vec![Table {
            title: "datagrams, all rounds, warm-up sent but not counted as received".to_owned(),
            columns: ["server", "sent", "received", "%"].map(str::to_owned).to_vec(),
            rows,
        }]
    }
}
