//! The head of the last request, kept as it was sent.
//!
//! On a kept connection a client mostly sends the same lines again: who polls or probes sends the
//! very same head. One that equals the last byte by byte means the same, so it is compared and not
//! read again. Heads are passed from connection to connection, so this holds across those of one
//! kind of client too.
//!
//! Invariant: `bytes` is empty, or is the whole head that `head` was read from, under the limits of
//! the one server that it belongs to. Cost: a comparison for each head, a copy for each new one.

use super::Limits;
use crate::http::wire::{Reject, RequestHead};

/// A longer head is read each time, in bytes: few are, and each spare head would keep as much.
const KEPT_BYTES_MAX: usize = 1024;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct KeptHead {
    head: RequestHead,
    bytes: Vec<u8>,
}

impl KeptHead {
    /// As [`RequestHead::read`].
    #[inline]
    pub(super) fn read(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<usize>, Reject> {
        if !self.bytes.is_empty() && bytes.starts_with(&self.bytes) {
            return Ok(Some(self.bytes.len()));
        }
        self.bytes.clear();
        let read = self.head.read(bytes, &limits.head);
        if let Ok(Some(head_bytes)) = read
            && head_bytes <= KEPT_BYTES_MAX
        {
            self.bytes.extend_from_slice(&bytes[..head_bytes]);
        }
        read
    }

    /// What was read last.
    #[inline]
    pub(super) fn head(&self) -> &RequestHead {
        &self.head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_a_head_does_not_depend_on_the_head_before() {
        let heads: Vec<String> = ["/a", "/b", "/a?b"]
            .iter()
            .flat_map(|target| {
                ["", "Content-Length: 3\r\n", "Connection: close\r\n", "Content-Length: 4\r\n"]
                    .map(|line| format!("GET {target} HTTP/1.1\r\nHost: a\r\n{line}\r\n"))
            })
            .chain([
                "GET /a HTTP/1.1\r\n\r\n".to_owned(),
                "GET /a HTTP/1.1\r\nHost: a\r\nB: c".to_owned(),
                format!("GET /a HTTP/1.1\r\nHost: a\r\nB: {}\r\n\r\n", "c".repeat(2000)),
            ])
            .collect();
        let limits = Limits::default();
        for before in &heads {
            for head in &heads {
                for behind in ["", "GET /a", "abc"] {
                    let mut kept = KeptHead::default();
                    let _ = kept.read(before.as_bytes(), &limits);
                    if kept.head.is_partial() {
                        continue; // the next bytes have to go on with it
                    }
                    let bytes = format!("{head}{behind}");
                    let mut fresh = RequestHead::new();
                    let expected = fresh.read(bytes.as_bytes(), &limits.head);
                    for _ in 0..2 {
                        let read = kept.read(bytes.as_bytes(), &limits);
                        assert_eq!(read, expected, "{bytes:?} after {before:?}");
                        if matches!(read, Ok(Some(_))) {
                            assert_eq!(kept.head.target, fresh.target);
                            assert_eq!(kept.head.framing, fresh.framing);
                            assert_eq!(kept.head.index(), fresh.index());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_head_that_was_refused_or_is_too_long_is_not_kept() {
        let limits = Limits::default();
        let mut kept = KeptHead::default();
        let good = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(kept.read(good, &limits), Ok(Some(good.len())));
        assert_eq!(kept.bytes, good);
        assert!(kept.read(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", &limits).is_err());
        assert!(kept.bytes.is_empty());
        let long = format!("GET / HTTP/1.1\r\nHost: a\r\nB: {}\r\n\r\n", "c".repeat(2000));
        assert_eq!(kept.read(long.as_bytes(), &limits), Ok(Some(long.len())));
        assert!(kept.bytes.is_empty());
    }
}
