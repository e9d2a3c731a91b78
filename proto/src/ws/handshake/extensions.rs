//! Lists of extensions with their parameters, `Sec-WebSocket-Extensions` (RFC 6455 section 9.1).
//!
//! Read strictly: what is no such list is refused as a whole, never in part. What stands twice is
//! there twice: which repetition is wrong is the extension's to say.

use std::fmt;

use super::tokens::token_bytes;
use super::violation::HandshakeViolation;

/// An extension that a peer offers or has agreed to, such as
/// `permessage-deflate; server_max_window_bits=12`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    name: String,
    parameters: Vec<(String, Option<String>)>,
}

impl Extension {
    /// Its name, as it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names and values of its parameters, in their order, repeated ones as often as they stand
    /// there.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.parameters.iter().map(|(name, value)| (&**name, value.as_deref()))
    }
}

impl fmt::Display for Extension {
    /// As it stands in the header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (name, value) in &self.parameters {
            write!(f, "; {name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

/// All extensions of these headers, in their order.
pub(crate) fn read<'a>(
    values: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<Extension>, HandshakeViolation> {
    let mut extensions = Vec::new();
    for value in values {
        let before = extensions.len();
        read_list(value, &mut extensions).ok_or(HandshakeViolation::EXTENSIONS_INVALID)?;
        if extensions.len() == before {
            return Err(HandshakeViolation::EXTENSIONS_INVALID);
        }
    }
    Ok(extensions)
}

/// Nothing where it is no list. Empty members are passed over (RFC 9110 section 5.6.1.2).
fn read_list(value: &[u8], extensions: &mut Vec<Extension>) -> Option<()> {
    let mut rest = Rest(value);
    loop {
        while rest.takes(b',') {}
        if rest.is_at_end() {
            return Some(());
        }
        let name = rest.token()?;
        let mut parameters = Vec::new();
        while rest.takes(b';') {
            let name = rest.token()?;
            let value = if rest.takes(b'=') { Some(rest.value()?) } else { None };
            parameters.push((name, value));
        }
        extensions.push(Extension { name, parameters });
        if !rest.is_at_end() && !rest.takes(b',') {
            return None;
        }
    }
}

/// What is left of a header, to be taken from its front. White space may stand between its parts.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn skip_white_space(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    fn is_at_end(&mut self) -> bool {
        self.skip_white_space();
        self.0.is_empty()
    }

    /// Whether this byte came next, which then is taken.
    fn takes(&mut self, byte: u8) -> bool {
        self.skip_white_space();
        let Some(rest) = self.0.strip_prefix(&[byte]) else { return false };
        self.0 = rest;
        true
    }

    fn token(&mut self) -> Option<String> {
        self.skip_white_space();
        let (token, rest) = self.0.split_at(token_bytes(self.0));
        self.0 = rest;
        let token = str::from_utf8(token).ok()?;
        (!token.is_empty()).then(|| token.to_owned())
    }

    /// A token, as it is or in quotes.
    fn value(&mut self) -> Option<String> {
        self.skip_white_space();
        let Some((b'"', mut rest)) = self.0.split_first() else { return self.token() };
        let mut value = String::new();
        loop {
            let (&byte, behind) = rest.split_first()?;
            rest = behind;
            let byte = match byte {
                b'"' => break,
                b'\\' => {
                    let (&escaped, behind) = rest.split_first()?;
                    rest = behind;
                    escaped
                }
                byte => byte,
            };
            // Only what could stand there without quotes, too.
            if token_bytes(&[byte]) == 0 {
                return None;
            }
            value.push(byte.into());
        }
        self.0 = rest;
        (!value.is_empty()).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &str) -> Option<String> {
        let extensions = read([value.as_bytes()].into_iter()).ok()?;
        Some(extensions.iter().map(Extension::to_string).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn lists_are_read_with_their_parameters() {
        for (value, expected) in [
            ("foo", "foo"),
            ("foo, bar; baz=2", "foo, bar; baz=2"),
            ("deflate-stream", "deflate-stream"),
            (
                "mux; max-channels=4; flow-control, deflate",
                "mux; max-channels=4; flow-control, deflate",
            ),
            ("a;b;b=1;b=1", "a; b; b=1; b=1"),
            (" a\t;\tb = 1 ,, a ", "a; b=1, a"),
            (",a,", "a"),
            (r#"a; b="10""#, "a; b=10"),
            (r#"a; b="1\0\"""#, ""),
            (r#"a; b="1\0"; c"#, "a; b=10; c"),
        ] {
            let expected = (!expected.is_empty()).then(|| expected.to_owned());
            assert_eq!(written(value), expected, "{value}");
        }
    }

    #[test]
    fn what_is_no_list_is_refused_whole() {
        for value in [
            "",
            " ",
            ",",
            ", ,",
            ";",
            "a;",
            "a;;b",
            "a; =1",
            "a; b=",
            "a; b=,c",
            "a b",
            "a; b c",
            "a; b=1 2",
            "a; b=\"",
            "a; b=\"1",
            "a; b=\"1\\",
            "a; b=\"\"",
            "a; b=\"1 2\"",
            "a; b=\"1,2\"",
            "a; b=\"1\"2",
            "a=1",
            "a/b",
            "a; b==1",
            "\"a\"",
            "a; \"b\"",
            "a\u{e9}",
            "a; b=\u{e9}",
            "a; b=\"\u{e9}\"",
            "good, b@d",
        ] {
            assert_eq!(written(value), None, "{value:?}");
        }
    }

    #[test]
    fn several_headers_are_one_list_and_each_has_to_be_one() {
        let read_all = |values: &[&'static [u8]]| read(values.iter().copied());
        let extensions = read_all(&[b"a; x", b"b", b"a; y"]).unwrap();
        let names: Vec<_> = extensions.iter().map(Extension::name).collect();
        assert_eq!(names, ["a", "b", "a"]);
        assert_eq!(extensions[2].parameters().collect::<Vec<_>>(), [("y", None)]);
        assert!(read_all(&[]).unwrap().is_empty());
        assert!(read_all(&[b"a", b""]).is_err());
    }

    #[test]
    fn what_was_written_is_read_as_it_was() {
        for value in ["a", "a; b; c=1", "a; b=1, c, c; d=x-y"] {
            assert_eq!(written(value).as_deref(), Some(value));
            assert_eq!(written(&written(value).unwrap()).as_deref(), Some(value));
        }
    }
}
