//! Where a packet stands in its feed: which messages it holds, and of which session.

/// What a packet's header says of its messages. Each message of a feed has a number; those of a
/// packet follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Which numbering this is, for feeds that name it; 0 for those that do not.
    pub session: u128,
    /// The number of the first message, as on the wire. In a packet without messages, a heartbeat,
    /// the number of the message that comes next.
    pub first: u64,
    /// How many messages; 0 in a heartbeat.
    pub count: u32,
}

impl Numbers {
    /// One message, of a feed that names no session.
    #[must_use]
    pub const fn one(number: u64) -> Self {
        Self { session: 0, first: number, count: 1 }
    }
}

/// How wide the numbers are on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SequenceWidth {
    /// 32 bits, which wrap. The arbiter goes on counting beyond 2^32: the lower 32 bits of the
    /// numbers that it tells are those of the wire.
    Bits32,
    /// 64 bits, which do not wrap within the life of a feed.
    #[default]
    Bits64,
}

impl SequenceWidth {
    /// The number on the wire as the one nearest to `near` that looks so; nothing where that would
    /// lie below zero.
    #[inline]
    pub(super) fn extend(self, on_the_wire: u64, near: u64) -> Option<u64> {
        match self {
            Self::Bits64 => Some(on_the_wire),
            Self::Bits32 => {
                let distance = (on_the_wire as u32).wrapping_sub(near as u32) as i32;
                near.checked_add_signed(i64::from(distance))
            }
        }
    }
}

/// Bytes of the header that [`mold_udp64`] reads.
pub const MOLD_UDP64_HEADER_BYTES: usize = 20;

/// Reads the header of a MoldUDP64 downstream packet: a session of ten bytes, the number of the
/// first message in eight, the count of messages in two, all big-endian. A heartbeat has the count
/// 0, the end of the session 65 535, and neither has messages. `None` for what is shorter.
///
/// ```
/// use taut_net::feed::{Numbers, mold_udp64};
///
/// let mut packet = b"SESSION001".to_vec();
/// packet.extend(7_u64.to_be_bytes());
/// packet.extend(2_u16.to_be_bytes());
/// packet.extend(b"\0\x03one\0\x03two");
/// let numbers = mold_udp64(&packet).expect("there is a whole header");
/// assert_eq!((numbers.first, numbers.count), (7, 2));
/// ```
#[inline]
#[must_use]
pub fn mold_udp64(packet: &[u8]) -> Option<Numbers> {
    let (session, rest) = packet.split_first_chunk::<10>()?;
    let (first, rest) = rest.split_first_chunk::<8>()?;
    let (count, _) = rest.split_first_chunk::<2>()?;
    let mut wide = [0; 16];
    wide[6..].copy_from_slice(session);
    let count = match u16::from_be_bytes(*count) {
        u16::MAX => 0,
        count => u32::from(count),
    };
    Some(Numbers { session: u128::from_be_bytes(wide), first: u64::from_be_bytes(*first), count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_number_is_taken_for_the_nearest_wide_one() {
        let width = SequenceWidth::Bits32;
        assert_eq!(width.extend(5, 3), Some(5));
        assert_eq!(width.extend(1, 0xFFFF_FFFE), Some(0x1_0000_0001));
        assert_eq!(width.extend(0xFFFF_FFFE, 0x1_0000_0001), Some(0xFFFF_FFFE));
        assert_eq!(width.extend(0xFFFF_FFFE, 1), None, "below the first number of all");
        assert_eq!(SequenceWidth::Bits64.extend(u64::MAX, 0), Some(u64::MAX));
    }

    #[test]
    fn a_mold_header_is_read_whole_or_not_at_all() {
        let mut packet = b"0000000042".to_vec();
        packet.extend(u64::MAX.to_be_bytes());
        packet.extend(3_u16.to_be_bytes());
        let numbers = mold_udp64(&packet).unwrap();
        assert_eq!((numbers.first, numbers.count), (u64::MAX, 3));
        assert_ne!(numbers.session, 0);
        for bytes in 0..MOLD_UDP64_HEADER_BYTES {
            assert_eq!(mold_udp64(&packet[..bytes]), None);
        }
        packet[18..20].fill(0xFF);
        assert_eq!(mold_udp64(&packet).unwrap().count, 0, "the end of a session has no messages");
    }
}
