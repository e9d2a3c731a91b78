//! What a server makes of the bytes that it is sent: its answers, up to the end of the connection.

use std::fmt;
use std::io::ErrorKind::{ConnectionReset, WouldBlock};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::common::HUNG_AFTER;
use crate::{Case, END};

/// The header in which a server says how it read a request.
pub(crate) const READ: &str = "read";

/// The final answers of one connection, in order. Interim ones are left out: whether a client that
/// sends its body at once is told to go on is the server's choice (RFC 9110 section 10.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict(pub(crate) Vec<Answer>);

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Method, target and bytes of the body, of a request that reached a handler.
    pub(crate) read: Option<String>,
    /// Whether a server passed on what the one behind it said. Not compared.
    pub(crate) is_from_behind: bool,
}

impl PartialEq for Answer {
    fn eq(&self, other: &Self) -> bool {
        (self.status, &self.read) == (other.status, &other.read)
    }
}

impl Eq for Answer {}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no answer");
        }
        for (index, answer) in self.0.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{}", answer.status)?;
            match &answer.read {
                Some(read) if read.len() > 40 => write!(f, " ({}...)", &read[..40])?,
                Some(read) => write!(f, " ({read})")?,
                None if answer.is_from_behind => f.write_str(" (from behind)")?,
                None => {}
            }
        }
        Ok(())
    }
}

/// Others that a server answers before its silence counts. It does one thing after the other, so
/// that it has then come to whatever else was there.
const OTHERS: usize = 8;

/// Sends the bytes, waits until the server has nothing more to say to them, closes the writing side
/// and reads to the end. A server that stops reading in the middle may reset the connection; what
/// it said before counts.
pub(crate) fn verdict(address: SocketAddr, case: &Case) -> Verdict {
    let mut stream = connect(address);
    let mut said = Vec::new();
    let mut is_open = stream.write_all(&case.bytes).is_ok();
    while is_open {
        for _ in 0..OTHERS {
            ask(address);
        }
        let before = said.len();
        stream.set_nonblocking(true).unwrap();
        is_open = stream.read_to_end(&mut said).is_err_and(|error| error.kind() == WouldBlock);
        if said.len() == before {
            break;
        }
    }
    stream.set_nonblocking(false).unwrap();
    let _ = stream.shutdown(Shutdown::Write);
    if let Err(error) = stream.read_to_end(&mut said) {
        assert_eq!(error.kind(), ConnectionReset, "{}: {}", case.name, said.escape_ascii());
    }
    answers(&said)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(HUNG_AFTER / 2)).unwrap();
    stream
}

/// Has one request answered.
fn ask(address: SocketAddr) {
    let mut stream = connect(address);
    stream.write_all(END).unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).unwrap();
    assert_eq!(answers(&said).0.len(), 1, "{}", said.escape_ascii());
}

/// No body here has what looks like a status line.
pub(crate) fn answers(said: &[u8]) -> Verdict {
    let text: String = said.iter().copied().map(char::from).collect();
    let starts = text.match_indices("HTTP/1.").map(|(start, _)| start);
    let starts: Vec<_> = starts.filter(|&start| status(&text[start..]).is_some()).collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let mut answers: Vec<_> =
        starts.iter().zip(ends).map(|(&start, end)| answer(&text[start..end])).collect();
    // What HTTP/0.9 answers is a body alone.
    if starts.first().unwrap_or(&text.len()) > &0 {
        let read = Some("a body without a head".to_owned());
        answers.insert(0, Answer { status: 200, read, is_from_behind: false });
    }
    answers.retain(|answer| answer.status >= 200);
    Verdict(answers)
}

/// The status of a text that starts with a status line.
fn status(text: &str) -> Option<u16> {
    let (version, rest) = text.split_at_checked("HTTP/1.1 ".len())?;
    version.ends_with(' ').then(|| rest.get(..3)?.parse().ok())?
}

fn answer(text: &str) -> Answer {
    let status = status(text).expect("its caller looked");
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let field = |name| {
        let mut lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    Answer { status, read: field(READ), is_from_behind: field("from-behind").is_some() }
}
