//! Finds the end of a head as it comes in.
//!
//! Looks at each byte once, line by line, however the head is cut: a head that comes in byte by
//! byte costs as much as one that comes in whole. What breaks a limit, ends in a bare LF or can't
//! be HTTP at all is refused at its first byte that shows it, so that the verdict depends on the
//! bytes alone.

use memchr::memchr;

use super::characters::{TOKEN, is};
use super::{HEAD_BYTES_MAX, HeadLimits, Reject};

/// Finds the empty line that ends a head.
///
/// ```
/// use taut_proto::http::wire::{HeadLimits, HeadScanner};
///
/// let limits = HeadLimits::default();
/// let bytes = b"GET / HTTP/1.1\r\nHost: taut\r\n\r\nthe next message";
/// let mut scanner = HeadScanner::request();
/// assert_eq!(scanner.find_end(&bytes[..20], &limits), Ok(None));
/// assert_eq!(scanner.find_end(bytes, &limits), Ok(Some(30)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadScanner {
    /// Empty lines that may precede the start line.
    empty_lines_max: u8,
    start: Progress,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    /// Where the line starts whose end is looked for.
    line_start: usize,
    /// Up to here there is no line end in this line.
    seen: usize,
    /// Header lines so far; nothing in front of the end of the start line.
    headers: Option<usize>,
    empty_lines: u8,
}

impl HeadScanner {
    /// For the heads of requests: one empty line may precede them (RFC 9112 section 2.2).
    #[must_use]
    pub const fn request() -> Self {
        Self::new(1, None)
    }

    /// For the heads of responses.
    #[must_use]
    pub const fn response() -> Self {
        Self::new(0, None)
    }

    /// For trailer sections: they have no start line.
    pub(super) const fn trailers() -> Self {
        Self::new(0, Some(0))
    }

    const fn new(empty_lines_max: u8, headers: Option<usize>) -> Self {
        let start = Progress { line_start: 0, seen: 0, headers, empty_lines: 0 };
        Self { empty_lines_max, start, progress: start }
    }

    /// How many of `bytes` are the head, once its end is among them. `bytes` starts with the first
    /// byte of the head and has, from call to call, grown at its end only.
    ///
    /// # Errors
    ///
    /// As soon as the head breaks a limit, has a line that ends in a bare LF or starts with white
    /// space, or does not start as a message does.
    ///
    /// # Panics
    ///
    /// Where `bytes` are fewer than before.
    pub fn find_end(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Reject> {
        let mut now = self.progress;
        loop {
            let (last, beyond) = now.last_line_feed(limits);
            if last < now.line_start {
                return Err(beyond);
            }
            let Some(&first) = bytes.get(now.line_start) else { break };
            if first == b'\r' && last > now.line_start {
                match bytes.get(now.line_start + 1) {
                    None => break,
                    Some(b'\n') => {
                        let end = now.line_start + 2;
                        if now.headers.is_some() {
                            self.progress = now;
                            return Ok(Some(end));
                        }
                        now.pass_empty_line(self.empty_lines_max)?;
                        continue;
                    }
                    Some(_) => return Err(Reject::BareCarriageReturn),
                }
            }
            now.check_first_byte(first, limits)?;
            let Some(at) = memchr(b'\n', &bytes[now.seen..]) else {
                if bytes.len() > last {
                    return Err(beyond);
                }
                now.seen = bytes.len();
                break;
            };
            let line_feed = now.seen + at;
            if line_feed > last {
                return Err(beyond);
            }
            if line_feed == now.line_start || bytes[line_feed - 1] != b'\r' {
                return Err(Reject::BareLineFeed);
            }
            now.headers = Some(now.headers.map_or(0, |headers| headers + 1));
            now.line_start = line_feed + 1;
            now.seen = line_feed + 1;
        }
        self.progress = now;
        Ok(None)
    }

    /// As [`find_end`](Self::find_end), and as new where a head ends or is refused.
    #[inline]
    pub(super) fn find_end_of_next(
        &mut self,
        bytes: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<usize>, Reject> {
        let end = self.find_end(bytes, limits);
        if !matches!(end, Ok(None)) {
            self.reset();
        }
        end
    }

    /// Whether it stands where it started, so that nothing has to be remembered of the bytes. It
    /// does also behind a lone CR, which may be the first half of an empty line.
    #[inline]
    pub(super) const fn is_new(&self) -> bool {
        self.progress.seen == 0
    }

    /// Starts over, for the next head.
    pub const fn reset(&mut self) {
        self.progress = self.start;
    }
}

impl Progress {
    /// The last place where this line's LF may stand, and what is broken if it does not.
    #[inline]
    fn last_line_feed(&self, limits: &HeadLimits) -> (usize, Reject) {
        let (line_bytes_max, beyond) = match self.headers {
            None => (limits.start_line_bytes_max, Reject::StartLineTooLong),
            Some(_) => (limits.header_line_bytes_max, Reject::HeaderLineTooLong),
        };
        let of_line = self.line_start.saturating_add(line_bytes_max).saturating_add(1);
        // Beyond it no span would reach.
        let head_bytes_max = limits.head_bytes_max.min(HEAD_BYTES_MAX);
        match head_bytes_max.checked_sub(1) {
            Some(of_head) if of_line <= of_head => (of_line, beyond),
            Some(of_head) if of_head >= self.line_start => (of_head, Reject::HeadTooLong),
            // Not even one byte more.
            _ => (0, Reject::HeadTooLong),
        }
    }

    fn pass_empty_line(&mut self, max: u8) -> Result<(), Reject> {
        if self.empty_lines == max {
            return Err(Reject::EmptyLineFirst);
        }
        self.empty_lines += 1;
        self.line_start += 2;
        self.seen = self.line_start;
        Ok(())
    }

    /// What the first byte of a line gives away.
    #[inline]
    fn check_first_byte(&self, first: u8, limits: &HeadLimits) -> Result<(), Reject> {
        match (first, self.headers) {
            // The end of the line is judged where it is found.
            (b'\r' | b'\n', _) => Ok(()),
            (b' ' | b'\t', _) => Err(Reject::LineStartsWithSpace),
            (_, None) if !is(first, TOKEN) => Err(Reject::NotHttp),
            (_, Some(headers)) if headers >= limits.headers_max => Err(Reject::TooManyHeaders),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_lets_a_head_grow_beyond_the_reach_of_a_span() {
        let (max, beyond) = (usize::MAX, Err(Reject::HeadTooLong));
        let limits = HeadLimits {
            head_bytes_max: max,
            start_line_bytes_max: max,
            header_line_bytes_max: max,
            headers_max: max,
        };
        // A head in whose header lines the scanner has come so far.
        let at = |line_start| Progress {
            line_start,
            seen: line_start,
            headers: Some(1),
            empty_lines: 0,
        };
        let last = HEAD_BYTES_MAX - 1;
        assert_eq!(at(100).last_line_feed(&limits), (last, Reject::HeadTooLong));
        assert_eq!(at(last).last_line_feed(&limits), (last, Reject::HeadTooLong));
        let mut scanner = HeadScanner::request();
        scanner.progress = at(HEAD_BYTES_MAX);
        assert_eq!(scanner.find_end(b"", &limits), beyond);
        let small = HeadLimits { header_line_bytes_max: 10, ..limits };
        assert_eq!(at(100).last_line_feed(&small), (111, Reject::HeaderLineTooLong));
    }
}
