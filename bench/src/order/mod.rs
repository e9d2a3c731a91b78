//! Our own subjects in the role `order`: clients that send an order and wait for its answer.
//!
//! `taut-bench order KIND` connects to the venue that its first line of standard input names, then
//! answers lines of work with the times of its batches; see `bench/SUBJECTS.md`. What is timed is
//! from before the fields of an order are set to after its answer was compared. The floors do the
//! same by hand on a socket.

mod alone;
mod floor;
mod on_taut;
#[allow(unreachable_pub, reason = "the peers, which include this file, make it public")]
mod text;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};

use crate::harness::cores;
use crate::subject::{Announcement, answer_lines, spaced};
use crate::sys::process_allocations;

pub(crate) use text::{ANSWER, Field, TARGET};

/// The work of a client, and that of the cipher alone.
pub(crate) const ORDER: &str = "order";
pub(crate) const AEAD: &str = "aead";
/// The request for what has been counted since it was last made.
pub(crate) const COUNTS: &str = "counts";
/// What a subject says when it has connected.
pub(crate) const CONNECTED: &str = "connected";
/// Orders that are sent before the first batch of a request, and that nobody times.
const WARM_UP: u64 = 16;

/// The kinds of client, by the names of their series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OrderKind {
    /// Raw non-blocking send and recv in a loop: nothing can be faster through these calls.
    Floor,
    /// The same, which in each round trip also seals as many bytes and opens an answer's.
    FloorAead,
    /// One seal of the request and one opening of the answer, without a socket.
    Aead,
    /// A prepared request of the runtime's client on io_uring, spinning.
    Taut,
    /// The same on epoll.
    TautEpoll,
    /// The same over TLS, on io_uring.
    TautTls,
    /// And on epoll.
    TautEpollTls,
}

impl OrderKind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Floor,
        Self::FloorAead,
        Self::Aead,
        Self::Taut,
        Self::TautEpoll,
        Self::TautTls,
        Self::TautEpollTls,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::FloorAead => "floor-aead",
            Self::Aead => "aead",
            Self::Taut => "taut",
            Self::TautEpoll => "taut-epoll",
            Self::TautTls => "taut-tls",
            Self::TautEpollTls => "taut-epoll-tls",
        }
    }

    fn work(self) -> &'static str {
        if self == Self::Aead { AEAD } else { ORDER }
    }

    /// Whether it asks the kernel whenever it waits, so that most of its calls find nothing.
    pub(crate) fn polls_by_syscall(self) -> bool {
        !matches!(self, Self::Aead | Self::Taut | Self::TautTls)
    }
}

/// The command line of `order`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Which client.
    kind: OrderKind,

    /// The core that it runs on.
    #[arg(long)]
    core: usize,
}

/// Where orders go, and whom to trust there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Venue {
    pub(crate) address: SocketAddr,
    /// A file with the certificate as DER.
    pub(crate) certificate: PathBuf,
}

impl std::fmt::Display for Venue {
    /// The line that names it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "connect {} {}", self.address, self.certificate.display())
    }
}

impl Venue {
    fn parse(line: &str) -> Result<Self, String> {
        let parts = line.strip_prefix("connect ").and_then(|rest| rest.split_once(' '));
        let venue = parts.and_then(|(address, certificate)| {
            Some(Self { address: address.parse().ok()?, certificate: certificate.into() })
        });
        venue.ok_or_else(|| format!("{line:?} names no venue: connect ADDRESS CERTIFICATE"))
    }
}

/// What a subject has done in batches that were timed.
#[derive(Debug, Default)]
struct Tally {
    operations: u64,
    syscalls: u64,
    allocations: u64,
}

/// What is asked for: so many batches of so many.
#[derive(Clone, Copy, Debug)]
struct Request {
    batches: u64,
    operations: u64,
}

/// Does what is asked for; the time of each batch in ns.
type Client = Box<dyn FnMut(Request, &mut Tally) -> Result<Vec<u64>, String>>;

/// Answers until standard input ends.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    cores::pin(options.core)?;
    let kind = options.kind;
    let settings = match kind {
        OrderKind::Floor => "raw send and recv, spinning",
        OrderKind::FloorAead => "raw send and recv, spinning, and the cipher beside them",
        OrderKind::Aead => "AES-256-GCM of ring: seals a request, opens an answer",
        OrderKind::Taut => "Uring driver, Spin, prepared request",
        OrderKind::TautEpoll => "Epoll driver, Spin, prepared request",
        OrderKind::TautTls => "Uring driver, Spin, prepared request, TLS 1.3 by ring",
        OrderKind::TautEpollTls => "Epoll driver, Spin, prepared request, TLS 1.3 by ring",
    };
    Announcement {
        works: vec![kind.work().to_owned(), COUNTS.to_owned()],
        version: format!("taut-bench {}", env!("CARGO_PKG_VERSION")),
        settings: settings.to_owned(),
        ..Announcement::default()
    }
    .print()?;
    let (mut client, mut tally) = (None, Tally::default());
    answer_lines(|line| {
        let Some(client) = &mut client else {
            client = Some(connect(options, &Venue::parse(line)?)?);
            return Ok(CONNECTED.to_owned());
        };
        answer(kind, client, &mut tally, line)
    })
}

fn connect(options: &Options, venue: &Venue) -> Result<Client, String> {
    match options.kind {
        OrderKind::Floor => floor::client(venue, None),
        OrderKind::FloorAead => floor::client(venue, Some(alone::Alone::new(venue)?)),
        OrderKind::Aead => alone::client(venue),
        kind => on_taut::client(kind, options.core, venue),
    }
}

