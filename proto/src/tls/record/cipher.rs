//! The ciphers that seal records, of either library.
//!
//! Invariant: a key is used for one direction of one connection, and the caller gives no nonce
//! twice. Cost: one call of the library a record; nothing is allocated, nothing copied.

use rustls::ConnectionTrafficSecrets as Secrets;

use crate::tls::{Provider, TlsError, TlsErrorKind};

/// Bytes of the tag behind what is sealed, for all ciphers.
pub(super) const TAG_BYTES: usize = 16;

/// Bytes of a nonce, for all ciphers.
pub(super) const NONCE_BYTES: usize = 12;

/// Records that one AES-GCM key may seal: 2^24 of full size leave an attacker a chance of 2^-60.
const AES_GCM_RECORDS_MAX: u64 = 1 << 24;

/// The ciphers of a library: `ring`, and what has its shape.
macro_rules! library {
    ($library:ident, $($feature:tt)*) => {
        #[cfg($($feature)*)]
        mod $library {
            use $library::aead::{
                AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
            };

            use super::{Algorithm, NONCE_BYTES, TAG_BYTES};

            pub(super) struct Cipher(LessSafeKey);

            impl Cipher {
                pub(super) fn new(algorithm: Algorithm, key: &[u8]) -> Option<Self> {
                    let algorithm = match algorithm {
                        Algorithm::Aes128Gcm => &AES_128_GCM,
                        Algorithm::Aes256Gcm => &AES_256_GCM,
                        Algorithm::ChaCha20Poly1305 => &CHACHA20_POLY1305,
                    };
                    UnboundKey::new(algorithm, key).ok().map(|key| Self(LessSafeKey::new(key)))
                }

                #[inline]
                pub(super) fn open(
                    &self,
                    nonce: [u8; NONCE_BYTES],
                    aad: &[u8],
                    bytes: &mut [u8],
                ) -> Option<usize> {
                    let nonce = Nonce::assume_unique_for_key(nonce);
                    let plain = self.0.open_in_place(nonce, Aad::from(aad), bytes);
                    plain.ok().map(|plain| plain.len())
                }

                #[inline]
                pub(super) fn seal(
                    &self,
                    nonce: [u8; NONCE_BYTES],
                    aad: &[u8],
                    bytes: &mut [u8],
                ) -> Option<[u8; TAG_BYTES]> {
                    let nonce = Nonce::assume_unique_for_key(nonce);
                    let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), bytes);
                    tag.ok().and_then(|tag| tag.as_ref().try_into().ok())
                }
            }
        }
    };
}

library!(aws_lc_rs, feature = "aws-lc-rs");
library!(ring, feature = "ring");

/// Which cipher the handshake agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
}

#[allow(clippy::large_enum_variant, reason = "a connection keeps its keys where it is itself")]
enum Cipher {
    #[cfg(feature = "ring")]
    Ring(ring::Cipher),
    #[cfg(feature = "aws-lc-rs")]
    AwsLcRs(aws_lc_rs::Cipher),
}

/// A key of one direction, and what its nonces are made of.
pub(super) struct Key {
    cipher: Cipher,
    algorithm: Algorithm,
    iv: [u8; NONCE_BYTES],
}

impl Key {
    pub(super) fn new(provider: Provider, secrets: &Secrets) -> Result<Self, TlsError> {
        let (algorithm, key, iv) = match secrets {
            Secrets::Aes128Gcm { key, iv } => (Algorithm::Aes128Gcm, key, iv),
            Secrets::Aes256Gcm { key, iv } => (Algorithm::Aes256Gcm, key, iv),
            Secrets::Chacha20Poly1305 { key, iv } => (Algorithm::ChaCha20Poly1305, key, iv),
            _ => return Err(TlsError::new(TlsErrorKind::Local, "the cipher is not known here")),
        };
        let unfit = || TlsError::new(TlsErrorKind::Local, "the key does not fit its cipher");
        let cipher = match provider {
            #[cfg(feature = "ring")]
            Provider::Ring => ring::Cipher::new(algorithm, key.as_ref()).map(Cipher::Ring),
            #[cfg(feature = "aws-lc-rs")]
            Provider::AwsLcRs => {
                aws_lc_rs::Cipher::new(algorithm, key.as_ref()).map(Cipher::AwsLcRs)
            }
        };
        let iv = iv.as_ref().try_into().map_err(|_| unfit())?;
        Ok(Self { cipher: cipher.ok_or_else(unfit)?, algorithm, iv })
    }

    /// How many records this key may seal.
    pub(super) fn records_max(&self) -> u64 {
        match self.algorithm {
            Algorithm::Aes128Gcm | Algorithm::Aes256Gcm => AES_GCM_RECORDS_MAX,
            Algorithm::ChaCha20Poly1305 => u64::MAX,
        }
    }

    /// Whether TLS 1.2 sends a part of the nonce with each record.
    pub(super) fn has_explicit_nonce(&self) -> bool {
        self.algorithm != Algorithm::ChaCha20Poly1305
    }

    /// The nonce of a record by its number.
    #[inline]
    pub(super) fn nonce(&self, sequence: u64) -> [u8; NONCE_BYTES] {
        let mut nonce = self.iv;
        let numbered = nonce[4..].iter_mut().zip(sequence.to_be_bytes());
        numbered.for_each(|(byte, number)| *byte ^= number);
        nonce
    }

    /// The nonce of a record that brings the rest of it along.
    #[inline]
    pub(super) fn nonce_with(&self, explicit: [u8; 8]) -> [u8; NONCE_BYTES] {
        let mut nonce = self.iv;
        nonce[4..].copy_from_slice(&explicit);
        nonce
    }

    /// Opens in place what ends in its tag; how many bytes of it are left, or nothing where it was
    /// changed on the way.
    #[inline]
    pub(super) fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        bytes: &mut [u8],
    ) -> Option<usize> {
        match &self.cipher {
            #[cfg(feature = "ring")]
            Cipher::Ring(cipher) => cipher.open(nonce, aad, bytes),
            #[cfg(feature = "aws-lc-rs")]
            Cipher::AwsLcRs(cipher) => cipher.open(nonce, aad, bytes),
        }
    }

    /// Seals in place and gives the tag that belongs behind it.
    #[inline]
    pub(super) fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        bytes: &mut [u8],
    ) -> Option<[u8; TAG_BYTES]> {
        match &self.cipher {
            #[cfg(feature = "ring")]
            Cipher::Ring(cipher) => cipher.seal(nonce, aad, bytes),
            #[cfg(feature = "aws-lc-rs")]
            Cipher::AwsLcRs(cipher) => cipher.seal(nonce, aad, bytes),
        }
    }
}

impl std::fmt::Debug for Key {
    /// Never shows the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?})", self.algorithm)
    }
}
