//! Which bytes may stand where (RFC 9110 section 5.6, RFC 3986), as one table of 256 bytes.

/// `tchar`: names of headers, methods, names in chunk extensions.
pub(super) const TOKEN: u8 = 1;
/// A path: `pchar` and the slash, the percent sign apart.
pub(super) const PATH: u8 = 1 << 1;
/// A query: as a path, and `?`, `[`, `]`.
pub(super) const QUERY: u8 = 1 << 2;
/// The name of a host, without percent signs.
pub(super) const HOST: u8 = 1 << 3;
/// Field content: all but control characters, and the tab.
pub(super) const TEXT: u8 = 1 << 4;

static CLASSES: [u8; 256] = classes();

/// Whether the byte is of one of these classes.
#[inline]
pub(super) fn is(byte: u8, class: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

/// Where the first byte stands that is not of this class.
#[inline]
pub(super) fn first_outside(bytes: &[u8], class: u8) -> Option<usize> {
    let count = count_of(bytes, class);
    (count < bytes.len()).then_some(count)
}

/// How many bytes of this class come first. Looked up four at a time.
#[inline]
pub(super) fn count_of(bytes: &[u8], class: u8) -> usize {
    let mut rest = bytes;
    while let Some((&[a, b, c, d], behind)) = rest.split_first_chunk() {
        let [a, b, c, d] = [a, b, c, d].map(|byte| CLASSES[byte as usize]);
        if a & b & c & d & class == 0 {
            break;
        }
        rest = behind;
    }
    while let Some((&byte, behind)) = rest.split_first()
        && is(byte, class)
    {
        rest = behind;
    }
    bytes.len() - rest.len()
}

/// How many bytes of [`TEXT`] come first: as `count_of`, eight at a time.
#[inline]
pub(super) fn count_text(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk() {
        let controls = below_or_delete(u64::from_le_bytes(*word), b' ');
        if controls == 0 {
            rest = behind;
            continue;
        }
        rest = &rest[controls.trailing_zeros() as usize / 8..];
        match rest {
            [b'\t', behind @ ..] => rest = behind,
            _ => return bytes.len() - rest.len(),
        }
    }
    bytes.len() - rest.len() + count_of(rest, TEXT)
}

/// How many bytes come first that are neither space nor control character, eight at a time.
#[inline]
pub(super) fn count_visible(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk() {
        let blanks = below_or_delete(u64::from_le_bytes(*word), b'!');
        if blanks != 0 {
            return bytes.len() - rest.len() + blanks.trailing_zeros() as usize / 8;
        }
        rest = behind;
    }
    let tail = rest.iter().take_while(|&&byte| byte >= b'!' && byte != 0x7f).count();
    bytes.len() - rest.len() + tail
}

/// The top bit of each byte that is below `least` or is DEL, up to the first such byte. Behind that
/// one there may be others: a borrow goes upwards only.
#[inline]
const fn below_or_delete(word: u64, least: u8) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    const TOPS: u64 = ONES * 0x80;
    let below = word.wrapping_sub(ONES * least as u64) & !word;
    let delete = word ^ (ONES * 0x7f);
    let delete = delete.wrapping_sub(ONES) & !delete;
    (below | delete) & TOPS
}

/// Whether a percent sign at `at` is followed by two hexadecimal digits.
pub(super) fn is_percent_encoded(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at + 1..at + 3), Some(digits) if digits.iter().all(u8::is_ascii_hexdigit))
}

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = byte as u8;
        if value.is_ascii_alphanumeric() {
            classes[byte] |= TOKEN | PATH | QUERY | HOST;
        }
        if value == b'\t' || (value >= b' ' && value != 0x7f) {
            classes[byte] |= TEXT;
        }
        byte += 1;
    }
    mark(&mut classes, b"!#$%&'*+-.^_`|~", TOKEN);
    // Unreserved characters and sub-delimiters.
    mark(&mut classes, b"-._~!$&'()*+,;=", PATH | QUERY | HOST);
    mark(&mut classes, b":@/", PATH | QUERY);
    // Brackets have no place in a query by RFC 3986, but are in every second one (`match[]=up`),
    // and mean nothing to the framing.
    mark(&mut classes, b"?[]", QUERY);
    classes
}

const fn mark(classes: &mut [u8; 256], bytes: &[u8], class: u8) {
    let mut at = 0;
    while at < bytes.len() {
        classes[bytes[at] as usize] |= class;
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_alike_in_words_and_one_by_one() {
        for before in 0..18 {
            for byte in 0..=255_u8 {
                for next in [b'a', b'\t', b'\r', 0, 0x7f, 0x80, 0xff, byte.wrapping_sub(1)] {
                    let mut bytes = vec![b'x'; before];
                    bytes.extend([byte, next, byte, b'y', b'y', b'y', b'y', b'y', b'\n']);
                    let naive = |is: fn(u8) -> bool| bytes.iter().take_while(|&&b| is(b)).count();
                    let text = naive(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
                    assert_eq!((count_text(&bytes), count_of(&bytes, TEXT)), (text, text));
                    let visible = naive(|byte| byte > b' ' && byte != 0x7f);
                    assert_eq!(count_visible(&bytes), visible, "{bytes:?}");
                }
            }
        }
    }
}
