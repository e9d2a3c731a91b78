//! Frames that begin with a header in which their length stands.

use std::io;

use super::{Frame, Framing};

/// How wide the length is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthWidth {
    /// One byte.
    U8,
    /// Two bytes.
    U16,
    /// Four bytes.
    U32,
    /// Eight bytes.
    U64,
}

impl LengthWidth {
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 => 4,
            Self::U64 => 8,
        }
    }
}

/// Which byte of the length comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// The highest, as in network protocols.
    Big,
    /// The lowest, as in memory, and in most binary protocols of venues.
    Little,
}

/// What the length counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthCounts {
    /// The bytes behind the header.
    Payload,
    /// The whole frame, the header among it.
    Frame,
}

/// A header with a length, and the payload behind it.
///
/// ```
/// use taut_net::framing::{LengthCounts, LengthPrefix};
///
/// // SOUP: a big-endian length of two bytes. What it counts, a type and a payload, is handed out.
/// let soup = LengthPrefix::u16_be();
/// // A header of eight bytes, of which bytes 2 and 3 count the frame, little-endian.
/// let venue = LengthPrefix {
///     offset_bytes: 2,
///     header_bytes: 8,
///     counts: LengthCounts::Frame,
///     with_header: true,
///     ..LengthPrefix::u16_le()
/// };
/// let mut header = *b"??__####";
/// venue.put_length(&mut header, 100)?;
/// assert_eq!(&header, b"??\x6c\0####");
/// # let _ = soup;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthPrefix {
    /// The width of the length.
    pub width: LengthWidth,
    /// Its byte order.
    pub order: ByteOrder,
    /// Where it stands in the header, in bytes. By the constructors 0.
    pub offset_bytes: usize,
    /// The whole header, in bytes. By the constructors the width of the length.
    pub header_bytes: usize,
    /// By the constructors the payload.
    pub counts: LengthCounts,
    /// Whether the header is handed out, too. By the constructors not.
    pub with_header: bool,
}

macro_rules! prefixes {
    ($($name:ident, $width:ident, $order:ident, $text:literal;)+) => {
        $(
            #[doc = $text]
            #[must_use]
            pub const fn $name() -> Self {
                Self::new(LengthWidth::$width, ByteOrder::$order)
            }
        )+
    };
}

impl LengthPrefix {
    /// A header that is the length, which counts the payload.
    #[must_use]
    pub const fn new(width: LengthWidth, order: ByteOrder) -> Self {
        let (offset_bytes, header_bytes) = (0, width.bytes());
        let (counts, with_header) = (LengthCounts::Payload, false);
        Self { width, order, offset_bytes, header_bytes, counts, with_header }
    }

    prefixes! {
        u8, U8, Big, "The length in one byte.";
        u16_be, U16, Big, "The length in two bytes, the highest first.";
        u16_le, U16, Little, "The length in two bytes, the lowest first.";
        u32_be, U32, Big, "The length in four bytes, the highest first.";
        u32_le, U32, Little, "The length in four bytes, the lowest first.";
        u64_be, U64, Big, "The length in eight bytes, the highest first.";
        u64_le, U64, Little, "The length in eight bytes, the lowest first.";
    }

