//! Messages of WebSocket, echoed: one by one and many at once, on one connection and many.
//!
//! The client is the same raw one for all servers: it sends frames that were made beforehand and
//! compares every byte of the answers, without reading a header.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use clap::Args;
use taut::ws::Role;

use super::ask_all::{Answer, ask_all};
use super::served::{Group, Place, Served};
use crate::client::channel::{Channel, connector};
use crate::client::connect;
use crate::client::crowd::Crowd;
use crate::client::messages::{Messages, upgrade};
use crate::harness::clock::Clock;
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::Turn;
use crate::harness::series::Slice;
use crate::report::ratios::{CPU_PER_OP, Figure, OPS_PER_S, P50};
use crate::serve::Duty;
use crate::subject::Running;
use crate::transport::Address;
use crate::ws::{Kind, frame_bytes};

/// What a connection sends at once has to fit into its socket.
const QUESTION_BYTES_MAX: usize = 256 << 10;
const CONNECTIONS_MAX: usize = 10_000;

/// Measures echo servers of WebSocket.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// What is measured, separated by commas: SIZE of a message in bytes, SIZExN for N of them at
    /// once, SIZE@C or SIZExN@C on C connections.
    #[arg(
        long,
        default_value = "64,256,16384,65536,64@64,64@1000,64x64,64x64@64",
        value_delimiter = ',',
        value_name = "CASE"
    )]
    pub(crate) cases: Vec<Case>,

    /// Send binary messages; without, text.
    #[arg(long)]
    pub(crate) binary: bool,

    /// Have the servers speak TLS 1.3, and the client with them. The raw servers stay plain: they
    /// are what the calls alone cost.
    #[arg(long)]
    pub(crate) tls: bool,

    /// Have messages compressed both ways, each alone: records of a venue, of the size that is asked
    /// for before. Servers that do not agree to it are left out.
    #[arg(long)]
    pub(crate) deflate: bool,

    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// Messages of one size, so many at once, on so many connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    payload_bytes: usize,
    batch: usize,
    connections: usize,
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (message, connections) = text.split_once('@').unwrap_or((text, "1"));
        let (size, batch) = message.split_once('x').unwrap_or((message, "1"));
        let numbers = size.parse().ok().zip(batch.parse().ok()).zip(connections.parse().ok());
        let Some(((payload_bytes, batch), connections)) = numbers else {
            return Err(format!("{text:?} is no case: write SIZE, SIZExN, SIZE@C or SIZExN@C"));
        };
        let question_bytes = frame_bytes(payload_bytes, Role::Client).checked_mul(batch);
        let fits = question_bytes.is_some_and(|bytes| bytes <= QUESTION_BYTES_MAX);
        if payload_bytes == 0 || batch == 0 || !fits {
            return Err(format!(
                "{text}: 1 to {QUESTION_BYTES_MAX} B are sent at once, headers included"
            ));
        }
        if connections == 0 || connections > CONNECTIONS_MAX {
            return Err(format!("{text}: there are 1 to {CONNECTIONS_MAX} connections"));
        }
        Ok(Self { payload_bytes, batch, connections })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.payload_bytes)?;
        if self.batch > 1 {
            write!(f, "x{}", self.batch)?;
        }
        if self.connections > 1 {
            write!(f, "@{}", self.connections)?;
        }
        Ok(())
    }
}

impl Served for Options {
    type Client = Crowd<Messages>;

    fn name(&self) -> &'static str {
        "ws"
    }

    fn measures(&self) -> String {
        let kind = if self.binary { "binary" } else { "text" };
        let tls = if self.tls { ", TLS 1.3 but for the raw servers" } else { "" };
        let deflate = if self.deflate { ", permessage-deflate without contexts" } else { "" };
        format!("RTT of {kind} messages of WebSocket, loopback TCP, closed loop{tls}{deflate}")
    }

    /// A server process has only the connections that it is measured with.
    fn groups(&self) -> Vec<Group> {
        let duty = if self.tls { Duty::Wss } else { Duty::Ws };
        let group = |case: &Case| Group { cases: vec![format!(":{case}")], duty };
        self.cases.iter().map(group).collect()
    }

    fn connect(&self, group: usize, address: &Address) -> Result<Crowd<Messages>, String> {
        self.connect_trusting(group, address, None)
    }

    fn connect_trusting(
        &self,
        group: usize,
        address: &Address,
        certificate: Option<&Path>,
    ) -> Result<Crowd<Messages>, String> {
        let case = self.cases[group];
        let streams = connect(address, case.connections)?;
        let mut channels = match certificate {
            None => streams.into_iter().map(Channel::from).collect(),
            Some(certificate) => {
                let connector = connector(certificate)?;
                let encrypted = |stream| Channel::encrypted(stream, &connector);
                streams.into_iter().map(encrypted).collect::<Result<Vec<_>, _>>()?
            }
        };
        channels.iter_mut().try_for_each(|channel| upgrade(channel, self.deflate))?;
        let (is_text, is_compressed) = (!self.binary, self.deflate);
        let kind = Kind { is_text, payload_bytes: case.payload_bytes, is_compressed };
        Ok(Crowd::new(channels, Messages::new(kind, case.batch))?.asking_directly())
    }

    fn slice(
        &mut self,
        place: Place,
        crowd: &mut Crowd<Messages>,
        running: &Running<'_>,
        clock: &Clock,
        turn: Turn<'_>,
    ) -> Result<Slice, String> {
        let case = self.cases[place.group];
        let bytes = frame_bytes(case.payload_bytes, Role::Client) as u64;
        let answer = Answer { operations: case.batch as u64, bytes };
        ask_all(crowd, answer, running, clock, turn)
    }

    fn figures(&self) -> Vec<Figure> {
        vec![OPS_PER_S, CPU_PER_OP, P50]
    }

    fn note(&self) -> Option<String> {
        let note = "NAME:SIZE is one message in flight on one connection; NAME:SIZExN sends N at \
                    once, and a sample is the time until all of them are back; @C is on C \
                    connections. floor and the raw epoll servers read no frame: they count bytes \
                    and answer constant ones, which is what the calls alone cost. With --deflate \
                    both send what was compressed beforehand, and MiB/s counts what it was before. \
                    The client is \
                    one thread that never sleeps and compares every byte: with many connections it \
                    may be the limit, and then cpu ns/op tells the servers apart and ops/s does \
                    not. A client with one connection asks its socket, one with many an epoll.";
        Some(note.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_written_as_it_is_read() {
        for text in ["64", "64x64", "16384@64", "64x16@1000"] {
            assert_eq!(text.parse::<Case>().unwrap().to_string(), text);
        }
        assert_eq!("64x1@1".parse::<Case>().unwrap().to_string(), "64");
    }

    #[test]
    fn what_is_no_case_is_an_error_that_repeats_it() {
        for text in
            ["", "x", "64x", "64@", "64x2@x", "-1", "64@2x3", "0", "64x0", "64@0", "64@10001"]
        {
            let error = text.parse::<Case>().unwrap_err();
            assert!(error.contains(text), "{error}");
        }
        let error = "65536x4".parse::<Case>().unwrap_err();
        assert!(error.contains("262144 B"), "{error}");
        assert!(format!("{}x2", usize::MAX / 2).parse::<Case>().is_err());
    }
}
