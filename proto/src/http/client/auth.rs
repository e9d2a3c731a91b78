//! The values of `Authorization` and `Proxy-Authorization`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

/// Basic (RFC 7617). The value is marked as sensitive, so that it is not shown.
pub(super) fn basic(user: &str, password: &str) -> Result<HeaderValue, &'static str> {
    if user.contains(':') {
        return Err("a user of basic authentication can't have a colon in the name");
    }
    if user.chars().chain(password.chars()).any(char::is_control) {
        return Err("a user and a password can't have control characters");
    }
    let mut value = "Basic ".to_owned();
    STANDARD.encode_string(format!("{user}:{password}"), &mut value);
    sensitive(&value)
}

/// Bearer (RFC 6750).
pub(super) fn bearer(token: &str) -> Result<HeaderValue, &'static str> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    if token.is_empty() || !token.chars().all(is_token) {
        return Err("a bearer token has letters, digits and -._~+/= only");
    }
    sensitive(&format!("Bearer {token}"))
}

fn sensitive(text: &str) -> Result<HeaderValue, &'static str> {
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| "the credentials can't stand in a header")?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_those_of_the_rfcs() {
        // The example of RFC 7617 section 2.
        let value = basic("Aladdin", "open sesame").unwrap();
        assert_eq!(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(value.is_sensitive());
        assert_eq!(bearer("mF_9.B5f-4.1JqM").unwrap(), "Bearer mF_9.B5f-4.1JqM");
    }

    #[test]
    fn what_would_start_another_line_is_refused() {
        for (user, password) in [("a:b", "c"), ("a\r\nX: y", "c"), ("a", "b\0")] {
            assert!(basic(user, password).is_err());
        }
        for token in ["", "a\r\nX: y", "a b", "a\0"] {
            assert!(bearer(token).is_err());
        }
    }
}
