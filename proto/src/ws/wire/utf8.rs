//! UTF-8, as a whole and in pieces.
//!
//! Invariant: after each piece of a [`Utf8`], what was pushed so far is the beginning of some text,
//! or the push said no. So a wrong byte is found with the piece that has it, not at the end of the
//! message.
//! Cost: SIMD over each piece; between two pieces at most three bytes are kept.

use std::str;

use super::mask::apply_mask;

/// What is shorter is not worth a call into code for wide registers.
const SHORT_BYTES_MAX: usize = 63;

/// Whether `bytes` are UTF-8.
#[inline]
pub(super) fn is_text(bytes: &[u8]) -> bool {
    bytes.len() <= SHORT_BYTES_MAX && bytes.is_ascii() || simdutf8::basic::from_utf8(bytes).is_ok()
}

/// Unmasks `bytes`, and says whether they are UTF-8.
#[inline]
pub(super) fn unmask_text(bytes: &mut [u8], key: [u8; 4]) -> bool {
    apply_mask(bytes, key) || simdutf8::basic::from_utf8(bytes).is_ok()
}

/// A validator of one text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8 {
    /// The first bytes of a character whose others are to come.
    begun: [u8; 3],
    begun_bytes: u8,
}

impl Utf8 {
    /// Whether the text can go on with `piece`. After a no it has no meaning to go on.
    #[inline]
    pub fn push(&mut self, piece: &[u8]) -> bool {
        match self.begun_bytes {
            0 => self.push_at_boundary(piece),
            _ => self.push_inside(piece),
        }
    }

    /// Whether the text may end here.
    #[inline]
    pub fn is_complete(&self) -> bool {
        self.begun_bytes == 0
    }

    fn push_at_boundary(&mut self, piece: &[u8]) -> bool {
        match simdutf8::compat::from_utf8(piece) {
            Ok(_) => true,
            // A character that is cut off, not one that is wrong.
            Err(error) if error.error_len().is_none() => {
                let begun = &piece[error.valid_up_to()..];
                self.begun[..begun.len()].copy_from_slice(begun);
                self.begun_bytes = begun.len() as u8;
                true
            }
            Err(_) => false,
        }
    }

    /// Finishes the character that was begun, byte by byte.
    fn push_inside(&mut self, piece: &[u8]) -> bool {
        let mut character = [0; 4];
        let mut count = self.begun_bytes as usize;
        character[..count].copy_from_slice(&self.begun[..count]);
        for (index, &byte) in piece.iter().enumerate() {
            character[count] = byte;
            count += 1;
            match str::from_utf8(&character[..count]) {
                Ok(_) => {
                    self.begun_bytes = 0;
                    return self.push_at_boundary(&piece[index + 1..]);
                }
                // Four bytes are whole or wrong, so three are the most that are kept.
                Err(error) if error.error_len().is_none() => {
                    self.begun[..count].copy_from_slice(&character[..count]);
                    self.begun_bytes = count as u8;
                }
                Err(_) => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes of `text` a validator takes that sees them in pieces of this size.
    fn taken(text: &[u8], piece_bytes: usize) -> Result<bool, usize> {
        let mut utf8 = Utf8::default();
        for (index, piece) in text.chunks(piece_bytes).enumerate() {
            if !utf8.push(piece) {
                return Err(index);
            }
        }
        Ok(utf8.is_complete())
    }

    #[test]
    fn every_character_passes_at_every_cut() {
        for character in ('\0'..=char::MAX).step_by(97).chain(['\u{7FF}', '\u{FFFF}', char::MAX]) {
            let text = format!("a{character}b");
            for piece_bytes in 1..=text.len() {
                assert_eq!(taken(text.as_bytes(), piece_bytes), Ok(true), "{text:?}");
            }
        }
    }

    #[test]
    fn a_wrong_byte_is_found_with_the_piece_that_has_it() {
        // Overlong, a surrogate, beyond the last character, a lone tail, no such byte.
        let wrong: [(&[u8], usize); 6] = [
            (b"\xC0\xAF", 0),
            (b"\xE0\x80\x80", 1),
            (b"\xED\xA0\x80", 1),
            (b"\xF4\x90\x80\x80", 1),
            (b"\x80", 0),
            (b"ab\xFF", 2),
        ];
        for (text, found_at) in wrong {
            assert_eq!(taken(text, 1), Err(found_at), "{}", text.escape_ascii());
            for piece_bytes in 1..=text.len() {
                let piece = found_at / piece_bytes;
                assert_eq!(taken(text, piece_bytes), Err(piece), "{}", text.escape_ascii());
            }
        }
    }

    #[test]
    fn a_text_that_is_cut_off_is_not_complete() {
        for text in ["é", "€", "🚀"] {
            for end in 1..text.len() {
                assert_eq!(taken(&text.as_bytes()[..end], 1), Ok(false));
            }
        }
    }
}
