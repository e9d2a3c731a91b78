//! One stream that several sessions carry: the first copy of each message wins.
//!
//! The lines are sessions, to different hosts of a venue or by different ways, each of which
//! reconnects by itself; what they bring is arbitrated as the lines of a multicast feed are. What
//! one step leads to is handed out before the next is taken, and the lines have their turns one
//! after the other. Cost beyond the session's and the arbiter's: a look at each line.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::{fmt, io};

use taut_net::Transport;
use taut_net::feed::{self, Arbiter, ArbiterOptions, Deliver, Numbers};
use taut_runtime::task::waiting;
use taut_runtime::time::Instant;

use super::event::Event;
use super::sender::Sender;
use super::session::Session;
use crate::deadline::Deadline;
use crate::ws::Message;

/// Copies that one poll takes before other tasks have their turn.
const COPIES_PER_POLL_MAX: usize = 64;

/// What [`ArbitratedSessions`] hand out.
#[derive(Debug)]
#[non_exhaustive]
pub enum ArbitratedEvent {
    /// What became of the stream: a message that no line had brought before, a hole, a loss.
    Feed(feed::Event<Message>),
    /// What became of one line, and its messages that have no number, such as answers to a
    /// subscription.
    Line {
        /// Which line, counted from 0.
        line: usize,
        /// What it told.
        event: Event,
    },
}

/// The same stream on several sessions, as the events of an [`Arbiter`].
///
/// `numbers` says where a message stands, as the extractor of an arbiter does; messages for which
/// it says nothing are handed out as those of their line. Times are those of [`Instant`]. A gap of
/// [`gap_after_ns`](ArbiterOptions::gap_after_ns) is to be longer than one line may be behind
/// another: the default is that of multicast on one site, and too short across the internet.
///
/// ```
/// use taut_net::feed::{ArbiterOptions, Event as Feed, Numbers};
/// use taut_net::{TcpListener, TcpStream};
/// use taut_proto::ws::{ArbitratedEvent, ArbitratedSessions, Options, Role, Session, WebSocket};
///
/// taut_runtime::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
///     let address = listener.local_addr()?;
///     let venue = taut_runtime::spawn(async move {
///         let mut clients = Vec::new();
///         for _ in 0..2 {
///             let stream = listener.accept().await?;
///             let options = Options::default();
///             clients.push(WebSocket::over(stream, Role::Server, &options, None));
///         }
///         for number in [1, 2, 3] {
///             for client in &mut clients {
///                 client.send_binary(&[number]).await?;
///             }
///         }
///         Ok::<_, Box<dyn std::error::Error>>(clients)
///     });
///     let line = || {
///         Session::builder().build(async move || {
///             let stream = TcpStream::connect(address).await?;
///             let options = Options::default();
///             Ok::<_, std::io::Error>(WebSocket::over(stream, Role::Client, &options, None))
///         })
///     };
///     let number = |message: &[u8]| Some(Numbers::one(u64::from(*message.first()?)));
///     let options = ArbiterOptions::default();
///     let mut lines = ArbitratedSessions::new(vec![line(), line()], options, number);
///     let mut got = Vec::new();
///     while got.len() < 3 {
///         let event = lines.next().await?.expect("no line gives up");
///         if let ArbitratedEvent::Feed(Feed::Messages(delivery)) = event {
///             got.push(delivery.first);
///         }
///     }
///     assert_eq!(got, [1, 2, 3]);
///     drop(venue.await?);
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ArbitratedSessions<T: Transport + 'static, E> {
    lines: Vec<Session<T>>,
    arbiter: Arbiter<Message, E>,
    events: VecDeque<ArbitratedEvent>,
    /// The line that is asked first.
    first: usize,
    /// For the oldest hole.
    due: Deadline,
}