fn answer(
    kind: OrderKind,
    client: &mut Client,
    tally: &mut Tally,
    line: &str,
) -> Result<String, String> {
    if line.trim() == COUNTS {
        let Tally { operations, syscalls, allocations } = std::mem::take(tally);
        return Ok(spaced(&[operations, syscalls, allocations]));
    }
    let problem = || format!("{line:?} is no line of work: {} BATCHES OPERATIONS", kind.work());
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, batches, operations] = words[..] else { return Err(problem()) };
    let numbers = batches.parse().ok().zip(operations.parse().ok());
    let (batches, operations) = numbers.filter(|_| name == kind.work()).ok_or_else(problem)?;
    Ok(spaced(&client(Request { batches, operations }, tally)?))
}

/// Does an operation as often as is asked for, after some that nobody times. What is counted is
/// what happens from the first batch to the last.
async fn timed(
    request: Request,
    tally: &mut Tally,
    syscalls: impl Fn() -> u64,
    mut operation: impl AsyncFnMut() -> Result<(), String>,
) -> Result<Vec<u64>, String> {
    for _ in 0..WARM_UP {
        operation().await?;
    }
    let mut times_ns = Vec::with_capacity(usize::try_from(request.batches).unwrap_or(0));
    let before = (syscalls(), process_allocations());
    for _ in 0..request.batches {
        let started = Instant::now();
        for _ in 0..request.operations {
            operation().await?;
        }
        // A batch lasts no 584 years.
        times_ns.push(started.elapsed().as_nanos() as u64);
    }
    tally.syscalls += syscalls() - before.0;
    tally.allocations += process_allocations() - before.1;
    tally.operations += request.batches * request.operations;
    Ok(times_ns)
}

/// All that goes over the wire for one order without TLS, by hand.
fn whole_request(venue: &Venue) -> text::Text {
    let length = text::Text::new().pieces(text::BODY).bytes().len();
    let host = venue.address;
    let mut request =
        text::Text::new().text(&format!("POST {TARGET} HTTP/1.1\r\nhost: {host}\r\n"));
    for (name, value) in text::HEADERS {
        request = request.text(&format!("{name}: {value}\r\n"));
    }
    let request = request.text(&format!("{}: ", text::SIGNATURE)).pieces(text::SIGNATURE_VALUE);
    request.text(&format!("\r\ncontent-length: {length}\r\n\r\n")).pieces(text::BODY)
}

/// Bytes of such a request; the length of an address is not the same everywhere.
pub(crate) fn request_bytes(venue: &Venue) -> u64 {
    whole_request(venue).bytes().len() as u64
}

/// All that goes over the wire for the answer to an order.
pub(crate) fn whole_answer() -> Vec<u8> {
    let length = ANSWER.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n\
         {ANSWER}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn venue() -> Venue {
        Venue::parse("connect 127.0.0.1:4711 /proc/1/fd/3").unwrap()
    }

    #[test]
    fn a_venue_is_the_line_that_names_it() {
        assert_eq!(venue().to_string(), "connect 127.0.0.1:4711 /proc/1/fd/3");
        for line in ["", "connect", "connect 127.0.0.1:4711", "connect here /x", "order 1 1"] {
            assert!(Venue::parse(line).unwrap_err().contains(&format!("{line:?}")));
        }
    }

    #[test]
    fn an_order_is_a_few_hundred_bytes_and_ends_with_its_body() {
        let mut request = whole_request(&venue());
        request.set(47);
        let text = String::from_utf8(request.bytes().to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!((300..=400).contains(&text.len()), "{}: {text}", text.len());
        assert!(head.contains(&format!("\r\ncontent-length: {}", body.len())));
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{body}");
        assert!(body.contains(r#""newClientOrderId":"000000000047""#), "{body}");
        assert!(whole_answer().ends_with(ANSWER.as_bytes()));
    }

    #[test]
    fn only_batches_are_counted_and_orders_before_the_first_are_not() {
        let (mut tally, mut sent) = (Tally::default(), 0);
        let request = Request { batches: 3, operations: 5 };
        let times = crate::work::floor::drive(timed(
            request,
            &mut tally,
            || 0,
            async || {
                sent += 1;
                Ok(())
            },
        ));
        assert_eq!((times.unwrap().len(), sent, tally.operations), (3, WARM_UP + 15, 15));
        let failed = timed(request, &mut tally, || 0, async || Err("lost".to_owned()));
        assert_eq!(crate::work::floor::drive(failed).unwrap_err(), "lost");
    }

    #[test]
    fn lines_that_are_no_work_are_errors_that_repeat_them() {
        let mut client: Client = Box::new(|request, _| Ok(vec![7; request.batches as usize]));
        let mut tally = Tally { operations: 2, syscalls: 4, allocations: 0 };
        let mut say = |line: &str| answer(OrderKind::Floor, &mut client, &mut tally, line);
        assert_eq!(say("order 3 1").unwrap(), "7 7 7");
        assert_eq!(say("counts").unwrap(), "2 4 0");
        assert_eq!(say("counts").unwrap(), "0 0 0", "each count is told once");
        for line in ["", "order", "order 1", "order x 1", "aead 1 1", "order 1 1 1"] {
            assert!(say(line).unwrap_err().contains(&format!("{line:?}")), "{line}");
        }
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        for kind in OrderKind::ALL {
            let value = kind.to_possible_value().map(|value| value.get_name().to_owned());
            assert_eq!(value.as_deref(), Some(kind.name()));
        }
    }
}
