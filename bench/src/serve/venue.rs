//! The venue of `http-order`: the same server, over the same code, for every client.
//!
//! It spins over its connections, and looks at the one that spoke last far more often than at the
//! others, so that how many there are costs nobody anything. A connection whose first byte begins a
//! record of TLS is answered in TLS. Its answer is constant, and over TLS it is sealed before it is
//! asked for: of the venue's own ciphers only the opening of the request is in a round trip.
//! Invariant: each order of a connection is read, after its answer has left, and has the number
//! that comes after the last one's; whoever sends anything else loses the connection.

use std::io;
use std::os::fd::OwnedFd;

use clap::Args;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use taut_proto::tls::designs::{Design, own_server};

use super::acceptor::Acceptor;
use super::https::Https;
use super::{announce_with, end_with_standard_input, send_all};
use crate::harness::cores;
use crate::order::{Field, TARGET, whole_answer};
use crate::transport::{Listener, Transport};

const BUFFER_BYTES: usize = 16 << 10;
/// How often the connection that spoke last is asked between two looks at all others.
const LOOKS: u32 = 1 << 10;
/// What records of a TLS handshake begin with.
const HANDSHAKE_RECORD: u8 = 22;
/// An order is far shorter.
const REQUEST_BYTES_MAX: usize = 8 << 10;

/// The command line of `venue`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// The core that it runs on.
    #[arg(long)]
    core: usize,
}

/// Serves until standard input ends; returns only with an error.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    cores::pin(options.core)?;
    end_with_standard_input(None)?;
    let failed = |error: io::Error| format!("its socket failed: {error}");
    let https = Https::new()?;
    let (listener, address) = Listener::open(Transport::Tcp).map_err(failed)?;
    let settings = "raw recv and send, spinning; TLS by the record layer of taut::tls";
    announce_with(address, settings, Vec::new(), Some(https.path.clone()))?;
    let mut venue = Venue { https, answer: whole_answer(), buffer: vec![0; BUFFER_BYTES] };
    venue.serve(&Acceptor::start(listener).map_err(failed)?)
}

struct Venue {
    https: Https,
    answer: Vec<u8>,
    buffer: Vec<u8>,
}

/// One client.
struct Connection {
    stream: OwnedFd,
    speech: Speech,
    /// What has come of a request.
    request: Vec<u8>,
    /// Bytes of each request, once one was read, and its number.
    last: Option<(usize, u64)>,
}

/// What it speaks.
enum Speech {
    NotYetKnown,
    Plain,
    Tls { end: Box<dyn Design + Send>, received: Vec<u8> },
}

impl From<OwnedFd> for Connection {
    fn from(stream: OwnedFd) -> Self {
        Self { stream, speech: Speech::NotYetKnown, request: Vec::new(), last: None }
    }
}

/// What a look at a connection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Nothing,
    Something,
    End,
}

impl Venue {
    fn serve(&mut self, acceptor: &Acceptor) -> Result<(), String> {
        let mut connections: Vec<Connection> = Vec::new();
        let mut favourite = 0;
        loop {
            let mut looks = 0;
            while looks < LOOKS {
                match self.visit(&mut connections, favourite) {
                    Seen::Something => looks = 0,
                    Seen::Nothing => looks += 1,
                    Seen::End => break,
                }
            }
            for index in (0..connections.len()).rev() {
                if self.visit(&mut connections, index) == Seen::Something {
                    favourite = index;
                }
            }
            if acceptor.has_some() {
                acceptor.take(&mut connections);
            }
        }
    }

    /// Looks at the connection at that place, and forgets it where it has ended.
    #[inline(always)]
    fn visit(&mut self, connections: &mut Vec<Connection>, index: usize) -> Seen {
        let Some(connection) = connections.get_mut(index) else { return Seen::End };
        let seen = self.look(connection);
        if seen == Seen::End {
            connections.remove(index);
        }
        seen
    }

    /// Takes what has come on a connection, and answers it.
    #[inline(always)]
    fn look(&mut self, connection: &mut Connection) -> Seen {
        match recv(&connection.stream, &mut self.buffer[..], RecvFlags::empty()) {
            Err(Errno::AGAIN | Errno::INTR) => Seen::Nothing,
            Ok((0, _)) | Err(_) => Seen::End,
            Ok((count, _)) => match self.hear(connection, count) {
                Some(()) => Seen::Something,
                None => Seen::End,
            },
        }
    }

