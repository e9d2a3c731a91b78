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
    bytes.iter().position(|&byte| !is(byte, class))
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
    // Brackets have no place in a query by RFC 3986, but are in every second one (`match[]=up`), and
    // mean nothing to the framing.
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
