//! Our own subjects in the role `echo`: the floors and the runtime, as `taut-bench serve`.
//!
//! Every server is a process of its own, pinned to its core before it opens anything. It accepts
//! connections for as long as it lives and ends with its standard input; see `bench/SUBJECTS.md`.

mod acceptor;
mod datagrams_on_taut;
mod duty;
mod http_on_taut;
mod https;
mod on_taut;
mod raw_blocking;
mod raw_connection;
mod raw_datagrams;
mod raw_epoll;
mod raw_frames;
mod raw_spin;
pub(crate) mod venue;
mod ws_on_taut;

use std::io::{self, Read};
use std::path::PathBuf;
use std::thread;

use clap::{Args, ValueEnum};
use taut::counter_file::{CounterFile, CounterFileOptions};

pub(crate) use self::duty::Duty;
use self::raw_connection::{RawConnection, send_all};
use self::raw_datagrams::Datagrams;
use self::raw_frames::RawFrames;
use crate::harness::cores;
use crate::harness::environment::FeatureRow;
use crate::subject::{Announcement, Attendant};
use crate::transport::{Address, Listener, Transport, bind_datagrams};

/// The kinds of server, by the names of their series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServerKind {
    /// Raw non-blocking recv and send in a loop: nothing can be faster through these calls.
    Floor,
    /// Raw epoll that never sleeps, edge-triggered.
    RawEpollSpin,
    /// Raw epoll that sleeps when idle: the floor of every server that does.
    RawEpollPark,
    /// The runtime on io_uring, spinning.
    Taut,
    /// The same with hot streams, which the spin loop polls directly.
    TautHot,
    /// The runtime on epoll, spinning.
    TautEpoll,
    /// The runtime on io_uring, sleeping in the kernel when idle.
    TautPark,
    /// As taut, counting in a file that taut-stat looks at meanwhile. Only where it is named.
    TautWatched,
    /// Raw recv and send that block, a thread for each connection: what bulk transfers are held
    /// against. Only where it is named.
    RawBlocking,
}

impl ServerKind {
    pub(crate) const ALL: [Self; 9] = [
        Self::Floor,
        Self::RawEpollSpin,
        Self::RawEpollPark,
        Self::Taut,
        Self::TautHot,
        Self::TautEpoll,
        Self::TautPark,
        Self::TautWatched,
        Self::RawBlocking,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::RawEpollSpin => "raw-epoll-spin",
            Self::RawEpollPark => "raw-epoll-park",
            Self::Taut => "taut",
            Self::TautHot => "taut-hot",
            Self::TautEpoll => "taut-epoll",
            Self::TautPark => "taut-park",
            Self::TautWatched => "taut-watched",
            Self::RawBlocking => "raw-blocking",
        }
    }

    /// Whether it is left out unless it is named: it answers one question only.
    pub(crate) fn only_if_named(self) -> bool {
        matches!(self, Self::TautWatched | Self::RawBlocking)
    }

    /// Whether its idle loop asks the kernel, so that its system calls are mostly empty polls.
    pub(crate) fn polls_by_syscall(self) -> bool {
        matches!(self, Self::Floor | Self::RawEpollSpin | Self::TautHot | Self::TautEpoll)
    }
}

/// The command line of `serve`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Which server.
    kind: ServerKind,

    /// The core that it runs on.
    #[arg(long)]
    core: usize,

    /// What it listens on.
    #[arg(long, value_enum, default_value = "tcp")]
    transport: Transport,

    /// What it does with what it receives.
    #[arg(long, value_enum, default_value = "echo")]
    duty: Duty,

    /// Have the runtime count in a file of this name, for taut-stat to look at.
    #[arg(long, value_name = "NAME")]
    counters: Option<String>,

    /// The page in which it leaves its counts.
    #[arg(long, hide = true)]
    page: Option<PathBuf>,
}

impl Options {
    fn counter_file(&self) -> Result<Option<CounterFile>, String> {
        let Some(name) = &self.counters else { return Ok(None) };
        if matches!(
            self.kind,
            ServerKind::Floor
                | ServerKind::RawEpollSpin
                | ServerKind::RawEpollPark
                | ServerKind::RawBlocking
        ) {
            return Err("--counters: only a runtime counts, not the raw servers".to_owned());
        }
        let options = CounterFileOptions { name: name.clone(), ..Default::default() };
        CounterFile::create(options).map(Some).map_err(|error| format!("--counters: {error}"))
    }
}

