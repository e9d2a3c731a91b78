//! What an end of a connection wants of compression.

/// The largest window, of 32 KiB; what holds where nothing is said.
pub(super) const WINDOW_BITS_MAX: u8 = 15;

/// The smallest window that compresses: zlib's, and its successors', is one of 512 bytes.
pub(super) const SEND_WINDOW_BITS_MIN: u8 = 9;

/// The smallest window that can be agreed on, of 256 bytes.
pub(super) const WINDOW_BITS_MIN: u8 = 8;

/// How the messages of one direction are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Direction {
    /// Whether a message may refer to those before it.
    pub(super) keeps_context: bool,
    /// How far back it may refer: 2 to the power of this, in bytes.
    pub(super) window_bits: u8,
}

impl Direction {
    const DEFAULT: Self = Self { keeps_context: true, window_bits: WINDOW_BITS_MAX };
}

/// How messages are to be compressed, as this end wants it; the peer may want less. Compression is
/// off where no [`Options`](crate::ws::Options) ask for it: it costs more time than it saves, unless
/// bandwidth is what limits.
///
/// ```
/// use taut_proto::ws::{DeflateOptions, Options};
///
/// let mut options = Options::default();
/// options.deflate = Some(DeflateOptions::default().min_bytes(256).send_context(false));
/// ```
///
/// Memory: a connection that keeps its contexts has some 370 KiB for what it sends (down to 240 KiB
/// with a small window) and 40 KiB for what it receives. Without contexts it has none: those of its
/// core serve all.
///
/// Messages with secrets should not share a context with text that others may choose: the length of
/// what is sent tells how alike they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateOptions {
    pub(super) level: u32,
    pub(super) min_bytes: usize,
    pub(super) send: Direction,
    pub(super) receive: Direction,
}

impl Default for DeflateOptions {
    fn default() -> Self {
        let (send, receive) = (Direction::DEFAULT, Direction::DEFAULT);
        Self { level: 1, min_bytes: 64, send, receive }
    }
}

impl DeflateOptions {
    /// With a level from 1, the fastest and the default, to 9, which compresses most. Level 1 is
    /// several times as fast as 2 with short messages that have a context; without one, and with
    /// long messages, 2 makes them clearly shorter.
    ///
    /// # Panics
    ///
    /// With any other.
    #[must_use]
    pub fn level(mut self, level: u32) -> Self {
        assert!((1..=9).contains(&level), "a level of compression is 1 to 9, not {level}");
        self.level = level;
        self
    }

    /// With messages of fewer bytes sent as they are; 64 by default.
    #[must_use]
    pub fn min_bytes(mut self, min_bytes: usize) -> Self {
        self.min_bytes = min_bytes;
        self
    }

    /// Whether what is sent may refer to earlier messages; it may by default. Where it may not,
    /// short messages hardly become shorter, each costs the clearing of 128 KiB, and all such
    /// connections of a core share one compressor.
    #[must_use]
    pub fn send_context(mut self, send_context: bool) -> Self {
        self.send.keeps_context = send_context;
        self
    }

    /// Whether what is received may refer to earlier messages; it may by default.
    #[must_use]
    pub fn receive_context(mut self, receive_context: bool) -> Self {
        self.receive.keeps_context = receive_context;
        self
    }

    /// How far back what is sent refers: 2 to the power of `bits`, in bytes; 15 by default, which
    /// is 32 KiB.
    ///
    /// # Panics
    ///
    /// With fewer than 9 or more than 15. 8 can be agreed on, but no compressor that the field uses
    /// has it. A peer that insists on it is sent messages as they are.
    #[must_use]
    pub fn send_window_bits(mut self, bits: u8) -> Self {
        let range = SEND_WINDOW_BITS_MIN..=WINDOW_BITS_MAX;
        assert!(range.contains(&bits), "a window to send with has 9 to 15 bits, not {bits}");
        self.send.window_bits = bits;
        self
    }

    /// How far back what is received may refer, as [`send_window_bits`](Self::send_window_bits).
    /// That saves memory of the peer only: this end always has the largest window, so that the
    /// verdict on a message does not depend on how it came.
    ///
    /// A client asks the server for it, and does without compression where it is refused. A server
    /// asks the clients that can be asked.
    ///
    /// # Panics
    ///
    /// With fewer than 8 or more than 15.
    #[must_use]
    pub fn receive_window_bits(mut self, bits: u8) -> Self {
        let range = WINDOW_BITS_MIN..=WINDOW_BITS_MAX;
        assert!(range.contains(&bits), "a window to receive with has 8 to 15 bits, not {bits}");
        self.receive.window_bits = bits;
        self
    }
}
