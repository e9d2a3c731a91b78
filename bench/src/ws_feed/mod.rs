//! The workload `ws-feed`: its venue, and our own subjects in the role `feed`, which are clients.
//!
//! `taut-bench feed KIND` connects to the venue that its first line of standard input names, then
//! answers each line `feed MESSAGES` with how late each of so many messages was in its handler; see
//! `bench/SUBJECTS.md`.

mod floor;
mod handler;
mod on_taut;
mod recording;
mod venue;

use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use rustix::time::{ClockId, clock_gettime};

use crate::harness::cores;
use crate::subject::{Announcement, answer_lines, spaced};

use handler::Handler;
pub(crate) use venue::{Connection, Sent, Speed, Venue};

/// The work of a client.
pub(crate) const FEED: &str = "feed";
/// What it says when it has connected.
pub(crate) const CONNECTED: &str = "connected";

/// The kinds of client, by the names of their series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FeedKind {
    /// Raw non-blocking recv in a loop; of a frame its length is read, and nothing validated.
    Floor,
    /// The runtime on io_uring, spinning.
    Taut,
    /// The same with a hot stream.
    TautHot,
    /// The runtime on epoll, spinning.
    TautEpoll,
    /// As `Taut`, with the kernel's stamps.
    TautStamped,
    /// As `TautHot`, with the kernel's stamps.
    TautHotStamped,
}

impl FeedKind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Floor,
        Self::Taut,
        Self::TautHot,
        Self::TautEpoll,
        Self::TautStamped,
        Self::TautHotStamped,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Taut => "taut",
            Self::TautHot => "taut-hot",
            Self::TautEpoll => "taut-epoll",
            Self::TautStamped => "taut-stamped",
            Self::TautHotStamped => "taut-hot-stamped",
        }
    }

    /// Whether it asks the kernel whenever it waits, so that most of its calls find nothing.
    pub(crate) fn polls_by_syscall(self) -> bool {
        !matches!(self, Self::Taut | Self::TautStamped)
    }

    pub(crate) fn is_hot(self) -> bool {
        matches!(self, Self::TautHot | Self::TautHotStamped)
    }

    /// Whether it also tells how long ago the kernel had received each message.
    pub(crate) fn is_stamped(self) -> bool {
        matches!(self, Self::TautStamped | Self::TautHotStamped)
    }
}

/// The command line of `feed`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Which client.
    kind: FeedKind,

    /// The core that it runs on.
    #[arg(long)]
    core: usize,
}

/// Has the handler see as many messages as it expects; a stamped one notes how long ago, in ns, the
/// kernel had received each.
type Client = Box<dyn FnMut(&mut Handler, &mut Vec<u64>) -> Result<(), String>>;

/// Answers until standard input ends.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    cores::pin(options.core)?;
    let settings = match options.kind {
        FeedKind::Floor => "raw recv, spinning; lengths of frames are read, nothing is validated",
        FeedKind::Taut => "Uring driver, Spin, for_each_ready",
        FeedKind::TautHot => "Uring driver, Spin, hot stream, for_each_ready",
        FeedKind::TautStamped => "Uring driver, Spin, for_each_ready, kernel stamps",
        FeedKind::TautHotStamped => "Uring driver, Spin, hot stream, for_each_ready, kernel stamps",
        FeedKind::TautEpoll => "Epoll driver, Spin, for_each_ready",
    };
    Announcement {
        works: vec![FEED.to_owned()],
        version: format!("taut-bench {}", env!("CARGO_PKG_VERSION")),
        settings: settings.to_owned(),
        ..Announcement::default()
    }
    .print()?;
    let (mut client, mut handler) = (None, Handler::default());
    let mut since_kernel_ns = Vec::new();
    answer_lines(|line| {
        let Some(client) = &mut client else {
            client = Some(connect(options, line)?);
            return Ok(CONNECTED.to_owned());
        };
        let messages = line.strip_prefix("feed ").and_then(|messages| messages.parse().ok());
        let messages = messages.ok_or_else(|| format!("{line:?} is no line: feed MESSAGES"))?;
        handler.expect(messages);
        since_kernel_ns.clear();
        since_kernel_ns.reserve(messages);
        client(&mut handler, &mut since_kernel_ns)?;
        Ok(spaced(&[handler.lags_ns(), &since_kernel_ns].concat()))
    })
}

fn connect(options: &Options, line: &str) -> Result<Client, String> {
    let address = line.strip_prefix("connect ").and_then(|address| address.parse().ok());
    let address: SocketAddr =
        address.ok_or_else(|| format!("{line:?} names no venue: connect ADDRESS"))?;
    match options.kind {
        FeedKind::Floor => floor::client(address),
        kind => on_taut::client(kind, options.core, address),
    }
}

/// The clock that the venue and all clients read.
#[inline]
fn now_ns() -> u64 {
    read_ns(ClockId::Monotonic)
}

#[inline]
fn read_ns(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    // It counts from the start of the host, or since 1970.
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// What a handler says to a message that is not of the feed, or one too many.
fn unexpected(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(80)]).into_owned();
    format!("the venue sent {text:?}, which is not of its feed, or too much")
}
