//! The request and the answer of the workloads of HTTP: as short as real ones are.

use std::sync::LazyLock;

/// What every client asks.
pub(crate) const REQUEST: &[u8] = b"GET /plaintext HTTP/1.1\r\nhost: 127.0.0.1\r\n\
    user-agent: taut-bench\r\naccept: text/plain\r\n\r\n";
/// As many requests, of the same length as [`REQUEST`], each of which differs from those around it
/// in its `user-agent`; those of the next `turn` are others again.
pub(crate) fn varied_requests(count: usize, turn: usize) -> Vec<u8> {
    let agent = b"taut-bench";
    let at = REQUEST.windows(agent.len()).position(|window| window == agent);
    let at = at.expect("it is in the request") + agent.len() - 4;
    let mut requests = REQUEST.repeat(count);
    for (index, request) in requests.chunks_exact_mut(REQUEST.len()).enumerate() {
        let number = format!("{:04}", (turn * count + index) % 10_000);
        request[at..at + 4].copy_from_slice(number.as_bytes());
    }
    requests
}

/// The body of every answer.
pub(crate) const BODY: &[u8] = b"Hello, World!";
/// What the raw servers answer.
const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\nHello, World!";
/// Answers that the raw servers send at once.
const RESPONSES: usize = 256;

/// As many answers as are asked for, or the most that are sent at once.
pub(crate) fn responses(count: usize) -> &'static [u8] {
    static ALL: LazyLock<Vec<u8>> = LazyLock::new(|| RESPONSE.repeat(RESPONSES));
    &ALL[..count.min(RESPONSES) * RESPONSE.len()]
}

/// Where the parts of one whole answer are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes of the whole answer.
    pub(crate) bytes: usize,
    /// The value of its `Date`, which changes; empty where it has none.
    pub(crate) date: std::ops::Range<usize>,
}

/// The shape of the answer that `received` begins with; nothing where it is not all there.
///
/// # Errors
///
/// What is wrong with it: only a 200 with a `Content-Length` and the right body is right.
pub(crate) fn shape_of(received: &[u8]) -> Result<Option<Shape>, String> {
    let Some(head) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&received[..head + 2]).into_owned();
    if !text.starts_with("HTTP/1.1 200 ") {
        return Err(format!("its answer is no 200: {:?}", text.lines().next()));
    }
    let (mut length, mut date, mut at) = (None, 0..0, 0);
    for line in text.split_inclusive("\r\n") {
        let (name, value) = line.trim_end().split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok(),
            "date" => date = at + name.len() + 1..at + line.len() - 2,
            _ => {}
        }
        at += line.len();
    }
    let length: usize = length.ok_or("its answer has no Content-Length")?;
    let bytes = head + 4 + length;
    let Some(body) = received.get(head + 4..bytes) else { return Ok(None) };
    if body != BODY {
        return Err(format!("its answer holds {:?}", String::from_utf8_lossy(body)));
    }
    Ok(Some(Shape { bytes, date }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_measured_once_it_is_whole() {
        let answer = b"HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2035 00:00:00 GMT\r\n\
            Content-Length: 13\r\n\r\nHello, World!";
        for cut in 0..answer.len() {
            assert_eq!(shape_of(&answer[..cut]), Ok(None), "{cut}");
        }
        let shape = shape_of(&[answer, &b"HTTP/1.1 200"[..]].concat()).unwrap().unwrap();
        assert_eq!(shape.bytes, answer.len());
        assert_eq!(&answer[shape.date], b" Mon, 01 Jan 2035 00:00:00 GMT");
    }

    #[test]
    fn varied_requests_differ_from_each_other_and_not_in_length() {
        let turns = [varied_requests(3, 0), varied_requests(3, 1)].concat();
        let requests: std::collections::BTreeSet<&[u8]> =
            turns.chunks_exact(REQUEST.len()).collect();
        assert_eq!(requests.len(), 6);
        assert!(requests.iter().all(|request| request.ends_with(b"accept: text/plain\r\n\r\n")));
    }

    #[test]
    fn what_raw_servers_answer_is_right() {
        assert_eq!(responses(0), b"");
        assert_eq!(shape_of(responses(2)).unwrap().unwrap().bytes * 2, responses(2).len());
    }

    #[test]
    fn other_answers_are_wrong() {
        let not_found = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        assert!(shape_of(not_found).unwrap_err().contains("404"));
        assert!(shape_of(b"HTTP/1.1 200 OK\r\n\r\nHello, World!").is_err());
        let other = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        assert!(shape_of(other).unwrap_err().contains("hi"));
    }
}
