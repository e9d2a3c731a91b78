//! Close frames: the code and the reason why an end has no more to say (RFC 6455 section 7.4).

use std::fmt;

use super::header::CONTROL_PAYLOAD_BYTES_MAX;
use super::violation::Violation;

/// The most bytes that the reason of a close frame has: what the code leaves of 125.
pub const CLOSE_REASON_BYTES_MAX: usize = CONTROL_PAYLOAD_BYTES_MAX - 2;

/// Why an end closes, as a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// A server goes down, or a page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// The kind of data can't be taken, such as binary.
    pub const UNSUPPORTED: Self = Self(1003);
    /// The data does not agree with its kind, such as text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// A message breaks a policy, when no other code says why.
    pub const POLICY: Self = Self(1008);
    /// A message is too long.
    pub const TOO_LONG: Self = Self(1009);
    /// A client misses an extension.
    pub const MISSING_EXTENSION: Self = Self(1010);
    /// A server met an unforeseen condition.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// The service restarts: connect again after a while.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// The service is overloaded.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// A gateway got no good answer from behind.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// A code that a close frame may have: 1000 to 1003 and 1007 to 1014 as registered, 3000 to
    /// 4999 for libraries and applications.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

/// What a close frame says; one that says nothing is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// Why.
    pub code: CloseCode,
    /// In words, often none: at most [`CLOSE_REASON_BYTES_MAX`].
    pub reason: Box<str>,
}

impl CloseFrame {
    /// Reads the payload of a close frame; nothing where it is empty.
    ///
    /// # Errors
    ///
    /// The rule that it breaks.
    pub fn read(payload: &[u8]) -> Result<Option<Self>, Violation> {
        let (code, reason) = match payload {
            [] => return Ok(None),
            [_] => return Err(Violation::CLOSE_OF_ONE_BYTE),
            [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
        };
        let code = CloseCode::new(code).ok_or(Violation::CLOSE_CODE)?;
        let reason = std::str::from_utf8(reason).map_err(|_| Violation::CLOSE_REASON)?;
        Ok(Some(Self { code, reason: reason.into() }))
    }
}

/// The payload of a close frame, where there is room for all of it.
pub(crate) fn close_payload(code: CloseCode, reason: &str) -> Option<ControlPayload> {
    let mut payload = ControlPayload::new(&code.get().to_be_bytes())?;
    payload.append(reason.as_bytes())?;
    Some(payload)
}

/// The payload of a control frame: at most 125 bytes, without memory of the heap.
#[derive(Clone, Copy)]
pub struct ControlPayload {
    bytes: [u8; CONTROL_PAYLOAD_BYTES_MAX],
    len: u8,
}

impl ControlPayload {
    pub(crate) const EMPTY: Self = Self { bytes: [0; CONTROL_PAYLOAD_BYTES_MAX], len: 0 };

    /// Nothing where there are more than 125 bytes.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let mut payload = Self::EMPTY;
        payload.append(bytes)?;
        Some(payload)
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Option<()> {
        let at = self.len as usize;
        self.bytes.get_mut(at..at + bytes.len())?.copy_from_slice(bytes);
        // Fits: it is at most 125.
        self.len += bytes.len() as u8;
        Some(())
    }
}

impl std::ops::Deref for ControlPayload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len as usize]
    }
}

impl fmt::Debug for ControlPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}
