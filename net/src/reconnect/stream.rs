//! A stream that outlives its connections.

use std::future::poll_fn;
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::{fmt, io, mem};

use bytes::Bytes;
use socket2::SockRef;
use taut_runtime::buffer::RxBuf;
use taut_runtime::io::poll_checkpoint;
use taut_runtime::is_cancelled;
use taut_runtime::task::{shield, waiting};
use taut_runtime::time::Instant;

use super::builder::{ReconnectingBuilder, Target};
use super::error::SendError;
use super::establish::Plan;
use super::outbox::{Outbox, Ticket, Uncertain};
use crate::{OwnedReadHalf, OwnedWriteHalf, TcpStream};

/// What [`ReconnectingStream::recv`] tells, in the order in which it came about.
#[derive(Debug)]
pub enum Incoming {
    /// There is a new connection: what comes next is its beginning. The first one is told, too.
    Connected,
    /// Bytes of the connection, never empty.
    Bytes(RxBuf),
    /// The connection is lost, and why; the peer's orderly end is `UnexpectedEof`. What was sent
    /// and not acknowledged is [uncertain](ReconnectingStream::take_uncertain) now. The next call
    /// connects again. One that came and went between two calls is told by its loss only.
    Lost(io::Error),
}

/// A TCP connection that is made again when it breaks.
///
/// Attempts follow each other with pauses that double, drawn by chance ([full
/// jitter](ReconnectingBuilder::backoff_first)), until the limits of the [builder](Self::builder)
/// are reached. They are made inside of [`recv`](Self::recv), [`send`](Self::send) and
/// [`connected`](Self::connected); what was begun there goes on with the next of these calls, also
/// when one is dropped, so the stream can stand in a `race` or under a `timeout`. There is no task,
/// and dropping the stream leaves nothing.
///
/// # What becomes of a message
///
/// Each message that is given to [`send`](Self::send) meets exactly one of these ends:
///
/// * it is given to a live connection, once, and [acknowledged](Self::acknowledge) by the user, who
///   has heard so from the peer;
/// * it is *undelivered*: nothing of it was given to a connection, and `send` gives it back;
/// * it is *uncertain*: the connection broke before it was acknowledged, and
///   [`take_uncertain`](Self::take_uncertain) gives it back. TCP does not tell what the peer has
///   read.
///
/// Nothing is sent again by itself: an order from before the break may be wrong after it. Dropping
/// the stream drops what is unacknowledged; [`disconnect`](Self::disconnect) first gives it back.
///
/// ```
/// use taut_net::reconnect::{Incoming};
/// use taut_net::{ReconnectingStream, TcpListener};
///
/// taut_runtime::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
///     let address = listener.local_addr()?;
///     taut_runtime::spawn(async move {
///         for answer in [&b"ok"[..], b"ok again"] {
///             let mut stream = listener.accept().await?;
///             stream.recv().await?;
///             stream.write_all(answer).await?; // and closes
///         }
///         Ok::<(), std::io::Error>(())
///     });
///
///     let mut stream = ReconnectingStream::builder().build(address);
///     let mut answers = Vec::new();
///     let mut order = stream.send("buy".as_bytes()).await?;
///     while answers.len() < 2 {
///         match stream.recv().await? {
///             Incoming::Connected => {}
///             Incoming::Bytes(bytes) => {
///                 answers.push(String::from_utf8_lossy(&bytes).into_owned());
///                 stream.acknowledge(order);
///             }
///             Incoming::Lost(_) => {
///                 assert!(stream.take_uncertain().is_empty()); // it was acknowledged
///                 order = stream.send("sell".as_bytes()).await?; // connects again
///             }
///         }
///     }
///     assert_eq!(answers, ["ok", "ok again"]);
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ReconnectingStream {
    plan: Rc<Plan>,
    link: Link,
    /// Of a connection that could not be written to: what it had received.
    remains: Option<TcpStream>,
    /// A loss that `recv` has not told.
    lost: Option<io::Error>,
    /// A connection that `recv` has not told.
    untold: bool,
    outbox: Outbox,
}

enum Link {
    Down,
    /// Kept here, and not in the future that began it, so that it survives that one.
    Coming(Pin<Box<dyn Future<Output = io::Result<TcpStream>>>>),
    Up(Up),
}

struct Up {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    since: Instant,
}

impl ReconnectingStream {
    /// Settings for a stream.
    pub fn builder() -> ReconnectingBuilder {
        ReconnectingBuilder::default()
    }

    pub(super) fn new(settings: ReconnectingBuilder, target: Rc<dyn Target>) -> Self {
        let outbox = Outbox::new(
            settings.unacknowledged_messages_max,
            settings.unacknowledged_bytes_max,
            settings.keep_until_acknowledged,
        );
        let plan = Rc::new(Plan::new(settings, target));
        Self { plan, link: Link::Down, remains: None, lost: None, untold: false, outbox }
    }

