//! Why a message is refused.

use std::fmt;

use http::StatusCode;

/// Why a message is refused, with the status that a server answers before it closes the connection.
/// Its text names the rule, and where the rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reject {
    /// A line ends in LF without CR.
    BareLineFeed,
    /// CR stands where no LF follows.
    BareCarriageReturn,
    /// A line starts with white space: a folded header, or nothing that HTTP knows.
    LineStartsWithSpace,
    /// More than one empty line precedes a request, or any precedes a response.
    EmptyLineFirst,
    /// The first byte can't start a message, as that of a TLS handshake.
    NotHttp,
    /// The start line is longer than `start_line_bytes_max`.
    StartLineTooLong,
    /// A header line is longer than `header_line_bytes_max`.
    HeaderLineTooLong,
    /// The head is longer than `head_bytes_max`.
    HeadTooLong,
    /// The head has more header lines than `headers_max`.
    TooManyHeaders,
    /// The bytes given as a head go on behind its empty line, or lack it.
    HeadEnd,
    /// The request line is not `method SP target SP version`.
    RequestLine,
    /// The status line is not `version SP status SP reason`.
    StatusLine,
    /// The version is neither HTTP/1.0 nor HTTP/1.1.
    Version,
    /// The name of a header is not a token right in front of its colon.
    HeaderName,
    /// The value of a header has a control character.
    HeaderValue,
    /// The target has a character that has no place in a URI.
    TargetCharacter,
    /// The target has a form that the method does not go with.
    TargetForm,
    /// The target is for a scheme other than http and https.
    TargetScheme,
    /// The target's host or port is not valid.
    TargetAuthority,
    /// HTTP/1.1 without `Host`.
    HostMissing,
    /// More than one `Host`.
    HostRepeated,
    /// `Host` is not a host with an optional port.
    HostInvalid,
    /// Both `Transfer-Encoding` and `Content-Length`.
    TwoLengths,
    /// More than one `Transfer-Encoding`.
    TransferEncodingRepeated,
    /// `Transfer-Encoding` in a message of HTTP/1.0.
    TransferEncodingVersion,
    /// `Transfer-Encoding` does not end in `chunked`, names it twice, or is no list of codings.
    TransferEncodingInvalid,
    /// `Transfer-Encoding` names a coding besides `chunked`.
    TransferEncodingUnknown,
    /// More than one `Content-Length`, or a list.
    ContentLengthRepeated,
    /// `Content-Length` is not a plain decimal number.
    ContentLengthInvalid,
    /// `Content-Length` is beyond 64 bits.
    ContentLengthOverflow,
    /// CONNECT with a body.
    ConnectBody,
    /// `Expect` asks for something other than `100-continue`.
    Expectation,
    /// The size of a chunk is not a plain hexadecimal number.
    ChunkSize,
    /// The size of a chunk is beyond 64 bits.
    ChunkSizeOverflow,
    /// A chunk extension is malformed.
    ChunkExtension,
    /// The line in front of a chunk is longer than `line_bytes_max`.
    ChunkLineTooLong,
    /// The chunk extensions are longer than `extension_bytes_max`.
    ChunkExtensionsTooLong,
    /// A chunk does not end where its size says.
    ChunkEnd,
    /// The trailer section is longer than `trailer_bytes_max`.
    TrailersTooLong,
    /// There are more trailers than `trailers_max`.
    TooManyTrailers,
    /// The body is longer than its reader takes.
    BodyTooLong,
    /// The peer took too long.
    TimedOut,
}

