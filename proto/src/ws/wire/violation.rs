//! What a peer did wrong, and what it is told.

use std::fmt;

use super::close::CloseCode;

/// A rule that the peer broke, or a limit that it went beyond. The connection fails: the peer is
/// sent a close frame with [`code`](Self::code), and nothing more is read.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Violation(&'static Rule);

#[derive(PartialEq, Eq, Hash)]
struct Rule {
    code: CloseCode,
    text: &'static str,
}

impl Violation {
    /// The code that the peer's close frame has.
    pub fn code(&self) -> CloseCode {
        self.0.code
    }

    /// Which rule, and where it stands.
    pub fn rule(&self) -> &'static str {
        self.0.text
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule())
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Violation").field("code", &self.code()).field("rule", &self.rule()).finish()
    }
}

impl std::error::Error for Violation {}

macro_rules! violations {
    ($($name:ident = $code:ident, $rule:literal;)*) => {
        impl Violation {
            $(#[cfg_attr(
                not(feature = "deflate"),
                allow(dead_code, reason = "some are of compressed messages")
            )]
            pub(crate) const $name: Self =
                Self(&Rule { code: CloseCode::$code, text: $rule });)*
        }
    };
}

violations! {
    UNMASKED = PROTOCOL_ERROR, "a client's frame is not masked (RFC 6455 section 5.1)";
    MASKED = PROTOCOL_ERROR, "a server's frame is masked (RFC 6455 section 5.1)";
    RESERVED_BIT = PROTOCOL_ERROR,
        "a reserved bit is set that nothing was agreed for (RFC 6455 section 5.2)";
    RESERVED_OPCODE = PROTOCOL_ERROR, "a reserved opcode (RFC 6455 section 5.2)";
    LENGTH_NOT_MINIMAL = PROTOCOL_ERROR,
        "a payload length in more bytes than it needs (RFC 6455 section 5.2)";
    LENGTH_BEYOND_63_BITS = PROTOCOL_ERROR,
        "a payload length of more than 63 bits (RFC 6455 section 5.2)";
    CONTROL_FRAGMENTED = PROTOCOL_ERROR, "a control frame in fragments (RFC 6455 section 5.5)";
    CONTROL_TOO_LONG = PROTOCOL_ERROR,
        "a control frame of more than 125 bytes (RFC 6455 section 5.5)";
    CONTINUES_NOTHING = PROTOCOL_ERROR,
        "a continuation frame where no message was begun (RFC 6455 section 5.4)";
    MESSAGE_IN_MESSAGE = PROTOCOL_ERROR,
        "a new message before the last one ended (RFC 6455 section 5.4)";
    CLOSE_OF_ONE_BYTE = PROTOCOL_ERROR,
        "a close frame of one byte, half a code (RFC 6455 section 5.5.1)";
    CLOSE_CODE = PROTOCOL_ERROR,
        "a close code that no close frame may have (RFC 6455 section 7.4)";
    CLOSE_REASON = INVALID_DATA, "the reason of a close frame is not UTF-8 (RFC 6455 section 5.5.1)";
    NOT_UTF8 = INVALID_DATA, "a text message is not UTF-8 (RFC 6455 section 8.1)";
    MESSAGE_TOO_LONG = TOO_LONG, "a message longer than message_bytes_max";
    FRAGMENTS_TOO_MANY = POLICY, "a message in more fragments than fragments_max";
    INFLATED_TOO_LONG = TOO_LONG,
        "a compressed message whose data is longer than message_bytes_max";
    NOT_DEFLATED = INVALID_DATA,
        "a message that says it is compressed is not DEFLATE data (RFC 7692 section 7.2.2)";
}