    /// Writes the length of a payload into its header.
    ///
    /// # Errors
    ///
    /// `InvalidInput` where the length does not fit its width.
    ///
    /// # Panics
    ///
    /// Where `header` has not the length of a header.
    pub fn put_length(&self, header: &mut [u8], payload_bytes: usize) -> io::Result<()> {
        self.check();
        assert_eq!(header.len(), self.header_bytes, "the bytes of a header");
        let width = self.width.bytes();
        let counted = match self.counts {
            LengthCounts::Payload => payload_bytes as u64,
            LengthCounts::Frame => payload_bytes as u64 + self.header_bytes as u64,
        };
        if width < 8 && counted >> (8 * width) != 0 {
            let message =
                format!("a length of {counted} bytes does not fit the {width} that tell it");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let field = &mut header[self.offset_bytes..][..width];
        match self.order {
            ByteOrder::Big => field.copy_from_slice(&counted.to_be_bytes()[8 - width..]),
            ByteOrder::Little => field.copy_from_slice(&counted.to_le_bytes()[..width]),
        }
        Ok(())
    }

    fn length(&self, header: &[u8]) -> u64 {
        let width = self.width.bytes();
        let field = &header[self.offset_bytes..][..width];
        let mut wide = [0; 8];
        match self.order {
            ByteOrder::Big => {
                wide[8 - width..].copy_from_slice(field);
                u64::from_be_bytes(wide)
            }
            ByteOrder::Little => {
                wide[..width].copy_from_slice(field);
                u64::from_le_bytes(wide)
            }
        }
    }

    /// Panics where the length lies outside of its header: that is an error of the program.
    fn check(&self) {
        let end = self.offset_bytes.checked_add(self.width.bytes());
        let inside = end.is_some_and(|end| end <= self.header_bytes);
        assert!(inside, "the length lies outside of its header: {self:?}");
    }
}

impl Framing for LengthPrefix {
    #[inline]
    fn frame(&mut self, bytes: &[u8], _seen: usize) -> io::Result<Frame> {
        self.check();
        let header = self.header_bytes;
        if bytes.len() < header {
            return Ok(Frame::Part { needed: Some(header) });
        }
        let length = self.length(bytes);
        let whole = match self.counts {
            // A length beyond the address space is one beyond every limit of frames.
            LengthCounts::Payload => length.saturating_add(header as u64),
            LengthCounts::Frame => length,
        };
        let whole = usize::try_from(whole).unwrap_or(usize::MAX);
        if whole < header {
            let message = format!("a frame of {whole} bytes can't hold its header of {header}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        if bytes.len() < whole {
            return Ok(Frame::Part { needed: Some(whole) });
        }
        let start = if self.with_header { 0 } else { header };
        Ok(Frame::Whole { payload: start..whole, bytes: whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(prefix: LengthPrefix, bytes: &[u8]) -> (std::ops::Range<usize>, usize) {
        match { prefix }.frame(bytes, 0).unwrap() {
            Frame::Whole { payload, bytes } => (payload, bytes),
            Frame::Part { needed } => panic!("a part, {needed:?} needed"),
        }
    }

    #[test]
    fn each_width_and_order_is_read_as_it_is_written() {
        for width in [LengthWidth::U8, LengthWidth::U16, LengthWidth::U32, LengthWidth::U64] {
            for order in [ByteOrder::Big, ByteOrder::Little] {
                for counts in [LengthCounts::Payload, LengthCounts::Frame] {
                    let (offset_bytes, header_bytes) = (3, 20);
                    let plain = LengthPrefix::new(width, order);
                    let prefix = LengthPrefix { offset_bytes, header_bytes, counts, ..plain };
                    let mut frame = vec![0xAA; 20 + 200];
                    prefix.put_length(&mut frame[..20], 200).unwrap();
                    assert_eq!(whole(prefix, &frame), (20..220, 220));
                    assert_eq!(
                        whole(LengthPrefix { with_header: true, ..prefix }, &frame).0,
                        0..220
                    );
                    let untouched = frame.iter().filter(|&&byte| byte == 0xAA).count();
                    assert_eq!(untouched, frame.len() - width.bytes(), "{prefix:?}");
                }
            }
        }
        let mut header = [0; 4];
        LengthPrefix::u32_be().put_length(&mut header, 0x0102_0304).unwrap();
        assert_eq!(header, [1, 2, 3, 4]);
    }

    #[test]
    fn a_length_that_does_not_fit_is_an_error_that_says_so() {
        let mut header = [0; 1];
        LengthPrefix::u8().put_length(&mut header, 255).unwrap();
        let error = LengthPrefix::u8().put_length(&mut header, 256).unwrap_err();
        assert_eq!(error.to_string(), "a length of 256 bytes does not fit the 1 that tell it");
        let frame = LengthPrefix { counts: LengthCounts::Frame, ..LengthPrefix::u8() };
        assert!(frame.put_length(&mut header, 255).is_err());
    }

    #[test]
    fn a_frame_shorter_than_its_header_and_one_beyond_all_memory_are_told_from_others() {
        let mut frame = LengthPrefix { counts: LengthCounts::Frame, ..LengthPrefix::u32_le() };
        let error = frame.frame(&[3, 0, 0, 0, 9], 0).unwrap_err();
        assert_eq!(error.to_string(), "a frame of 3 bytes can't hold its header of 4");
        let endless = LengthPrefix::u64_be().frame(&[0xFF; 64], 0).unwrap();
        assert_eq!(endless, Frame::Part { needed: Some(usize::MAX) });
    }

    #[test]
    #[should_panic(expected = "outside of its header")]
    fn a_length_outside_of_its_header_panics() {
        let prefix = LengthPrefix { offset_bytes: 1, ..LengthPrefix::u32_be() };
        let _ = prefix.put_length(&mut [0; 4], 1);
    }
}
