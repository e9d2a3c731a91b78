//! What both kinds of heads share: `httparse`, and what it is told and not told.
//!
//! `httparse` judges names, values and the start line. It takes bare LF as a line end and any number
//! of empty lines first, which [`HeadScanner`](super::HeadScanner) has refused before; and it looks
//! at the meaning of nothing, which is left to the rest of this module.

use std::mem::MaybeUninit;

use httparse::{Error, Header, Status};

use super::framing::Facts;
use super::{HeadIndex, HeadLimits, Reject, Span};

/// Room for the header lines of one head. Costs nothing until it is used.
pub(super) struct Slots<'a>([MaybeUninit<Header<'a>>; HeadLimits::HEADERS_MAX]);

impl<'a> Slots<'a> {
    #[inline]
    pub(super) const fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; HeadLimits::HEADERS_MAX])
    }

    /// As many as the limits allow.
    #[inline]
    pub(super) fn within(&mut self, limits: &HeadLimits) -> &mut [MaybeUninit<Header<'a>>] {
        &mut self.0[..limits.headers_max.min(HeadLimits::HEADERS_MAX)]
    }
}

/// Whether the parser got to the end of the head, and there.
#[inline]
pub(super) fn check_end(
    head: &[u8],
    outcome: Result<Status<usize>, Error>,
    start_line: Reject,
) -> Result<(), Reject> {
    match outcome {
        // Spans have 32 bits, whatever the limits say.
        _ if head.len() > u32::MAX as usize => Err(Reject::HeadTooLong),
        Ok(Status::Complete(end)) if end == head.len() => Ok(()),
        Ok(_) => Err(Reject::HeadEnd),
        Err(error) => Err(fault(head, error, start_line)),
    }
}

/// Puts the header lines into the index, and what they say about framing beside it.
#[inline]
pub(super) fn collect<'a>(
    head: &'a [u8],
    headers: &[Header<'a>],
    index: &mut HeadIndex,
) -> Facts<'a> {
    let mut facts = Facts::default();
    index.clear();
    for header in headers {
        index.push(Span::within(head, header.name.as_bytes()), Span::within(head, header.value));
        facts.note(header.name, header.value);
    }
    facts
}

#[cold]
fn fault(head: &[u8], error: Error, start_line: Reject) -> Reject {
    match error {
        Error::HeaderName => Reject::HeaderName,
        Error::HeaderValue => Reject::HeaderValue,
        Error::TooManyHeaders => Reject::TooManyHeaders,
        // Another version, or none at all: the parser does not tell.
        Error::Version if names_other_version(head, start_line) => Reject::Version,
        Error::NewLine | Error::Status | Error::Token | Error::Version => start_line,
    }
}

/// Whether the start line has a version that is not ours where its kind has it: `HTTP/`, a digit, a
/// dot, a digit.
fn names_other_version(head: &[u8], start_line: Reject) -> bool {
    let mut lines = head.split(|&byte| byte == b'\n');
    let line = lines.find(|line| line.trim_ascii() != b"").unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.split(|&byte| byte == b' ');
    let version = match start_line {
        Reject::RequestLine => words.nth(2),
        _ => words.next(),
    };
    match version.and_then(|version| version.strip_prefix(b"HTTP/")) {
        Some(b"1.0" | b"1.1") => false,
        Some([major, b'.', minor]) => major.is_ascii_digit() && minor.is_ascii_digit(),
        _ => false,
    }
}
