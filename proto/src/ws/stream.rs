//! A connection, for its user.

use std::fmt;
use std::future::poll_fn;

use hdrhistogram::Histogram;
use taut_net::{ReceiveTimestamps, Transport};
use taut_runtime::buffer::RxBuf;
use taut_runtime::task::waiting;
use taut_runtime::{is_inside_runtime, spawn_background};

use super::connection::Connection;
use super::error::Error;
use super::handshake::Handshake;
use super::message::{Frame, Item, Message};
use super::operations::{self, Access};
use super::options::Options;
use super::outbox::Outbox;
use super::split::{ReadHalf, WriteHalf, split};
use super::wire::{CloseCode, CloseFrame, DeflateAgreement, Opcode, Role};

/// A WebSocket connection over a transport.
///
/// Messages are read with [`next`](Self::next), or where they lie with
/// [`for_each_ready`](Self::for_each_ready). Sent messages leave at once; *queued* ones, by the
/// [`outbox`](Self::outbox), together with the next that is sent, or when the reader waits. Every
/// wait is cancel-safe: what was received, and what was taken to be sent, is the connection's.
///
/// Dropping a connection cuts it off, which its peer takes for an accident. After a close frame of
/// either side, or a mistake of the peer, the rest of the close happens in the background, for up
/// to [`close_timeout`](Options::close_timeout).
pub struct WebSocket<T: Transport + 'static> {
    /// Gone only while it is dropped.
    connection: Option<Box<Connection<T>>>,
    /// Where it was made here.
    handshake: Option<Box<Handshake>>,
}

