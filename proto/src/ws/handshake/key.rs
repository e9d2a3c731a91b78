//! The key of a handshake and the answer that proves that it was read (RFC 6455 section 4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// What is hashed behind the key: nobody who does not speak WebSocket does that.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A fresh key: 16 random bytes, as base64.
pub(super) fn fresh_key() -> String {
    STANDARD.encode(taut_runtime::secure_random_bytes::<16>())
}

/// Whether it is base64 of 16 bytes, written in the one way there is.
pub(super) fn is_key(text: &[u8]) -> bool {
    let mut bytes = [0; 18];
    text.len() == 24 && matches!(STANDARD.decode_slice(text, &mut bytes), Ok(16))
}

/// What `Sec-WebSocket-Accept` has to be for a key.
pub(super) fn accept_of(key: &[u8]) -> String {
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    STANDARD.encode(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_key_of_the_rfc_has_its_answer() {
        assert_eq!(accept_of(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn keys_are_sixteen_bytes_and_never_the_same() {
        let keys = taut_runtime::run(async { (fresh_key(), fresh_key()) });
        let (one, other) = keys.unwrap();
        assert!(is_key(one.as_bytes()) && is_key(other.as_bytes()));
        assert_ne!(one, other);
    }

    #[test]
    fn what_is_not_base64_of_sixteen_bytes_is_no_key() {
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        for wrong in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ",       // without its padding
            "dGhlIHNhbXBsZSBub25jZQ= ",     // with something else for it
            "dGhlIHNhbXBsZSBub25jZR==",     // with bits that are no byte's
            "dGhlIHNhbXBsZSBub25jZSE=",     // 17 bytes
            "dGhlIHNhbXBsZSBub25jZSEh",     // 18 bytes
            "dGhlIHNhbXBsZSBub24=",         // 14 bytes
            "dGhlIHNhbXBsZSBub25j_-==",     // of another alphabet
            "dGhlIHNhbXBsZSBub25jZQ==AAAA", // something behind it
        ] {
            assert!(!is_key(wrong.as_bytes()), "{wrong:?}");
        }
    }
}
