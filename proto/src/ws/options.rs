//! How a connection behaves.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use taut_net::StampedBy;

use super::wire::{DeflateOptions, MessageLimits};

/// How a connection behaves once it is there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Limits of what is read.
    pub limits: MessageLimits,
    /// Most bytes that wait to be sent; 16 MiB by default. What would go beyond is refused with
    /// [`QueueFull`](super::ErrorKind::QueueFull), or waited for by a `send`. One message may be
    /// longer where nothing else waits.
    pub queue_bytes_max: usize,
    /// Whether text is validated; on by default. Without, text comes as
    /// [`UncheckedText`](super::Message::UncheckedText): for trusted feeds whose parser looks at
    /// each byte anyway.
    pub validate_text: bool,
    /// Whether pings are answered by the connection; on by default. Without, they are handed out.
    pub auto_pong: bool,
    /// Pings of our own, and how long a silence may be.
    pub keepalive: Keepalive,
    /// What the handshake offers or takes of compression (RFC 7692); nothing by default. Needs the
    /// feature `deflate` (of the crate `taut`: `ws-deflate`).
    pub deflate: Option<DeflateOptions>,
    /// Who stamps what comes in, which [`Item::timestamps`](super::Item::timestamps) and
    /// [`WebSocket::timestamps`](super::WebSocket::timestamps) tell; nothing by default, which
    /// leaves the transport as it is. Asked for after the handshake, so what came with that has no
    /// stamp. A transport that can't, such as a Unix socket, or for want of
    /// [room](taut_net::TcpStream::set_receive_timestamps), has none either. On io_uring a
    /// connection that is not hot then pays a call for each receive.
    pub receive_timestamps: Option<StampedBy>,
    /// How long the peer may take to answer a close frame, and to end the connection after it;
    /// 5 s by default.
    pub close_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: MessageLimits::default(),
            queue_bytes_max: 16 << 20,
            validate_text: true,
            auto_pong: true,
            keepalive: Keepalive::default(),
            deflate: None,
            receive_timestamps: None,
            close_timeout: Duration::from_secs(5),
        }
    }
}

/// Whether the peer is still there: pings, and limits of silence. Nothing of it is on by default.
///
/// The clocks run while the connection is read, or written with a wait.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Keepalive {
    /// How often a ping is sent; not zero, which whoever takes the options asserts. Its answers are
    /// the connection's round trips.
    pub ping_every: Option<Duration>,
    /// How long the answer may take; 10 s by default.
    pub pong_timeout: Duration,
    /// How long nothing at all may be received. For a write that waits while nobody reads it is
    /// counted from the beginning of that wait, and of what comes meanwhile only the first counts.
    pub idle_timeout: Option<Duration>,
    /// Pings as a venue has them in place of WebSocket's.
    pub text_ping: Option<TextPing>,
}

impl Keepalive {
    pub(super) fn assert_possible(&self) {
        let is_possible = self.ping_every.is_none_or(|every| !every.is_zero());
        assert!(
            is_possible,
            "ping_every is zero: pings without a pause leave time for nothing else"
        );
    }
}

impl Default for Keepalive {
    fn default() -> Self {
        let pong_timeout = Duration::from_secs(10);
        Self { ping_every: None, pong_timeout, idle_timeout: None, text_ping: None }
    }
}

/// A ping that is a text message, such as `ping` or `{"op":"ping"}`, and its answer.
#[derive(Clone)]
pub struct TextPing {
    pub(super) text: Rc<str>,
    pub(super) is_answer: Rc<dyn Fn(&str) -> bool>,
}

impl TextPing {
    /// Sends `text`. Messages that `is_answer` says yes to are the answers, and not handed out;
    /// only asked while one is awaited.
    pub fn new(text: &str, is_answer: impl Fn(&str) -> bool + 'static) -> Self {
        Self { text: text.into(), is_answer: Rc::new(is_answer) }
    }
}

impl fmt::Debug for TextPing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextPing").field("text", &self.text).finish_non_exhaustive()
    }
}