    /// Nothing where the connection is to end.
    fn hear(&mut self, connection: &mut Connection, count: usize) -> Option<()> {
        let bytes = &self.buffer[..count];
        let Connection { stream, speech, request, last } = connection;
        if matches!(speech, Speech::NotYetKnown) {
            *speech = match bytes[0] == HANDSHAKE_RECORD {
                false => Speech::Plain,
                true => {
                    let end = own_server(&self.https.acceptor).ok()?;
                    Speech::Tls { end, received: Vec::new() }
                }
            };
        }
        match speech {
            Speech::Tls { end, received } => {
                received.extend_from_slice(bytes);
                let was_shaking = end.is_handshaking();
                let used = end.open(received, &mut |data| request.extend_from_slice(data)).ok()?;
                received.drain(..used);
                if was_shaking {
                    send(stream, &mut **end)?;
                    if !end.is_handshaking() {
                        end.seal(&self.answer).ok()?;
                    }
                }
                if end.is_peer_done() {
                    return None;
                }
            }
            Speech::Plain | Speech::NotYetKnown => request.extend_from_slice(bytes),
        }
        // All requests of a client are of one length: later ones are read behind their answers.
        while let Some(length) = whole(request, *last)? {
            match speech {
                Speech::Tls { end, .. } => {
                    send(stream, &mut **end)?;
                    end.seal(&self.answer).ok()?;
                }
                _ => send_all(stream, &self.answer, &mut 0).ok()?,
            }
            let (read, number) = read_order(&request[..length])?;
            if read != length || last.is_some_and(|(_, last)| number != last + 1) {
                return None;
            }
            *last = Some((length, number));
            request.drain(..length);
        }
        Some(())
    }
}

/// Sends all that an end has to send.
fn send(stream: &OwnedFd, end: &mut dyn Design) -> Option<()> {
    send_all(stream, end.to_send(), &mut 0).ok()?;
    end.sent();
    Some(())
}

/// Bytes of the request that has come, if all of it has; nothing at all where it can't be one.
#[inline(always)]
fn whole(request: &[u8], last: Option<(usize, u64)>) -> Option<Option<usize>> {
    let length = match last {
        Some((length, _)) => Some(length),
        None if request.len() > REQUEST_BYTES_MAX => return None,
        None => length_of(request)?,
    };
    Some(length.filter(|&length| length <= request.len()))
}

/// Bytes of the request that this begins with, once its head is there; nothing at all where it is
/// no order.
fn length_of(request: &[u8]) -> Option<Option<usize>> {
    let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Some(None);
    };
    let text = std::str::from_utf8(&request[..head]).ok()?;
    let mut lines = text.split("\r\n");
    if lines.next() != Some(&format!("POST {TARGET} HTTP/1.1")) {
        return None;
    }
    let fields = lines.filter_map(|line| line.split_once(':'));
    let length = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length?.1.trim().parse().ok()?;
    Some(Some(head + 4 + length))
}

/// The length and the number of an order.
fn read_order(request: &[u8]) -> Option<(usize, u64)> {
    const BEFORE: &[u8] = b"\"newClientOrderId\":\"";
    let length = length_of(request)??;
    let place = request.windows(BEFORE.len()).rposition(|part| part == BEFORE)?;
    let digits = request.get(place + BEFORE.len()..)?.get(..Field::Id.width())?;
    Some((length, std::str::from_utf8(digits).ok()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    fn order(number: u64) -> Vec<u8> {
        let body = format!("{{\"newClientOrderId\":\"{number:012}\"}}");
        let length = body.len();
        format!("POST {TARGET} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
    }

    #[test]
    fn an_order_is_whole_with_its_last_byte_and_not_before() {
        let request = order(42);
        for cut in 0..request.len() {
            assert_eq!(whole(&request[..cut], None), Some(None), "{cut}");
            assert_eq!(whole(&request[..cut], Some((request.len(), 1))), Some(None), "{cut}");
        }
        assert_eq!(whole(&request, None), Some(Some(request.len())));
        assert_eq!(read_order(&request), Some((request.len(), 42)));
        let two = [order(1), order(2)].concat();
        assert_eq!(whole(&two, None), Some(Some(order(1).len())));
    }

    #[test]
    fn an_order_is_answered_and_one_that_comes_twice_ends_the_connection() {
        let mut venue = Venue {
            https: Https::new().unwrap(),
            answer: whole_answer(),
            buffer: vec![0; BUFFER_BYTES],
        };
        let (mut client, stream) = UnixStream::pair().unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut connection = Connection::from(OwnedFd::from(stream));
        assert_eq!(venue.look(&mut connection), Seen::Nothing);
        for (number, seen) in [(7, Seen::Something), (8, Seen::Something), (8, Seen::End)] {
            let request = order(number);
            let (first, rest) = request.split_at(20);
            client.write_all(first).unwrap();
            assert_eq!(venue.look(&mut connection), Seen::Something, "a part of it is no error");
            client.write_all(rest).unwrap();
            assert_eq!(venue.look(&mut connection), seen, "{number}");
            let mut answer = vec![0; venue.answer.len()];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(answer, venue.answer);
        }
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for request in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"POST /api/v3/order HTTP/1.1\r\n\r\n"] {
            assert_eq!(whole(request, None), None);
        }
        assert_eq!(whole(&[b'x'; REQUEST_BYTES_MAX + 1], None), None);
        let unnumbered = b"POST /api/v3/order HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(read_order(unnumbered), None);
    }
}
