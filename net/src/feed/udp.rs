//! An arbiter over UDP sockets.
//!
//! Packets are taken from the sockets one at a time, by turns, and what each leads to is handed out
//! before the next is taken; so there is no more in hand than one packet's events. While something
//! is missing a timer runs. Cost beyond the arbiter's: a look at each socket a packet, and one
//! reading of the clock.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use taut_runtime::io::Datagram;
use taut_runtime::task::waiting;
use taut_runtime::time::{Instant, Sleep, sleep};

use super::{Arbiter, ArbiterOptions, Event, Numbers};
use crate::UdpSocket;

/// Packets without news that one poll takes before other tasks have their turn.
const PACKETS_PER_POLL_MAX: usize = 64;

/// A feed that comes on several UDP sockets, as the [`Event`]s of an [`Arbiter`].
///
/// A delivery's packet is the [`Datagram`], where the kernel put it. Times are those of
/// [`Instant`], taken when the core takes the packet; the kernel's own are in the datagram, where
/// the socket was asked for them. In order, the packets that are held back keep slots of the core's
/// receive buffers: see [`Deliver::InOrder`](super::Deliver). The sockets must not join segments
/// (GRO), since only the first header of what is joined would be read.
///
/// ```
/// use taut_net::UdpSocket;
/// use taut_net::feed::{ArbitratedFeed, ArbiterOptions, Event, mold_udp64};
///
/// taut_runtime::run(async {
///     let loopback = "127.0.0.1:0".parse().unwrap();
///     let lines = vec![UdpSocket::bind(loopback)?, UdpSocket::bind(loopback)?];
///     let to = [lines[0].local_addr()?, lines[1].local_addr()?];
///     let mut feed = ArbitratedFeed::new(lines, ArbiterOptions::default(), mold_udp64);
///
///     let venue = UdpSocket::bind(loopback)?;
///     let packet = [&b"SESSION001"[..], &1_u64.to_be_bytes(), &1_u16.to_be_bytes(), b"\0\x02hi"];
///     for line in to {
///         venue.send_to(&packet.concat(), line).await?;
///     }
///     let event = feed.next_event().await?;
///     let Event::Messages(delivery) = event else { panic!("nothing is missing") };
///     assert_eq!(delivery.new, 1..2);
///     assert!(delivery.packet.ends_with(b"hi"));
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ArbitratedFeed<E> {
    lines: Vec<UdpSocket>,
    arbiter: Arbiter<Datagram, E>,
    events: VecDeque<Event<Datagram>>,
    /// The line that is asked first.
    first: usize,
    /// Runs for the deadline in `due_ns`.
    timer: Sleep,
    due_ns: Option<u64>,
}

impl<E: FnMut(&[u8]) -> Option<Numbers>> ArbitratedFeed<E> {
    /// One feed out of these sockets, of which the first is line 0; `options.lines` is set to their
    /// number.
    ///
    /// # Panics
    ///
    /// Outside of a runtime; where the options make no sense, as for [`Arbiter::new`].
    #[must_use]
    pub fn new(lines: Vec<UdpSocket>, options: ArbiterOptions, extract: E) -> Self {
        let options = ArbiterOptions { lines: lines.len(), ..options };
        // One packet leads to a delivery or a loss for each hole, and to few more.
        let events = VecDeque::with_capacity(2 * options.holes_max + options.held_max() + 8);
        Self {
            lines,
            arbiter: Arbiter::new(options, extract),
            events,
            first: 0,
            timer: sleep(Duration::ZERO),
            due_ns: None,
        }
    }

    /// What happens next on the feed. Cancel-safe.
    ///
    /// # Errors
    ///
    /// What a socket tells, with its line, once; the feed goes on. `ECANCELED` in a cancelled task.
    #[track_caller]
    pub fn next_event(&mut self) -> impl Future<Output = Result<Event<Datagram>, LineError>> {
        waiting("next event of a feed", poll_fn(|context| self.poll_next_event(context)))
    }

    /// As [`next_event`](Self::next_event), to be called from a future of one's own.
    ///
    /// # Errors
    ///
    /// As for [`next_event`](Self::next_event).
    pub fn poll_next_event(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Event<Datagram>, LineError>> {
        for _ in 0..PACKETS_PER_POLL_MAX {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(Ok(event));
            }
            match self.poll_packet(context) {
                Poll::Ready(Ok((line, datagram))) => {
                    let now_ns = Instant::now().as_nanos();
                    let events = &mut self.events;
                    self.arbiter
                        .offer(line, now_ns, datagram, &mut |event| events.push_back(event));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if self.poll_due(context).is_pending() => return Poll::Pending,
                Poll::Pending => {}
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_packet(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<(usize, Datagram), LineError>> {
        let count = self.lines.len();
        for line in (0..count).map(|index| (self.first + index) % count) {
            if let Poll::Ready(received) = self.lines[line].poll_recv(context) {
                self.first = (line + 1) % count;
                let received = received.map(|datagram| (line, datagram));
                return Poll::Ready(received.map_err(|error| LineError { line, error }));
            }
        }
        Poll::Pending
    }

    /// Gives up what is due; pending while nothing is.
    fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(due_ns) = self.arbiter.deadline_ns() else { return Poll::Pending };
        if self.due_ns != Some(due_ns) {
            self.due_ns = Some(due_ns);
            self.timer.reset(Instant::from_nanos(due_ns));
        }
        // A cancel has been told by the sockets, which were asked before.
        if Pin::new(&mut self.timer).poll(context).is_pending() {
            return Poll::Pending;
        }
        self.due_ns = None;
        let events = &mut self.events;
        let now_ns = Instant::now().as_nanos().max(due_ns);
        self.arbiter.expire(now_ns, &mut |event| events.push_back(event));
        Poll::Ready(())
    }

    /// Gives up everything that is missing: what is still in hand is told by
    /// [`next_event`](Self::next_event).
    pub fn finish(&mut self) {
        let events = &mut self.events;
        self.arbiter.finish(&mut |event| events.push_back(event));
    }

    /// Begins a new numbering, as [`Arbiter::restart`] does.
    pub fn restart(&mut self, session: u128, next: u64) {
        let events = &mut self.events;
        self.arbiter.restart(session, next, &mut |event| events.push_back(event));
    }

    /// The arbiter, for its statistics.
    #[must_use]
    pub fn arbiter(&self) -> &Arbiter<Datagram, E> {
        &self.arbiter
    }

    /// The socket of a line, for its options and groups.
    ///
    /// # Panics
    ///
    /// Where there is no such line.
    #[must_use]
    pub fn line(&mut self, line: usize) -> &mut UdpSocket {
        &mut self.lines[line]
    }
}

impl<E> fmt::Debug for ArbitratedFeed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArbitratedFeed")
            .field("lines", &self.lines)
            .field("arbiter", &self.arbiter)
            .finish_non_exhaustive()
    }
}

/// What the socket of one line told.
#[derive(Debug)]
pub struct LineError {
    /// Which line.
    pub line: usize,
    /// What it told.
    pub error: io::Error,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the feed: {}", self.line, self.error)
    }
}

impl std::error::Error for LineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<LineError> for io::Error {
    fn from(error: LineError) -> Self {
        error.error
    }
}
