//! The header of a frame (RFC 6455 section 5.2), read strictly and written minimally.
//!
//! Invariant: whatever [`FrameHeader::read`] takes, [`FrameHeader::write`] would write again byte
//! by byte. The verdict on a header that comes in pieces is that on the whole one, and falls as
//! soon as the bytes are there that decide it.

use super::violation::Violation;

/// The most bytes that a header has: two, a length of eight, a key of four.
pub const HEADER_BYTES_MAX: usize = 14;

/// The most bytes that the payload of a control frame has (section 5.5).
pub const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

/// Which end of a connection reads or writes: clients mask what they send, servers don't.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The end that connected.
    Client,
    /// The end that accepted.
    Server,
}

impl Role {
    /// Whether what this end receives is masked.
    #[inline]
    pub(crate) fn receives_masked(self) -> bool {
        self == Self::Server
    }
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// More of a message.
    Continuation,
    /// The first frame of a text message.
    Text,
    /// The first frame of a binary message.
    Binary,
    /// The end of the sender's messages.
    Close,
    /// A question whether the other end is there.
    Ping,
    /// The answer to it.
    Pong,
}

impl Opcode {
    /// Whether frames of this kind may stand between the fragments of a message.
    #[inline]
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    #[inline]
    fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }
}

/// What stands before the payload of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether the message ends with this frame.
    pub is_final: bool,
    /// RSV1: whether the message is compressed (RFC 7692 section 6).
    pub is_compressed: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The key that the payload is masked with; clients have one.
    pub mask: Option<[u8; 4]>,
    /// Length of the payload, in bytes.
    pub payload_bytes: u64,
}

