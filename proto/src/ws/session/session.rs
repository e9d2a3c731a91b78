//! A session, for its user: messages and what becomes of their connections, in one order.

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::{fmt, io};

use taut_net::{ReceiveTimestamps, Transport};
use taut_runtime::task::waiting;

use super::builder::SessionBuilder;
use super::event::{Event, Failure};
use super::fresh::Connect;
use super::links::Links;
use super::overlap::Overlap;
use super::plan::Plan;
use super::sender::{SendError, Sender};
use crate::deadline::Deadline;
use crate::ws::{CloseCode, Error, Outbox};

/// A WebSocket connection to a venue that is made again when it breaks, and replaced before it
/// does.
///
/// [`next`](Self::next) hands out the messages and, between them, what became of the connections:
/// a reader sees each gap where it is. Attempts follow each other with pauses that double, drawn by
/// chance ([full jitter](SessionBuilder::backoff_first)), until the limits of the
/// [builder](Self::builder) are reached. All work is done inside of `next`; what was begun there
/// goes on with the next call, also when one is dropped. There is no task, and dropping the session
/// ends its connections with a close frame.
///
/// # Replacing a connection
///
/// Where a venue cuts connections off after a day, [`replace_after`](SessionBuilder::replace_after)
/// or [`replace`](Self::replace) makes the next one while the one before goes on. It takes over
/// once it is subscribed and has brought its first message: then the older one is closed, and what
/// the venue has sent on it up to its own close frame is handed out. After
/// [`Switched`](Event::Switched) come the messages of the new one, from its first. So nothing is
/// missing. What both have brought is handed out once where
/// [`positions`](SessionBuilder::positions) can tell, else twice.
///
/// # Sending
///
/// A message is given to a live connection, or refused: it never waits for the next connection. A
/// [`Sender`] does the same from other tasks.
///
/// ```
/// use std::time::Duration;
/// use taut_net::{TcpListener, TcpStream};
/// use taut_proto::ws::{Event, Options, Role, Session, WebSocket};
///
/// taut_runtime::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
///     let address = listener.local_addr()?;
///     let options = Options::default();
///     let venue = taut_runtime::spawn(async move {
///         for _ in 0..2 {
///             let stream = listener.accept().await?;
///             let mut client = WebSocket::over(stream, Role::Server, &options, None);
///             let topic = client.next().await?.expect("a subscription");
///             client.send_text(topic.as_str().unwrap()).await?;
///         } // cut off
///         Ok::<(), Box<dyn std::error::Error>>(())
///     });
///
///     let mut session = Session::builder()
///         .backoff_first(Duration::from_millis(1))
///         .on_connect(async |fresh| fresh.send_text("trades").await)
///         .build(async move || {
///             let stream = TcpStream::connect(address).await?;
///             let options = Options::default();
///             Ok::<_, std::io::Error>(WebSocket::over(stream, Role::Client, &options, None))
///         });
///     let (mut messages, mut losses) = (0, 0);
///     while messages < 2 {
///         match session.next().await?.expect("nothing makes it give up") {
///             Event::Message(message) => {
///                 assert_eq!(message.as_str(), Some("trades"));
///                 messages += 1;
///             }
///             Event::Lost { connection, .. } => losses = connection,
///             _ => {}
///         }
///     }
///     assert_eq!(losses, 1);
///     venue.await?.map_err(|error| error.to_string())?;
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Session<T: Transport + 'static> {
    pub(super) settings: Rc<SessionBuilder<T>>,
    pub(super) sender: Sender<T>,
    pub(super) plan: Plan<T>,
    /// Not told yet.
    pub(super) events: VecDeque<Event>,
    /// Connections so far.
    pub(super) connections: u64,
    /// When the current connection is to be replaced.
    pub(super) replace_due: Option<Deadline>,
    pub(super) overlap: Overlap,
    /// Of the message that was taken last.
    pub(super) timestamps: ReceiveTimestamps,
    pub(super) is_over: bool,
}

/// The most events that one step leads to.
const EVENTS_AT_ONCE_MAX: usize = 4;