impl Reject {
    /// What a server answers before it closes the connection.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLong | Self::ChunkLineTooLong | Self::ChunkExtensionsTooLong => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::StartLineTooLong => StatusCode::URI_TOO_LONG,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::HeaderLineTooLong
            | Self::HeadTooLong
            | Self::TooManyHeaders
            | Self::TrailersTooLong
            | Self::TooManyTrailers => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TransferEncodingUnknown => StatusCode::NOT_IMPLEMENTED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// What is wrong, and the section of the standard that says so.
    const fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::BareLineFeed => ("a line ends in LF without CR", "RFC 9112 section 2.2"),
            Self::BareCarriageReturn => ("CR stands where no LF follows", "RFC 9112 section 2.2"),
            Self::LineStartsWithSpace => {
                ("a line of the head starts with white space", "RFC 9112 sections 2.2 and 5.2")
            }
            Self::EmptyLineFirst => ("empty lines precede the head", "RFC 9112 section 2.2"),
            Self::NotHttp => ("the first byte can't start a message", "RFC 9112 section 2.1"),
            Self::StartLineTooLong => {
                ("the start line is longer than `start_line_bytes_max`", "RFC 9112 section 3")
            }
            Self::HeaderLineTooLong => {
                ("a header line is longer than `header_line_bytes_max`", "RFC 9110 section 5.4")
            }
            Self::HeadTooLong => {
                ("the head is longer than `head_bytes_max`", "RFC 9110 section 5.4")
            }
            Self::TooManyHeaders => {
                ("the head has more lines than `headers_max`", "RFC 9110 section 5.4")
            }
            Self::HeadEnd => {
                ("the head does not end with its first empty line", "RFC 9112 section 2.1")
            }
            Self::RequestLine => (
                "the request line is not a method, a target and a version with single spaces between",
                "RFC 9112 section 3",
            ),
            Self::StatusLine => (
                "the status line is not a version, a status and a reason with single spaces between",
                "RFC 9112 section 4",
            ),
            Self::Version => {
                ("the version is neither HTTP/1.0 nor HTTP/1.1", "RFC 9110 section 2.5")
            }
            Self::HeaderName => (
                "the name of a header is not a token right in front of its colon",
                "RFC 9112 section 5.1",
            ),
            Self::HeaderValue => {
                ("the value of a header has a control character", "RFC 9110 section 5.5")
            }
            Self::TargetCharacter => (
                "the request target has a character that has no place there unencoded",
                "RFC 3986 section 3",
            ),
            Self::TargetForm => (
                "the request target has a form that does not go with the method",
                "RFC 9112 section 3.2",
            ),
            Self::TargetScheme => {
                ("the request target is neither http nor https", "RFC 9110 section 4.2")
            }
            Self::TargetAuthority => (
                "the request target names no valid host and port",
                "RFC 9112 section 3.2 and RFC 9110 section 4.2",
            ),
            Self::HostMissing => ("the Host header is missing", "RFC 9112 section 3.2"),
            Self::HostRepeated => ("the Host header is repeated", "RFC 9112 section 3.2"),
            Self::HostInvalid => {
                ("the Host header is not a host with an optional port", "RFC 9112 section 3.2")
            }
            Self::TwoLengths => {
                ("both Transfer-Encoding and Content-Length are given", "RFC 9112 section 6.3")
            }
            Self::TransferEncodingRepeated => {
                ("the Transfer-Encoding header is repeated", "RFC 9112 section 6.1")
            }
            Self::TransferEncodingVersion => {
                ("HTTP/1.0 has no Transfer-Encoding", "RFC 9112 section 6.1")
            }
            Self::TransferEncodingInvalid => {
                ("Transfer-Encoding does not end in a single `chunked`", "RFC 9112 section 6.3")
            }
            Self::TransferEncodingUnknown => {
                ("Transfer-Encoding names more than `chunked`", "RFC 9112 section 6.1")
            }
            Self::ContentLengthRepeated => {
                ("Content-Length is given more than once", "RFC 9112 section 6.3")
            }
            Self::ContentLengthInvalid => {
                ("Content-Length is not a plain decimal number", "RFC 9110 section 8.6")
            }
            Self::ContentLengthOverflow => {
                ("Content-Length is beyond 64 bits", "RFC 9110 section 8.6")
            }
            Self::ConnectBody => ("CONNECT comes with a body", "RFC 9110 section 9.3.6"),
            Self::Expectation => {
                ("Expect asks for more than `100-continue`", "RFC 9110 section 10.1.1")
            }
            Self::ChunkSize => {
                ("the size of a chunk is not a plain hexadecimal number", "RFC 9112 section 7.1")
            }
            Self::ChunkSizeOverflow => {
                ("the size of a chunk is beyond 64 bits", "RFC 9112 section 7.1")
            }
            Self::ChunkExtension => ("a chunk extension is malformed", "RFC 9112 section 7.1.1"),
            Self::ChunkLineTooLong => (
                "the line in front of a chunk is longer than `line_bytes_max`",
                "RFC 9112 section 7.1.1",
            ),
            Self::ChunkExtensionsTooLong => (
                "the chunk extensions of the body are longer than `extension_bytes_max`",
                "RFC 9112 section 7.1.1",
            ),
            Self::ChunkEnd => (
                "the payload of a chunk is not followed by CR LF where its size says",
                "RFC 9112 section 7.1",
            ),
            Self::TrailersTooLong => {
                ("the trailers are longer than `trailer_bytes_max`", "RFC 9112 section 7.1.2")
            }
            Self::TooManyTrailers => {
                ("there are more trailers than `trailers_max`", "RFC 9112 section 7.1.2")
            }
            Self::BodyTooLong => {
                ("the body is longer than its reader takes", "RFC 9110 section 15.5.14")
            }
            Self::TimedOut => ("the peer took too long", "RFC 9110 section 15.5.9"),
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rule, section) = self.text();
        write!(f, "{rule} ({section})")
    }
}

impl std::error::Error for Reject {}
