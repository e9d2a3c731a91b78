//! Finds the end of a head as it comes in.

use super::{HeadLimits, Reject};

/// Finds the empty line that ends a head. Remembers how far it has looked: a head that comes in byte
/// by byte costs as much as one that comes in whole.
#[derive(Clone, Copy, Debug)]
pub struct HeadScanner {}

impl HeadScanner {
    /// For the heads of requests: one empty line may precede them (RFC 9112 section 2.2).
    #[must_use]
    pub const fn request() -> Self {
        Self {}
    }

    /// For the heads of responses.
    #[must_use]
    pub const fn response() -> Self {
        Self {}
    }

    /// How many of `bytes` are the head, once its end is among them. `bytes` starts with the first
    /// byte of the head and has, from call to call, grown at its end only.
    ///
    /// # Errors
    ///
    /// As soon as the head breaks a limit or has a line end that is not CR LF.
    pub fn find_end(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Reject> {
        let _ = (bytes, limits);
        unimplemented!()
    }

    /// Starts over, for the next head.
    pub fn reset(&mut self) {}
}
