//! The other end of an HTTP client: a script that reads what comes and says what it likes.

use std::time::Duration;

use futures_util::future::join;
use taut::http::client::{Client, ClientBuilder, Limits, Timeouts};
use taut::net::{TcpListener, TcpStream};

use super::{block_on, listen, on_each_driver};

/// Runs a client against a script, on each driver; both have to come to their end.
pub(crate) fn against(script: impl AsyncFn(&TcpListener), body: impl AsyncFn(Client, &str)) {
    against_with(Client::builder, script, body);
}

/// As [`against`], with a client of one's own.
pub(crate) fn against_with(
    client: impl Fn() -> ClientBuilder,
    script: impl AsyncFn(&TcpListener),
    body: impl AsyncFn(Client, &str),
) {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let url = format!("http://{address}");
            join(script(&listener), body(client().build(), &url)).await;
        });
    });
}

/// Says the same to each of so many requests, each on a connection of its own, and closes it.
pub(crate) fn saying(answer: &str) -> impl AsyncFn(&TcpListener) {
    async move |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.request().await;
        peer.say(answer).await;
    }
}

/// Time-outs that a test can wait for.
pub(crate) fn brief() -> Timeouts {
    let brief = Duration::from_millis(30);
    Timeouts { head: brief, body_idle: brief, write: brief, ..Timeouts::default() }
}

pub(crate) fn with_limits(limits: Limits) -> impl Fn() -> ClientBuilder {
    move || Client::builder().limits(limits)
}

/// An answer with a body whose length is told.
pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// One connection, as its server sees it.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

impl Peer {
    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        Self::of(listener.accept().await.unwrap())
    }

    pub(crate) fn of(stream: TcpStream) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// The next request, head and body; empty at the end of the connection.
    pub(crate) async fn request(&mut self) -> String {
        let head = self.up_to(b"\r\n\r\n").await;
        let body = if has(&head, "transfer-encoding: chunked") {
            self.up_to(b"0\r\n\r\n").await
        } else {
            let length = header(&head, "content-length").map_or(0, |value| value.parse().unwrap());
            self.take(length).await
        };
        head + &body
    }

    /// All bytes up to where these end; less at the end of the connection.
    pub(crate) async fn up_to(&mut self, end: &[u8]) -> String {
        loop {
            let found = self.unread.windows(end.len()).position(|bytes| bytes == end);
            if let Some(at) = found {
                return self.take(at + end.len()).await;
            }
            if !self.receive().await {
                return text(std::mem::take(&mut self.unread));
            }
        }
    }

    /// So many bytes; less at the end of the connection.
    pub(crate) async fn take(&mut self, count: usize) -> String {
        while self.unread.len() < count && self.receive().await {}
        let rest = self.unread.split_off(count.min(self.unread.len()));
        text(std::mem::replace(&mut self.unread, rest))
    }

    async fn receive(&mut self) -> bool {
        let bytes = self.stream.recv().await.unwrap_or_else(|_| taut::buffer::RxBuf::empty());
        self.unread.extend_from_slice(&bytes);
        !bytes.is_empty()
    }

    /// A client that is gone does not hear it.
    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Answers so many requests, each with its request line.
    pub(crate) async fn echo_lines(&mut self, count: usize) {
        for _ in 0..count {
            let request = self.request().await;
            self.say(ok(request.lines().next().unwrap_or("no request"))).await;
        }
    }

    /// Answers each request with its request line, up to the client's end.
    pub(crate) async fn serve(&mut self) {
        loop {
            let request = self.request().await;
            match request.lines().next() {
                Some(line) => self.say(ok(line)).await,
                None => return,
            }
        }
    }

    /// Waits for the client's end; what it still says is no request.
    pub(crate) async fn is_closed(&mut self) {
        assert_eq!(self.request().await, "");
    }
}

fn text(bytes: Vec<u8>) -> String {
    bytes.into_iter().map(char::from).collect()
}

/// The value of a header.
pub(crate) fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let lines = message.split("\r\n").skip(1).take_while(|line| !line.is_empty());
    let mut fields = lines.filter_map(|line| line.split_once(": "));
    fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim_start())
}

fn has(head: &str, line: &str) -> bool {
    head.split("\r\n").any(|known| known.eq_ignore_ascii_case(line))
}

/// What stands behind the head.
pub(crate) fn body_of(message: &str) -> &str {
    message.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}
