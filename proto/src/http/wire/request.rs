//! The head of a request.

use http::{Method, Version};

use super::{HeadIndex, HeadLimits, Reject, RequestFraming, Target};

/// What the head of a request says. Its header lines are in the [`HeadIndex`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The method. Allocates only where it is longer than 15 bytes.
    pub method: Method,
    /// What the request is for.
    pub target: Target,
    /// 1.0 or 1.1.
    pub version: Version,
    /// How the body and the connection go on.
    pub framing: RequestFraming,
}

/// Parses the head of a request: all bytes up to where [`HeadScanner`](super::HeadScanner) found
/// its end.
///
/// # Errors
///
/// Says which rule the head breaks.
pub fn parse_request(
    head: &[u8],
    index: &mut HeadIndex,
    limits: &HeadLimits,
) -> Result<RequestHead, Reject> {
    let _ = (head, index, limits);
    unimplemented!()
}