/// What every server does with what it receives.
#[derive(Debug)]
pub(crate) struct Service {
    attendant: Attendant,
    duty: Duty,
}

/// Serves until standard input ends; returns only with an error.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    cores::pin(options.core)?;
    let attendant = match &options.page {
        Some(path) => Attendant::open(path)?,
        None => Attendant::alone()?,
    };
    let service = Service { attendant, duty: options.duty };
    let counters = options.counter_file()?;
    end_with_standard_input(counters.as_ref().map(|file| file.path().to_owned()))?;
    let failed = |error: io::Error| format!("its socket failed: {error}");
    let is_datagram = matches!(options.transport, Transport::Udp | Transport::Ticks);
    match options.kind {
        kind @ (ServerKind::Floor | ServerKind::RawEpollSpin | ServerKind::RawEpollPark)
            if is_datagram =>
        {
            let (socket, orders, address) = bind_datagrams(options.transport).map_err(failed)?;
            let datagrams = Datagrams::new(socket, orders, &service).map_err(failed)?;
            let (waits, spin) = match kind {
                ServerKind::Floor => ("raw recvfrom, spinning", true),
                ServerKind::RawEpollSpin => ("raw epoll, level-triggered, spinning", true),
                _ => ("raw epoll, level-triggered, sleeping when idle", false),
            };
            announce(address, waits, Vec::new())?;
            match kind {
                ServerKind::Floor => datagrams.spin().map_err(failed),
                _ => datagrams.on_epoll(spin).map_err(failed),
            }
        }
        ServerKind::Floor => {
            let (listener, address) = Listener::open(options.transport).map_err(failed)?;
            announce(address, "raw recv and send, spinning over all connections", Vec::new())?;
            raw_spin::serve(listener, &service).map_err(failed)
        }
        kind @ (ServerKind::RawEpollSpin | ServerKind::RawEpollPark) => {
            let (listener, address) = Listener::open(options.transport).map_err(failed)?;
            let spin = kind == ServerKind::RawEpollSpin;
            let waits = if spin { "spinning" } else { "sleeping when idle" };
            announce(address, &format!("raw epoll, edge-triggered, {waits}"), Vec::new())?;
            raw_epoll::serve(&listener, spin, &service).map_err(failed)
        }
        ServerKind::RawBlocking => {
            let (listener, address) = Listener::open(options.transport).map_err(failed)?;
            announce(address, "raw recv and send that block, 64 KiB buffers", Vec::new())?;
            raw_blocking::serve(&listener, service).map_err(failed)
        }
        _ => on_taut::serve(options, counters.as_ref(), service),
    }
}

fn announce(listening: Address, settings: &str, features: Vec<FeatureRow>) -> Result<(), String> {
    announce_with(listening, settings, features, None)
}

/// The same of a server that shows the certificate in that file.
fn announce_with(
    listening: Address,
    settings: &str,
    features: Vec<FeatureRow>,
    certificate: Option<PathBuf>,
) -> Result<(), String> {
    Announcement {
        listening: Some(listening),
        certificate,
        version: format!("taut-bench {}", env!("CARGO_PKG_VERSION")),
        settings: settings.to_owned(),
        features,
        ..Announcement::default()
    }
    .print()
}

/// Whoever started this program closes its standard input when it is no longer needed, or when it
/// has died itself: a server that spins would otherwise outlive it. Its counter file goes with it.
fn end_with_standard_input(counters: Option<PathBuf>) -> Result<(), String> {
    let wait = move || {
        let mut ignored = [0; 64];
        while !matches!(io::stdin().read(&mut ignored), Ok(0) | Err(_)) {}
        // Such an end runs no destructors.
        if let Some(path) = counters {
            let _ = std::fs::remove_file(path);
        }
        std::process::exit(0);
    };
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(wait)
        .map(drop)
        .map_err(|error| format!("the thread that waits for the end did not start: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        for kind in ServerKind::ALL {
            let value = kind.to_possible_value().map(|value| value.get_name().to_owned());
            assert_eq!(value.as_deref(), Some(kind.name()));
        }
    }
}
