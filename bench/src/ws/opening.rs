//! The opening handshake of the raw client and of the servers that serve it alone.
//!
//! The key is the one of RFC 6455 section 1.3, so that the answer to it is a constant too. A server
//! of another library is asked with the same bytes, and derives the answer itself.

use sha1::{Digest, Sha1};

/// What the client asks with.
const REQUEST: &[u8] = b"GET /echo HTTP/1.1\r\nHost: 127.0.0.1\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// What the servers of ours answer.
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// What is asked for, and agreed on, where messages are compressed: each stands alone.
const EXTENSION: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
/// What proves that the request was read.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// What a server puts behind the key before it hashes it (RFC 6455 section 1.3).
const APPENDIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const END: &[u8] = b"\r\n\r\n";

/// What the client asks with, for messages that are compressed or not.
pub(crate) fn request(is_compressed: bool) -> Vec<u8> {
    with_extension(REQUEST, is_compressed)
}

/// What a raw server answers to such a request, and whether it asks for compression.
pub(crate) fn answer(request: &[u8]) -> (Vec<u8>, bool) {
    let asks = request.windows(EXTENSION.len()).any(|bytes| bytes == EXTENSION.as_bytes());
    (with_extension(ANSWER, asks), asks)
}

fn with_extension(head: &[u8], is_compressed: bool) -> Vec<u8> {
    let mut bytes = head.to_vec();
    if is_compressed {
        bytes.truncate(head.len() - 2);
        bytes.extend(format!("Sec-WebSocket-Extensions: {EXTENSION}\r\n\r\n").bytes());
    }
    bytes
}

/// Bytes of the head that `received` begins with; nothing where it is not all there.
pub(crate) fn head_bytes(received: &[u8]) -> Option<usize> {
    let end = received.windows(END.len()).position(|four| four == END)?;
    Some(end + END.len())
}

/// Whether this head is the answer to [`request`].
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn check_answer(head: &[u8], is_compressed: bool) -> Result<(), String> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    if !first.starts_with("HTTP/1.1 101") {
        return Err(format!("it refused the upgrade to WebSocket: {first:?}"));
    }
    let fields = || lines.clone().filter_map(|line| line.split_once(':'));
    let field = |name: &str| {
        fields().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    match (field("sec-websocket-accept"), field("sec-websocket-extensions")) {
        (Some(ACCEPT), None) if !is_compressed => Ok(()),
        (Some(ACCEPT), Some(extensions)) if is_compressed && is_agreed(extensions) => Ok(()),
        (Some(ACCEPT), None) => Err("it does not compress".to_owned()),
        (Some(ACCEPT), Some(extensions)) => {
            Err(format!("its extensions {extensions:?} are not what it was offered"))
        }
        (accept, _) => Err(format!("it accepted with {accept:?}, not with {ACCEPT:?}")),
    }
}

/// Whether all of [`EXTENSION`] was agreed on, in whatever order.
fn is_agreed(extensions: &str) -> bool {
    let sorted = |list: &str| {
        let mut parts: Vec<String> = list.split(';').map(|part| part.trim().to_owned()).collect();
        parts.sort();
        parts
    };
    sorted(extensions) == sorted(EXTENSION)
}

/// The answer to a request with any key.
///
/// # Errors
///
/// Where it has none.
pub(crate) fn answer_to(head: &[u8]) -> Result<Vec<u8>, String> {
    let text = String::from_utf8_lossy(head);
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let key = fields.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    let (_, key) = key.ok_or_else(|| format!("no request for a WebSocket: {text:?}"))?;
    let digest = Sha1::digest(format!("{}{APPENDIX}", key.trim()));
    let answer = String::from_utf8_lossy(ANSWER).replace(ACCEPT, &base64(&digest));
    Ok(answer.into_bytes())
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let of = |place: usize| u32::from(three.get(place).copied().unwrap_or_default());
        let bits = of(0) << 16 | of(1) << 8 | of(2);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_an_empty_line_and_not_before() {
        for cut in 0..REQUEST.len() {
            assert_eq!(head_bytes(&REQUEST[..cut]), None, "{cut}");
        }
        let more = [REQUEST, &b"\x81\x80"[..]].concat();
        assert_eq!(head_bytes(&more), Some(REQUEST.len()));
    }

    #[test]
    fn the_answer_to_any_key_is_derived() {
        assert_eq!(answer_to(REQUEST).unwrap(), ANSWER);
        assert!(answer_to(b"GET / HTTP/1.1\r\n\r\n").unwrap_err().contains("GET /"));
        assert_eq!(
            ["", "f", "fo", "foo"].map(|text| base64(text.as_bytes())),
            ["", "Zg==", "Zm8=", "Zm9v"]
        );
    }

    #[test]
    fn only_the_answer_to_this_request_is_right() {
        assert_eq!(check_answer(ANSWER, false), Ok(()));
        let (compressed, asks) = answer(&request(true));
        assert!(asks);
        assert_eq!(check_answer(&compressed, true), Ok(()));
        assert_eq!(answer(&request(false)), (ANSWER.to_vec(), false));
        assert!(check_answer(ANSWER, true).is_err() && check_answer(&compressed, false).is_err());
        let text = String::from_utf8_lossy(ANSWER);
        let wrong = [
            text.replace("101", "200"),
            text.replace("s3pP", "S3pP"),
            text.replace("Sec-WebSocket-Accept", "Sec-Websocket-Other"),
            text.replace("Upgrade\r\n", "Upgrade\r\nSec-WebSocket-Extensions: x\r\n"),
        ];
        for answer in wrong {
            assert!(check_answer(answer.as_bytes(), false).is_err(), "{answer}");
        }
        let other_case = text.replace("Sec-WebSocket-Accept", "sec-websocket-accept");
        assert_eq!(check_answer(other_case.as_bytes(), false), Ok(()));
    }
}