impl<T: Transport + 'static> WebSocket<T> {
    /// Over a transport whose handshake was made elsewhere; `left` is what came behind it.
    pub fn over(transport: T, role: Role, options: &Options, left: Option<RxBuf>) -> Self {
        Self::over_agreed(transport, role, options, left, None)
    }

    /// As [`over`](Self::over), where that handshake agreed on compression:
    /// [`DeflateOptions`](super::DeflateOptions) has a handshake's side of it. The compression that
    /// `options` ask for has no effect here.
    pub fn over_agreed(
        transport: T,
        role: Role,
        options: &Options,
        left: Option<RxBuf>,
        deflate: Option<&DeflateAgreement>,
    ) -> Self {
        let connection = Connection::new(transport, role, options, left, deflate);
        Self { connection: Some(Box::new(connection)), handshake: None }
    }

    /// Over a transport whose handshake was made here.
    pub(super) fn shaken(
        transport: T,
        role: Role,
        options: &Options,
        left: Option<RxBuf>,
        handshake: Handshake,
    ) -> Self {
        let deflate = handshake.deflate();
        let mut connection = Self::over_agreed(transport, role, options, left, deflate);
        connection.handshake = Some(Box::new(handshake));
        connection
    }

    /// The next message; nothing once the peer has closed. What is queued is sent meanwhile.
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// What the peer did wrong, after the messages before it; a silence that was too long; what
    /// the transport tells; [`CutOff`](super::ErrorKind::CutOff) where it ended without a close
    /// frame. Each once; then nothing. [`Invalid`](super::ErrorKind::Invalid) in the midst of a
    /// message whose beginning was taken as a frame.
    #[track_caller]
    #[expect(clippy::should_implement_trait, reason = "the name that streams of messages have")]
    pub fn next(&mut self) -> impl Future<Output = Result<Option<Message>, Error>> {
        waiting("next on WebSocket", operations::next(self))
    }

    /// The next frame as it came, control frames too, which are answered all the same; nothing
    /// once the peer has closed. Cancel-safe.
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next).
    #[track_caller]
    pub fn next_frame(&mut self) -> impl Future<Output = Result<Option<Frame>, Error>> {
        waiting("next_frame on WebSocket", operations::next_frame(self))
    }

    /// Shows all messages that were received together to `visit`, where they lie, and says how many
    /// they were; waits for some where there are none. 0 once the peer has closed. What `visit`
    /// queues leaves with one write. Cancel-safe.
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next). What `visit` returns ends the visit: the message that it was
    /// shown is gone, those behind it are still there.
    #[track_caller]
    pub fn for_each_ready(
        &mut self,
        visit: impl FnMut(Item<'_>, &mut Outbox) -> Result<(), Error>,
    ) -> impl Future<Output = Result<usize, Error>> {
        waiting("for_each_ready on WebSocket", operations::for_each_ready(self, visit))
    }

    /// Sends a text message, behind all that is queued; ready once it is with the kernel. A dropped
    /// future has sent it whole or not at all.
    ///
    /// # Errors
    ///
    /// [`Closed`](super::ErrorKind::Closed) after a close frame; what the transport tells.
    #[track_caller]
    pub fn send_text(&mut self, text: &str) -> impl Future<Output = Result<(), Error>> {
        let sending = operations::send(self, Opcode::Text, text.as_bytes());
        waiting("send_text on WebSocket", sending)
    }

    /// Sends a binary message, as [`send_text`](Self::send_text).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn send_binary(&mut self, data: &[u8]) -> impl Future<Output = Result<(), Error>> {
        waiting("send_binary on WebSocket", operations::send(self, Opcode::Binary, data))
    }

    /// What is to be sent, to be queued or written in place.
    #[inline]
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.connection_mut().outbox
    }

    /// Waits until all that was queued is with the kernel. Cancel-safe.
    ///
    /// # Errors
    ///
    /// What the transport tells; a silence that was too long.
    #[track_caller]
    pub fn flush(&mut self) -> impl Future<Output = Result<(), Error>> {
        waiting("flush of WebSocket", operations::flush(self))
    }

    /// Closes the connection: sends a close frame, waits for the peer's, and for the end of the
    /// transport. Messages that the peer sends meanwhile are passed over;
    /// [`queue_close`](Outbox::queue_close) and [`next`](Self::next) read them. Cancel-safe: a later
    /// call goes on.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](super::ErrorKind::TimedOut) where the peer does not answer;
    /// [`Invalid`](super::ErrorKind::Invalid) where `reason` is too long; what
    /// [`next`](Self::next) tells.
    #[track_caller]
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: &str,
    ) -> impl Future<Output = Result<(), Error>> {
        waiting("close of WebSocket", operations::close(self, code, reason))
    }

    /// What the peer closed with, once it has and said why.
    pub fn peer_close(&self) -> Option<&CloseFrame> {
        self.connection().outbox.peer_close.as_ref()
    }

    /// How long the answers to the connection's own pings took, in nanoseconds; nothing where it
    /// sends none.
    pub fn round_trips(&self) -> Option<&Histogram<u64>> {
        self.connection().clocks.as_ref().map(|clocks| clocks.round_trips())
    }

    /// When the kernel received what ended the message, or frame, that was handed out last, as
    /// [`Item::timestamps`]: to be asked before the next one is waited for. None before there was
    /// one.
    #[inline]
    pub fn timestamps(&self) -> ReceiveTimestamps {
        self.connection().timestamps()
    }

    /// Has the spin loop receive directly while a reader waits, as
    /// [`Stream::set_hot`](taut_net::Stream::set_hot).
    pub fn set_hot(&mut self, hot: bool) {
        self.connection_mut().transport.set_hot(hot);
    }

    /// What the two ends agreed on; nothing where the handshake was [made
    /// elsewhere](Self::over).
    pub fn handshake(&self) -> Option<&Handshake> {
        self.handshake.as_deref()
    }

    /// What it runs over.
    pub fn transport(&self) -> &T {
        &self.connection().transport
    }

    /// Splits into halves that different tasks can own.
    pub fn into_split(self) -> (ReadHalf<T>, WriteHalf<T>) {
        split(self)
    }

    fn connection(&self) -> &Connection<T> {
        self.connection.as_deref().expect("it is there until it is dropped")
    }

    #[inline]
    pub(super) fn connection_mut(&mut self) -> &mut Connection<T> {
        self.connection.as_deref_mut().expect("it is there until it is dropped")
    }
}

impl<T: Transport + 'static> Access for WebSocket<T> {
    type Transport = T;

    #[inline]
    fn with<R>(&mut self, poll: impl FnOnce(&mut Connection<T>) -> R) -> R {
        poll(self.connection_mut())
    }
}

impl<T: Transport + 'static> Drop for WebSocket<T> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if connection.owes_farewell() && is_inside_runtime() {
            spawn_background(async move {
                // Nobody cancels this task.
                let _ = poll_fn(|context| connection.poll_farewell(context)).await;
            });
        }
    }
}

impl<T: Transport + 'static> fmt::Debug for WebSocket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("outbox", &self.connection().outbox).finish()
    }
}
