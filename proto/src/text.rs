//! Bytes as text without the standard library's walk over them, where it is known that they are.

/// The bytes as text, where they are UTF-8. ASCII, which is what protocols are made of, is looked at
/// a word at a time; the standard library takes short text byte by byte.
#[inline]
pub(crate) fn to_str(bytes: &[u8]) -> Option<&str> {
    if bytes.is_ascii() {
        // SAFETY: ASCII is UTF-8, and it was just looked at.
        #[expect(unsafe_code, reason = "short text would be walked through byte by byte")]
        return Some(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::to_str;

    #[test]
    fn bytes_are_text_exactly_where_they_are_utf8() {
        for length in 0..40 {
            for place in 0..length {
                for byte in 0..=255_u8 {
                    let mut bytes = vec![b'x'; length];
                    bytes[place] = byte;
                    assert_eq!(to_str(&bytes), std::str::from_utf8(&bytes).ok(), "{bytes:?}");
                }
            }
        }
        assert_eq!(to_str("Zürich".as_bytes()), Some("Zürich"));
    }
}
