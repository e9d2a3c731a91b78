//! How long a body is, and whether the connection stays (RFC 9112 sections 6 and 9).
//!
//! A body whose length two readers could see differently is refused; see the variants of
//! [`Reject`].

use http::{Method, StatusCode, Version};

use super::Reject;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is no body.
    None,
    /// So many bytes follow the head; may be zero.
    Length(u64),
    /// Chunks follow: see [`ChunkDecoder`](super::ChunkDecoder).
    Chunked,
    /// All that follows, up to the end of the stream. Responses only.
    UntilClose,
}

impl BodyLength {
    /// Whether no byte of a body follows the head.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }
}

/// What the head of a request says about its body and its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFraming {
    /// How the end of the body is found. Never [`BodyLength::UntilClose`].
    pub body: BodyLength,
    /// Whether the client would send another request on this connection. A client of HTTP/1.0 must
    /// be told in the response (`Connection: keep-alive`) that it may.
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// Whether the client would change to the protocol that the `Upgrade` header names.
    pub upgrade: bool,
}

impl RequestFraming {
    pub(super) const NONE: Self =
        Self { body: BodyLength::None, keep_alive: false, expects_continue: false, upgrade: false };
}

/// What the head of a response says about its body and its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseFraming {
    /// How the end of the body is found.
    pub body: BodyLength,
    /// Whether the connection can carry another request after the body.
    pub keep_alive: bool,
    /// Whether this is an interim response (1xx other than 101): the final one follows.
    pub interim: bool,
    /// Whether what follows the head is another protocol: after 101, and after 2xx to CONNECT.
    pub tunnel: bool,
}

/// What the header lines say that matters here, gathered while they are indexed.
#[derive(Default)]
pub(super) struct Facts<'a> {
    pub(super) host: Once<'a>,
    content_length: Once<'a>,
    transfer_encoding: Once<'a>,
    /// The options of all `Connection` headers.
    close: bool,
    keep_alive: bool,
    upgrade_option: bool,
    upgrade: bool,
    expects_continue: bool,
    expects_else: bool,
}

/// A header that may be there once.
#[derive(Clone, Copy, Default)]
pub(super) enum Once<'a> {
    #[default]
    Absent,
    One(&'a [u8]),
    Repeated,
}

impl<'a> Once<'a> {
    fn add(&mut self, value: &'a [u8]) {
        *self = match self {
            Self::Absent => Self::One(value),
            _ => Self::Repeated,
        };
    }