impl<T: Transport + 'static> Session<T> {
    /// Settings for a session.
    pub fn builder() -> SessionBuilder<T> {
        SessionBuilder::default()
    }

    pub(super) fn new(settings: SessionBuilder<T>, connect: Rc<dyn Connect<T>>) -> Self {
        let links = Links {
            before: None,
            is_leaving: false,
            current: None,
            losses: 0,
            message_limit: settings.message_limit.clone(),
            counts_control_frames: settings.count_control_frames,
        };
        let overlap = Overlap::new(&settings);
        let settings = Rc::new(settings);
        Self {
            plan: Plan::new(Rc::clone(&settings), connect),
            settings,
            sender: Sender(Rc::new(RefCell::new(links))),
            events: VecDeque::with_capacity(EVENTS_AT_ONCE_MAX),
            connections: 0,
            replace_due: None,
            overlap,
            timestamps: ReceiveTimestamps::default(),
            is_over: false,
        }
    }

    /// What happens next; nothing after [`GaveUp`](Event::GaveUp). Cancel-safe: attempts go on with
    /// the next call.
    ///
    /// # Errors
    ///
    /// `ECANCELED` where the task was asked to stop, and nothing else: the session goes on with the
    /// next call.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    #[expect(clippy::should_implement_trait, reason = "the name that streams of messages have")]
    pub fn next(&mut self) -> impl Future<Output = io::Result<Option<Event>>> {
        waiting("next on a session", Next { session: self, waits: false })
    }

    /// Begins to replace the connection: where the venue has said that it will end it, or to reach
    /// another of its hosts. Whether it does: there is a connection, and none is being replaced.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn replace(&mut self) -> bool {
        let mut links = self.links();
        if links.before.is_some() {
            return false;
        }
        let Some(live) = links.current.take() else { return false };
        let lived = live.since.elapsed();
        (links.before, links.is_leaving) = (Some(live), false);
        drop(links);
        self.plan.replace(lived);
        self.overlap_anew();
        self.replace_due = None;
        true
    }

    /// Drops the connection, and a replacement that is under way, with a close frame, and connects
    /// anew: for a book that no longer adds up, and a venue that has fallen silent. What was
    /// received and not handed out is gone. Whether there was a connection.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn reconnect(&mut self) -> bool {
        let mut links = self.links();
        let dropped = [links.before.take(), links.current.take()];
        links.is_leaving = false;
        drop(links);
        self.overlap.begin();
        let was_connected = dropped.iter().any(Option::is_some);
        for mut live in dropped.into_iter().flatten() {
            live.say_farewell();
            self.lost(&live, Failure::Dropped);
        }
        was_connected
    }

    /// Ends the session: closes its connections, and waits for the venue's close frames. Messages
    /// that it sends meanwhile are passed over. Dropped, the close goes on in the background.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::close`](crate::ws::WebSocket::close); the first of them, where there are
    /// two connections.
    pub async fn close(self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let open = {
            let mut links = self.links();
            let Links { before, current, .. } = &mut *links;
            for live in [&mut *before, &mut *current].into_iter().flatten() {
                // All are told, also where waiting for the first is given up.
                live.socket.outbox().queue_close(code, reason)?;
            }
            [before.take(), current.take()]
        };
        let mut closed = Ok(());
        for mut live in open.into_iter().flatten() {
            closed = closed.and(live.socket.close(code, reason).await);
        }
        closed
    }

    /// A handle to send with from other tasks.
    pub fn sender(&self) -> Sender<T> {
        self.sender.clone()
    }

    /// As [`Sender::send_text`]. The session is not read meanwhile: under a rate limit, send from
    /// another task, or by [`try_send_text`](Self::try_send_text).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn send_text(&mut self, text: &str) -> impl Future<Output = Result<(), SendError>> {
        self.sender.send_text(text)
    }

    /// As [`send_text`](Self::send_text), a binary message.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn send_binary(&mut self, data: &[u8]) -> impl Future<Output = Result<(), SendError>> {
        self.sender.send_binary(data)
    }

    /// As [`Sender::try_send_text`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn try_send_text(&mut self, text: &str) -> Result<(), SendError> {
        self.sender.try_send_text(text)
    }

    /// As [`Sender::try_send`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// As there.
    pub fn try_send(
        &mut self,
        fill: impl FnOnce(&mut Outbox) -> Result<(), Error>,
    ) -> Result<(), SendError> {
        self.sender.try_send(fill)
    }

    /// When the kernel received the message that was handed out last, as
    /// [`WebSocket::timestamps`](crate::ws::WebSocket::timestamps); also of one that was held while
    /// connections overlapped.
    #[inline]
    pub fn timestamps(&self) -> ReceiveTimestamps {
        self.timestamps
    }

    /// Whether there is a connection, as far as is known.
    pub fn is_connected(&self) -> bool {
        self.sender.is_connected()
    }

    pub(super) fn links(&self) -> RefMut<'_, Links<T>> {
        self.sender.0.borrow_mut()
    }
}

impl<T: Transport + 'static> Drop for Session<T> {
    fn drop(&mut self) {
        // Senders may outlive it.
        let mut links = self.links();
        let open = [links.before.take(), links.current.take()];
        drop(links);
        for mut live in open.into_iter().flatten() {
            live.say_farewell();
        }
    }
}

impl<T: Transport + 'static> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("is_connected", &self.is_connected())
            .field("connections", &self.connections)
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}

struct Next<'a, T: Transport + 'static> {
    session: &'a mut Session<T>,
    waits: bool,
}

impl<T: Transport + 'static> Future for Next<'_, T> {
    type Output = io::Result<Option<Event>>;

    #[inline]
    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = self.session.poll_next(context);
        self.waits = polled.is_pending();
        polled
    }
}

impl<T: Transport + 'static> Drop for Next<'_, T> {
    fn drop(&mut self) {
        if self.waits {
            self.session.stop_waiting();
        }
    }
}
