//! The tokens and lists of a handshake's headers, which both sides read alike.

use super::violation::HandshakeViolation;
use crate::http::wire::{check_header_name, list};

/// How many bytes of a token come first (RFC 9110 section 5.6.2, which the names of headers are).
pub(super) fn token_bytes(bytes: &[u8]) -> usize {
    match check_header_name(bytes) {
        Ok(()) => bytes.len(),
        Err(error) => error.offset,
    }
}

pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && token_bytes(text) == text.len()
}

/// Whether one of these lists has this member, in whatever case.
pub(super) fn has_member<'a>(mut values: impl Iterator<Item = &'a [u8]>, wanted: &str) -> bool {
    values.any(|value| list(value).any(|member| member.eq_ignore_ascii_case(wanted.as_bytes())))
}

/// The one value of a header that may not stand there twice; nothing where it does not at all.
pub(super) fn single<'a>(
    mut values: impl Iterator<Item = &'a [u8]>,
    repeated: HandshakeViolation,
) -> Result<Option<&'a [u8]>, HandshakeViolation> {
    let first = values.next();
    match values.next() {
        None => Ok(first),
        Some(_) => Err(repeated),
    }
}

/// The subprotocols that a client offers, by preference: tokens that differ (RFC 6455 section 4.1).
pub(super) fn subprotocols<'a>(
    values: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<&'a str>, HandshakeViolation> {
    let mut names = Vec::new();
    for value in values {
        let before = names.len();
        for name in list(value) {
            let name = str::from_utf8(name).ok().filter(|name| is_token(name.as_bytes()));
            let name = name.ok_or(HandshakeViolation::SUBPROTOCOLS_INVALID)?;
            if names.contains(&name) {
                return Err(HandshakeViolation::SUBPROTOCOL_REPEATED);
            }
            names.push(name);
        }
        if names.len() == before {
            return Err(HandshakeViolation::SUBPROTOCOLS_INVALID);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_at_the_first_byte_that_it_can_not_have() {
        for (text, bytes) in [("", 0), ("abc", 3), ("a b", 1), (";", 0), ("a=\u{e9}", 1)] {
            assert_eq!(token_bytes(text.as_bytes()), bytes, "{text:?}");
            assert_eq!(is_token(text.as_bytes()), bytes > 0 && bytes == text.len());
        }
    }

    #[test]
    fn subprotocols_are_tokens_that_differ() {
        let read = |values: &[&'static str]| subprotocols(values.iter().map(|it| it.as_bytes()));
        assert_eq!(read(&["v2.venue, v1", "V1"]).unwrap(), ["v2.venue", "v1", "V1"]);
        assert!(read(&[]).unwrap().is_empty());
        for wrong in
            [&["a, a"][..], &["a", "a"], &[""], &["a", ""], &["a b"], &["a;b"], &["\u{e9}"]]
        {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