    const fn is_absent(self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<'a> Facts<'a> {
    /// Takes note of a header line.
    #[inline]
    pub(super) fn note(&mut self, name: &[u8], value: &'a [u8]) {
        // The length tells most names apart without a look at their bytes.
        match name.len() {
            4 if is_named(name, b"host") => self.host.add(value),
            6 if is_named(name, b"expect") => {
                for expectation in list(value) {
                    let is_continue = expectation.eq_ignore_ascii_case(b"100-continue");
                    self.expects_continue |= is_continue;
                    self.expects_else |= !is_continue;
                }
            }
            7 if is_named(name, b"upgrade") => self.upgrade |= !value.is_empty(),
            10 if is_named(name, b"connection") => {
                for option in list(value) {
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    self.upgrade_option |= option.eq_ignore_ascii_case(b"upgrade");
                }
            }
            14 if is_named(name, b"content-length") => self.content_length.add(value),
            17 if is_named(name, b"transfer-encoding") => self.transfer_encoding.add(value),
            _ => {}
        }
    }

    fn keeps_alive(&self, version: Version) -> bool {
        !self.close && (version == Version::HTTP_11 || self.keep_alive)
    }

    /// The framing of a request, told where it is kept.
    #[inline]
    pub(super) fn of_request(
        &self,
        method: &Method,
        version: Version,
        framing: &mut RequestFraming,
    ) -> Result<(), Reject> {
        framing.body = match (self.transfer_encoding, self.content_length) {
            (Once::Absent, Once::Absent) => BodyLength::None,
            (Once::Absent, length) => BodyLength::Length(content_length(length)?),
            (encoding, Once::Absent) => chunked(encoding, version)?,
            _ => return Err(Reject::TwoLengths),
        };
        let has_body = !framing.body.is_empty();
        if has_body && *method == Method::CONNECT {
            return Err(Reject::ConnectBody);
        }
        // A server ignores what a client of HTTP/1.0 expects, and to what it would upgrade.
        let is_current = version == Version::HTTP_11;
        if self.expects_else && is_current {
            return Err(Reject::Expectation);
        }
        framing.keep_alive = self.keeps_alive(version);
        framing.expects_continue = self.expects_continue && is_current && has_body;
        framing.upgrade = self.upgrade && self.upgrade_option && is_current;
        Ok(())
    }

    /// The framing of the response with this status to a request of this method.
    #[inline]
    pub(super) fn of_response(
        &self,
        request_method: &Method,
        version: Version,
        status: StatusCode,
    ) -> Result<ResponseFraming, Reject> {
        let switches = status == StatusCode::SWITCHING_PROTOCOLS;
        let tunnel = switches || (*request_method == Method::CONNECT && status.is_success());
        let interim = status.is_informational() && !switches;
        let keep_alive = self.keeps_alive(version) && !tunnel;
        let framing = |body, keep_alive| ResponseFraming { body, keep_alive, interim, tunnel };
        if interim || status == StatusCode::NO_CONTENT {
            // Such a response has no body and must not claim one: whoever does may also send it.
            let claims_body = !self.transfer_encoding.is_absent()
                || !matches!(self.content_length, Once::Absent | Once::One(b"0"));
            return Ok(framing(BodyLength::None, keep_alive && !claims_body));
        }
        let is_head = *request_method == Method::HEAD;
        if tunnel || is_head || status == StatusCode::NOT_MODIFIED {
            return Ok(framing(BodyLength::None, keep_alive));
        }
        Ok(match (self.transfer_encoding, self.content_length) {
            (Once::Absent, Once::Absent) => framing(BodyLength::UntilClose, false),
            (Once::Absent, length) => {
                framing(BodyLength::Length(content_length(length)?), keep_alive)
            }
            // The encoding overrides the length, but whoever sends both is not to be trusted twice.
            (encoding, length) => {
                framing(chunked(encoding, version)?, keep_alive && length.is_absent())
            }
        })
    }
}

/// Whether a name, which is a token, is this one of letters and hyphens, in whatever case: the bit
/// that makes a letter small makes none of a token's other characters one of these.
#[inline]
fn is_named<const N: usize>(name: &[u8], small: &[u8; N]) -> bool {
    let Some(name) = name.first_chunk::<N>() else { return false };
    let differing =
        (name.iter().zip(small)).fold(0, |differing, (a, b)| differing | (a | 0x20) ^ b);
    differing == 0
}

/// The members of a comma-separated list; empty ones are passed over (RFC 9110 section 5.6.1).
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim).filter(|member| !member.is_empty())
}

/// Without the spaces and tabs around it.
fn trim(text: &[u8]) -> &[u8] {
    // Other ASCII white space can't stand in the value of a header.
    text.trim_ascii()
}

/// RFC 9110 section 8.6: `1*DIGIT`, nothing else.
fn content_length(length: Once<'_>) -> Result<u64, Reject> {
    let Once::One(digits) = length else { return Err(Reject::ContentLengthRepeated) };
    if digits.contains(&b',') {
        return Err(Reject::ContentLengthRepeated);
    }
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Reject::ContentLengthInvalid);
    }
    let value = digits.iter().try_fold(0_u64, |value, &digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    value.ok_or(Reject::ContentLengthOverflow)
}

/// RFC 9112 sections 6.1 and 6.3, with `chunked` as the only coding.
fn chunked(encoding: Once<'_>, version: Version) -> Result<BodyLength, Reject> {
    if version != Version::HTTP_11 {
        return Err(Reject::TransferEncodingVersion);
    }
    let Once::One(value) = encoding else { return Err(Reject::TransferEncodingRepeated) };
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    if is_chunked(value) {
        return Ok(BodyLength::Chunked);
    }
    let mut last_is_chunked = false;
    for coding in value.split(|&byte| byte == b',').map(trim) {
        // An empty coding, or one after `chunked`.
        if coding.is_empty() || last_is_chunked {
            return Err(Reject::TransferEncodingInvalid);
        }
        last_is_chunked = is_chunked(coding);
    }
    Err(match last_is_chunked {
        true => Reject::TransferEncodingUnknown,
        false => Reject::TransferEncodingInvalid,
    })
}