impl FrameHeader {
    /// Reads the header at the beginning of `bytes`, as the end `role` receives it; also how many
    /// bytes it has. Nothing where more bytes are needed.
    ///
    /// # Errors
    ///
    /// The rule that it breaks.
    #[inline]
    pub fn read(
        bytes: &[u8],
        role: Role,
        may_be_compressed: bool,
    ) -> Result<Option<(Self, usize)>, Violation> {
        let [first, second, rest @ ..] = bytes else {
            return match bytes.first() {
                Some(&first) => read_first(first, may_be_compressed).map(|_| None),
                None => Ok(None),
            };
        };
        let (is_final, is_compressed, opcode) = read_first(*first, may_be_compressed)?;
        let is_masked = second & 0x80 != 0;
        if is_masked != role.receives_masked() {
            return Err(match role {
                Role::Server => Violation::UNMASKED,
                Role::Client => Violation::MASKED,
            });
        }
        let short = second & 0x7F;
        if opcode.is_control() && short as usize > CONTROL_PAYLOAD_BYTES_MAX {
            return Err(Violation::CONTROL_TOO_LONG);
        }
        let (payload_bytes, length_bytes) = match short {
            126 => match rest.first_chunk() {
                Some(&long) => (u64::from(u16::from_be_bytes(long)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(&long) => (u64::from_be_bytes(long), 8),
                // The first bit decides alone.
                None if rest.first().is_some_and(|byte| byte & 0x80 != 0) => {
                    return Err(Violation::LENGTH_BEYOND_63_BITS);
                }
                None => return Ok(None),
            },
            short => (u64::from(short), 0),
        };
        if length_bytes > 0 {
            check_long(payload_bytes, length_bytes)?;
        }
        let mut header_bytes = 2 + length_bytes;
        let mut mask = None;
        if is_masked {
            mask = rest.get(length_bytes..).and_then(<[u8]>::first_chunk).copied();
            if mask.is_none() {
                return Ok(None);
            }
            header_bytes += 4;
        }
        Ok(Some((Self { is_final, is_compressed, opcode, mask, payload_bytes }, header_bytes)))
    }

    /// How many bytes [`write`](Self::write) writes.
    #[inline]
    pub fn header_bytes(&self) -> usize {
        let length_bytes = match self.payload_bytes {
            0..=125 => 0,
            126..=0xFFFF => 2,
            _ => 8,
        };
        2 + length_bytes + if self.mask.is_some() { 4 } else { 0 }
    }

    /// Writes the header to the first bytes of `to` and says how many there are; the rest of `to`
    /// is left in no particular state.
    ///
    /// # Panics
    ///
    /// Where the payload is longer than 63 bits can say, and where a control frame is not final,
    /// is compressed or has more than 125 bytes: no peer may be sent that.
    #[inline]
    pub fn write(&self, to: &mut [u8; HEADER_BYTES_MAX]) -> usize {
        if self.opcode.is_control() {
            assert!(self.is_final && !self.is_compressed, "a control frame in pieces: {self:?}");
            assert!(self.payload_bytes <= CONTROL_PAYLOAD_BYTES_MAX as u64, "too long: {self:?}");
        }
        let first =
            u8::from(self.is_final) << 7 | u8::from(self.is_compressed) << 6 | self.opcode.number();
        let (short, long, mut count) = match self.payload_bytes {
            short @ 0..=125 => (short as u8, 0, 2),
            long @ 126..=0xFFFF => (126, u64::from((long as u16).swap_bytes()), 4),
            long => {
                assert!(long >> 63 == 0, "the length {long} has more than 63 bits");
                (127, long.swap_bytes(), 10)
            }
        };
        let second = u8::from(self.mask.is_some()) << 7 | short;
        // In one register, the first byte lowest: bytes that are written one by one and then copied
        // together have the copy wait for all of them.
        let mut header = u128::from(long) << 16 | u128::from(second) << 8 | u128::from(first);
        if let Some(key) = self.mask {
            header |= u128::from(u32::from_le_bytes(key)) << (8 * count);
            count += 4;
        }
        to.copy_from_slice(&header.to_le_bytes()[..HEADER_BYTES_MAX]);
        count
    }
}

/// The header of a message of one frame that is not compressed and has up to 64 KiB: nearly every
/// header, read with few branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SimpleHeader {
    /// Text or binary.
    pub(super) opcode: Opcode,
    pub(super) mask: Option<[u8; 4]>,
    pub(super) payload_bytes: usize,
    pub(super) header_bytes: usize,
}

impl SimpleHeader {
    /// Reads the header at the beginning of `bytes`. Nothing where it is another, or wrong, or not
    /// all there: [`FrameHeader::read`] says which.
    #[inline(always)]
    pub(super) fn read(bytes: &[u8], role: Role) -> Option<Self> {
        let (&[first, second], behind) = bytes.split_first_chunk()?;
        let opcode = match first {
            0x81 => Opcode::Text,
            0x82 => Opcode::Binary,
            _ => return None,
        };
        let is_masked = role.receives_masked();
        // A mask that should not be there, or is missing, leaves a length that is none.
        let length = if is_masked { second ^ 0x80 } else { second };
        let (payload_bytes, behind, mut header_bytes) = match length {
            short @ 0..=125 => (usize::from(short), behind, 2),
            126 => {
                let (&long, behind) = behind.split_first_chunk()?;
                let long = u16::from_be_bytes(long);
                if long <= 125 {
                    return None;
                }
                (usize::from(long), behind, 4)
            }
            _ => return None,
        };
        let mut mask = None;
        if is_masked {
            mask = Some(*behind.first_chunk()?);
            header_bytes += 4;
        }
        Some(Self { opcode, mask, payload_bytes, header_bytes })
    }
}

/// Final, compressed, opcode.
#[inline]
fn read_first(byte: u8, may_be_compressed: bool) -> Result<(bool, bool, Opcode), Violation> {
    let is_final = byte & 0x80 != 0;
    let is_compressed = byte & 0x40 != 0;
    if byte & 0x30 != 0 {
        return Err(Violation::RESERVED_BIT);
    }
    let opcode = Opcode::from_number(byte & 0x0F).ok_or(Violation::RESERVED_OPCODE)?;
    if opcode.is_control() && !is_final {
        return Err(Violation::CONTROL_FRAGMENTED);
    }
    if is_compressed && (!may_be_compressed || !matches!(opcode, Opcode::Text | Opcode::Binary)) {
        return Err(Violation::RESERVED_BIT);
    }
    Ok((is_final, is_compressed, opcode))
}

/// A length has to be said in the fewest bytes.
fn check_long(payload_bytes: u64, length_bytes: usize) -> Result<(), Violation> {
    if payload_bytes >> 63 != 0 {
        return Err(Violation::LENGTH_BEYOND_63_BITS);
    }
    let least = if length_bytes == 2 { 126 } else { 0x1_0000 };
    if payload_bytes < least {
        return Err(Violation::LENGTH_NOT_MINIMAL);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A simple header says what [`FrameHeader::read`] says, or nothing.
    fn check(bytes: &[u8], role: Role) -> bool {
        let Some(simple) = SimpleHeader::read(bytes, role) else { return false };
        let read = FrameHeader::read(bytes, role, false);
        let header = FrameHeader {
            is_final: true,
            is_compressed: false,
            opcode: simple.opcode,
            mask: simple.mask,
            payload_bytes: simple.payload_bytes as u64,
        };
        assert_eq!(read, Ok(Some((header, simple.header_bytes))), "{bytes:02X?} to the {role:?}");
        true
    }

    #[test]
    fn a_simple_header_is_what_the_strict_way_says() {
        let lengths = [[0, 0], [0, 125], [0, 126], [1, 0], [0xFF, 0xFF]];
        for role in [Role::Client, Role::Server] {
            let mut simple = 0;
            for (first, second) in (0..=255).flat_map(|first| (0..=255).map(move |it| (first, it)))
            {
                for [high, low] in lengths {
                    let bytes = [first, second, high, low, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
                    simple += (0..=bytes.len()).filter(|&cut| check(&bytes[..cut], role)).count();
                }
            }
            assert!(simple > 2 * 126, "{simple} to the {role:?}");
        }
    }
}