    /// Waits until there is a connection. Cancel-safe: the attempt goes on with the next call.
    ///
    /// # Errors
    ///
    /// With a [`GaveUp`](super::GaveUp) inside, where the limits are reached; `ECANCELED` where the
    /// task was cancelled.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn connected(&mut self) -> impl Future<Output = io::Result<()>> {
        waiting("connection of a reconnecting stream", poll_fn(|context| self.poll_up(context)))
    }

    /// Whether there is a connection, as far as is known.
    pub fn is_connected(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    /// What happened next: bytes came in, the connection was lost, or there is a new one.
    /// Cancel-safe.
    ///
    /// What a connection had received when a `send` on it failed is told before its loss, so a
    /// venue's last word is heard; where the next connection breaks by a `send`, too, before that
    /// was read, it is gone.
    ///
    /// # Errors
    ///
    /// As for [`connected`](Self::connected). The loss of a connection is no error.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = io::Result<Incoming>> {
        waiting("recv on a reconnecting stream", self.receive())
    }

    async fn receive(&mut self) -> io::Result<Incoming> {
        loop {
            if let Some(bytes) = self.receive_remains().await? {
                return Ok(Incoming::Bytes(bytes));
            }
            if let Some(error) = self.lost.take() {
                return Ok(Incoming::Lost(error));
            }
            poll_fn(|context| self.poll_up(context)).await?;
            if mem::take(&mut self.untold) {
                return Ok(Incoming::Connected);
            }
            match self.receive_live().await {
                Received::Bytes(Ok(bytes)) if !bytes.is_empty() => {
                    return Ok(Incoming::Bytes(bytes));
                }
                Received::Bytes(Ok(_)) => {
                    let message = "the peer has closed the connection";
                    self.break_off(io::Error::new(io::ErrorKind::UnexpectedEof, message));
                }
                Received::Bytes(Err(error)) | Received::NotWritten(error)
                    if is_cancelled(&error) =>
                {
                    return Err(error);
                }
                Received::Bytes(Err(error)) => self.break_off(error),
                Received::NotWritten(error) => self.break_off_keeping_remains(error),
            }
        }
    }

    /// The next bytes of a connection that can't be written to any more.
    async fn receive_remains(&mut self) -> io::Result<Option<RxBuf>> {
        let Some(stream) = &mut self.remains else { return Ok(None) };
        match stream.recv().await {
            Ok(bytes) if !bytes.is_empty() => return Ok(Some(bytes)),
            Err(error) if is_cancelled(&error) => return Err(error),
            // The loss is told with the failure of the send.
            Ok(_) | Err(_) => self.remains = None,
        }
        Ok(None)
    }

    /// Receives, and meanwhile writes what a dropped `send` has begun: the peer may wait for it.
    async fn receive_live(&mut self) -> Received {
        let Link::Up(Up { read, write, .. }) = &mut self.link else {
            let error = io::Error::from(io::ErrorKind::NotConnected);
            return Received::Bytes(Err(error));
        };
        let mut receive = pin!(read.recv());
        poll_fn(|context| {
            if let Poll::Ready(Err(error)) = self.outbox.poll_finish(context, write) {
                return Poll::Ready(Received::NotWritten(error));
            }
            receive.as_mut().poll(context).map(Received::Bytes)
        })
        .await
    }

    /// Sends a message on a live connection, connecting first where there is none, and gives the
    /// ticket by which to acknowledge it.
    ///
    /// Dropped while it waits for a connection, or for room, it has sent nothing, and the message
    /// goes with it: put a `timeout` around it where a message grows stale. Dropped later, in the
    /// middle of the message, the rest goes out with the next operation.
    ///
    /// # Errors
    ///
    /// [`SendError`], which says what became of the message. The error inside is the connection's;
    /// as for [`connected`](Self::connected); `ResourceBusy` where too much is unacknowledged.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn send<M: Into<Bytes>>(
        &mut self,
        message: M,
    ) -> impl Future<Output = Result<Ticket, SendError>> + use<'_, M> {
        waiting("send on a reconnecting stream", self.deliver(message.into()))
    }

    async fn deliver(&mut self, message: Bytes) -> Result<Ticket, SendError> {
        let begun = async {
            self.outbox.admit(message.len())?;
            poll_fn(|context| self.poll_up(context)).await?;
            // What an earlier send has begun comes first.
            self.write_with(|outbox, context, write| outbox.poll_finish(context, write)).await?;
            self.write_with(|_, context, write| write.poll_write(context, &message)).await
        };
        let written = match begun.await {
            Ok(written) => written,
            Err(error) => return Err(SendError::Undelivered { message, error }),
        };
        // From here on the outbox has it, whoever is dropped.
        let ticket = self.outbox.begin(message, written);
        let rest = self.write_with(|outbox, context, write| outbox.poll_finish(context, write));
        rest.await.map_err(|error| SendError::Uncertain { ticket, error })?;
        Ok(ticket)
    }

    /// Writes to the connection; a failure breaks it off.
    async fn write_with<T, P>(&mut self, mut poll: P) -> io::Result<T>
    where
        P: FnMut(&mut Outbox, &mut Context<'_>, &mut OwnedWriteHalf) -> Poll<io::Result<T>>,
    {
        let Self { link, outbox, .. } = self;
        let Link::Up(up) = link else { return Err(io::ErrorKind::NotConnected.into()) };
        let written = poll_fn(|context| poll(outbox, context, &mut up.write)).await;
        if let Err(error) = &written
            && !is_cancelled(error)
        {
            self.break_off_keeping_remains(copy_of(error));
        }
        written
    }

    /// The peer has confirmed this message, which is kept no longer; whether it was. One that
    /// [`take_uncertain`](Self::take_uncertain) has given back is not.
    pub fn acknowledge(&mut self, ticket: Ticket) -> bool {
        self.outbox.acknowledge(ticket)
    }

    /// The peer has confirmed this message and all before it; how many of them were kept.
    pub fn acknowledge_through(&mut self, ticket: Ticket) -> usize {
        self.outbox.acknowledge_through(ticket)
    }

    /// Messages that were sent and not acknowledged, on this connection or on lost ones.
    pub fn unacknowledged(&self) -> usize {
        self.outbox.len()
    }

    /// Gives back the messages of lost connections that were not acknowledged, in the order in
    /// which they were sent. Until they are taken they count towards the limits.
    pub fn take_uncertain(&mut self) -> Vec<Uncertain> {
        self.outbox.take_uncertain()
    }

    /// Drops the connection, or the attempt to make one: for a peer that has fallen silent, and to
    /// have all that is unacknowledged given back. The next operation connects again.
    pub fn disconnect(&mut self) {
        let message = "the connection was dropped by `disconnect`";
        self.break_off(io::Error::new(io::ErrorKind::ConnectionAborted, message));
    }

    /// Goes on with the connection that is being made, or begins one.
    fn poll_up(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match &mut self.link {
                Link::Up(_) => return Poll::Ready(Ok(())),
                Link::Down => {
                    ready!(poll_checkpoint(context))?;
                    self.link = Link::Coming(Box::pin(Rc::clone(&self.plan).establish()));
                }
                Link::Coming(coming) => {
                    // A cancel ends the wait, not the attempt: whoever waits next goes on with it.
                    let Poll::Ready(outcome) = pin!(shield(coming.as_mut())).poll(context) else {
                        ready!(poll_checkpoint(context))?;
                        return Poll::Pending;
                    };
                    self.link = Link::Down;
                    let (read, write) = outcome?.into_split();
                    self.link = Link::Up(Up { read, write, since: Instant::now() });
                    self.untold = true;
                }
            }
        }
    }

    /// The connection is lost; what it has received was read.
    fn break_off(&mut self, error: io::Error) {
        if let Link::Up(up) = mem::replace(&mut self.link, Link::Down) {
            self.note_loss(&up, error);
        }
    }

    /// The connection is lost to writing; what it has received can still be read.
    fn break_off_keeping_remains(&mut self, error: io::Error) {
        let Link::Up(up) = mem::replace(&mut self.link, Link::Down) else { return };
        self.note_loss(&up, error);
        if let Ok(stream) = up.read.reunite(up.write) {
            // So that reading comes to its end, whatever the peer does. Where this is refused, the
            // connection is gone, and so is its end.
            let _ = SockRef::from(&stream).shutdown(Shutdown::Both);
            self.remains = Some(stream);
        }
    }

    fn note_loss(&mut self, up: &Up, error: io::Error) {
        self.outbox.connection_lost();
        self.untold = false;
        self.plan.lost(up.since.elapsed(), &error);
        self.lost = Some(error);
    }
}

enum Received {
    Bytes(io::Result<RxBuf>),
    NotWritten(io::Error),
}

/// The same failure once more: one for the caller, one for `recv`.
fn copy_of(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

impl fmt::Debug for ReconnectingStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = match self.link {
            Link::Down => "down",
            Link::Coming(_) => "coming",
            Link::Up(_) => "up",
        };
        f.debug_struct("ReconnectingStream")
            .field("link", &link)
            .field("unacknowledged", &self.outbox.len())
            .field("uncertain", &self.outbox.lost())
            .finish_non_exhaustive()
    }
}
