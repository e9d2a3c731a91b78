//! The head of a response.

use http::{Method, StatusCode, Version};

use super::{HeadIndex, HeadLimits, Reject, ResponseFraming, Span};

/// What the head of a response says. Its header lines are in the [`HeadIndex`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status, 100 to 999.
    pub status: StatusCode,
    /// The reason phrase as it was sent; may be empty.
    pub reason: Span,
    /// 1.0 or 1.1.
    pub version: Version,
    /// How the body and the connection go on.
    pub framing: ResponseFraming,
}

/// Parses the head of the response to a request of this method: all bytes up to where
/// [`HeadScanner`](super::HeadScanner) found its end.
///
/// # Errors
///
/// Says which rule the head breaks.
pub fn parse_response(
    head: &[u8],
    request_method: &Method,
    index: &mut HeadIndex,
    limits: &HeadLimits,
) -> Result<ResponseHead, Reject> {
    let _ = (head, request_method, index, limits);
    unimplemented!()
}