impl<T: Transport + 'static, E: FnMut(&[u8]) -> Option<Numbers>> ArbitratedSessions<T, E> {
    /// One stream out of these sessions, of which the first is line 0; `options.lines` is set to
    /// their number.
    ///
    /// # Panics
    ///
    /// Outside of a runtime; where the options make no sense, as for [`Arbiter::new`].
    #[must_use]
    pub fn new(lines: Vec<Session<T>>, options: ArbiterOptions, numbers: E) -> Self {
        let options = ArbiterOptions { lines: lines.len(), ..options };
        let held_max = match options.deliver {
            Deliver::AsTheyCome => 0,
            Deliver::InOrder { held_packets_max } => held_packets_max,
        };
        Self {
            lines,
            arbiter: Arbiter::new(options, numbers),
            // One message leads to a delivery or a loss for each hole, and to few more.
            events: VecDeque::with_capacity(2 * options.holes_max + held_max + 8),
            first: 0,
            due: Deadline::at(Instant::now()),
        }
    }

    /// What happens next; nothing once all lines have given up. Cancel-safe.
    ///
    /// # Errors
    ///
    /// `ECANCELED` where the task was asked to stop, and nothing else.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    #[expect(clippy::should_implement_trait, reason = "the name that streams of messages have")]
    pub fn next(&mut self) -> impl Future<Output = io::Result<Option<ArbitratedEvent>>> {
        waiting("next on arbitrated sessions", Next { sessions: self, waits: false })
    }

    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Option<ArbitratedEvent>>> {
        for _ in 0..COPIES_PER_POLL_MAX {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(Ok(Some(event)));
            }
            match self.poll_lines(context) {
                Poll::Ready(Ok(Some((line, event)))) => self.take(line, event),
                Poll::Ready(Ok(None)) => {
                    let events = &mut self.events;
                    let mut sink = |event| events.push_back(ArbitratedEvent::Feed(event));
                    self.arbiter.finish(&mut sink);
                    if self.events.is_empty() {
                        return Poll::Ready(Ok(None));
                    }
                }
                Poll::Ready(Err(cancelled)) => return Poll::Ready(Err(cancelled)),
                Poll::Pending if self.poll_due(context).is_pending() => return Poll::Pending,
                Poll::Pending => {}
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// The next event of any line; nothing once all are over.
    fn poll_lines(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Option<(usize, Event)>>> {
        let count = self.lines.len();
        let mut is_over = true;
        for line in (0..count).map(|index| (self.first + index) % count) {
            match self.lines[line].poll_next(context) {
                Poll::Ready(Ok(Some(event))) => {
                    self.first = (line + 1) % count;
                    return Poll::Ready(Ok(Some((line, event))));
                }
                Poll::Ready(Ok(None)) => {}
                Poll::Ready(Err(cancelled)) => return Poll::Ready(Err(cancelled)),
                Poll::Pending => is_over = false,
            }
        }
        if is_over { Poll::Ready(Ok(None)) } else { Poll::Pending }
    }

    fn take(&mut self, line: usize, event: Event) {
        let Event::Message(message) = event else {
            return self.events.push_back(ArbitratedEvent::Line { line, event });
        };
        let events = &mut self.events;
        let mut sink = |event| events.push_back(ArbitratedEvent::Feed(event));
        let at_ns = Instant::now().as_nanos();
        if let Some(message) = self.arbiter.offer_numbered(line, at_ns, message, &mut sink) {
            let event = Event::Message(message);
            self.events.push_back(ArbitratedEvent::Line { line, event });
            // Nothing else would, as long as there are such messages.
            let events = &mut self.events;
            let mut sink = |event| events.push_back(ArbitratedEvent::Feed(event));
            self.arbiter.expire(at_ns, &mut sink);
        }
    }

    /// Gives up what is due; pending while nothing is.
    fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(due_ns) = self.arbiter.deadline_ns() else { return Poll::Pending };
        self.due.set(Instant::from_nanos(due_ns));
        // A cancel has been told by the lines, which were asked before.
        if self.due.poll(context).is_pending() {
            return Poll::Pending;
        }
        let now_ns = Instant::now().as_nanos().max(due_ns);
        let events = &mut self.events;
        self.arbiter.expire(now_ns, &mut |event| events.push_back(ArbitratedEvent::Feed(event)));
        Poll::Ready(())
    }

    /// The arbiter, for its statistics.
    #[must_use]
    pub fn arbiter(&self) -> &Arbiter<Message, E> {
        &self.arbiter
    }

    /// The session of a line, to [replace](Session::replace) or [reconnect](Session::reconnect) it.
    /// What it would hand out is to be left to [`next`](Self::next).
    ///
    /// # Panics
    ///
    /// Where there is no such line.
    pub fn line(&mut self, line: usize) -> &mut Session<T> {
        &mut self.lines[line]
    }

    /// A handle to send with on one line.
    ///
    /// # Panics
    ///
    /// Where there is no such line.
    pub fn sender(&self, line: usize) -> Sender<T> {
        self.lines[line].sender()
    }
}

struct Next<'a, T: Transport + 'static, E> {
    sessions: &'a mut ArbitratedSessions<T, E>,
    waits: bool,
}

impl<T: Transport + 'static, E: FnMut(&[u8]) -> Option<Numbers>> Future for Next<'_, T, E> {
    type Output = io::Result<Option<ArbitratedEvent>>;

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = self.sessions.poll_next(context);
        self.waits = polled.is_pending();
        polled
    }
}

impl<T: Transport + 'static, E> Drop for Next<'_, T, E> {
    fn drop(&mut self) {
        if self.waits {
            self.sessions.lines.iter_mut().for_each(Session::stop_waiting);
        }
    }
}

impl<T: Transport + 'static, E> fmt::Debug for ArbitratedSessions<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArbitratedSessions")
            .field("lines", &self.lines)
            .field("arbiter", &self.arbiter)
            .finish_non_exhaustive()
    }
}
