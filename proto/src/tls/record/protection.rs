//! One direction of a connection: records by number, under one key.
//!
//! | | header | before | sealed | authenticated besides |
//! |---|---|---|---|---|
//! | TLS 1.3 | 5 bytes, always application data | | plaintext, its kind, zeros | the header |
//! | TLS 1.2, AES-GCM | 5 bytes | 8 bytes of nonce | plaintext | number, kind, version, length |
//! | TLS 1.2, ChaCha20 | 5 bytes | | plaintext | number, kind, version, length |
//!
//! Invariant: each number is used once under a key. A record that does not open leaves the number
//! where it was, and its bytes worthless: the connection ends there.

use std::ops::Range;

use super::cipher::{Key, TAG_BYTES};
use super::fatal::{Fatal, alert, content};
use crate::tls::{TlsError, TlsErrorKind, TlsVersion};

/// Bytes in front of every record: kind, version, length.
pub const RECORD_HEADER_BYTES: usize = 5;

/// The most plaintext of a record, in bytes.
pub const RECORD_PLAINTEXT_BYTES_MAX: usize = 1 << 14;

/// Version of every record after the handshake, also with TLS 1.3.
const VERSION: [u8; 2] = [3, 3];

/// Bytes of the nonce that TLS 1.2 sends with each record of AES-GCM.
const EXPLICIT_NONCE_BYTES: usize = 8;

/// Seals or opens the records of one direction.
#[derive(Debug)]
pub(super) struct Protection {
    version: TlsVersion,
    key: Key,
    /// The number of the next record.
    sequence: u64,
    /// How many records the key may seal.
    pub(super) records_max: u64,
}

impl Protection {
    pub(super) fn new(version: TlsVersion, key: Key, sequence: u64) -> Self {
        let records_max = key.records_max();
        Self { version, key, sequence, records_max }
    }

    /// Replaces the key by the next one; numbers begin again.
    pub(super) fn rekey(&mut self, key: Key, sequence: u64) {
        (self.key, self.sequence) = (key, sequence);
    }

    /// Whether only one more record may be sealed under this key.
    #[inline]
    pub(super) fn is_worn_out(&self) -> bool {
        self.sequence.saturating_add(1) >= self.records_max
    }

    /// Length of the record that begins here, with its header, once that is known.
    #[inline]
    pub(super) fn record_bytes(&self, received: &[u8]) -> Result<Option<usize>, Fatal> {
        let &[kind, major, minor, high, low, ..] = received else { return Ok(None) };
        let payload = usize::from(u16::from_be_bytes([high, low]));
        let expansion_max = match self.version {
            TlsVersion::Tls13 if kind != content::APPLICATION_DATA => {
                return Err(Fatal::unexpected("a record in the clear after the handshake"));
            }
            TlsVersion::Tls13 => 256,
            TlsVersion::Tls12 => 2048,
        };
        if [major, minor] != VERSION {
            return Err(Fatal::peer(alert::PROTOCOL_VERSION, "a record of another version"));
        }
        if payload > RECORD_PLAINTEXT_BYTES_MAX + expansion_max {
            return Err(Fatal::peer(alert::RECORD_OVERFLOW, "a record longer than allowed"));
        }
        Ok(Some(RECORD_HEADER_BYTES + payload))
    }

    /// Opens a whole record in place: its kind, and where in it the plaintext lies.
    #[inline]
    pub(super) fn open(&mut self, record: &mut [u8]) -> Result<(u8, Range<usize>), Fatal> {
        let (header, payload) = record
            .split_first_chunk_mut::<RECORD_HEADER_BYTES>()
            .expect("a whole record has its header");
        let sequence = self.sequence;
        let next = sequence.checked_add(1).ok_or_else(|| {
            Fatal::from(TlsError::new(TlsErrorKind::Local, "no numbers are left for records"))
        })?;
        let altered = || Fatal::peer(alert::BAD_RECORD_MAC, "a record was changed on the way");
        let (kind, range) = match self.version {
            TlsVersion::Tls13 => {
                let nonce = self.key.nonce(sequence);
                let inner = self.key.open(nonce, header, payload).ok_or_else(altered)?;
                let kind = payload[..inner].iter().rposition(|&byte| byte != 0);
                let end = kind.ok_or_else(|| Fatal::unexpected("a record without a kind"))?;
                // Zeros behind the kind are padding, which counts towards the limit.
                if inner > RECORD_PLAINTEXT_BYTES_MAX + 1 {
                    return Err(overflow());
                }
                (payload[end], 0..end)
            }
            TlsVersion::Tls12 => {
                let (nonce, start) = match self.key.has_explicit_nonce() {
                    true => {
                        let nonce = payload.first_chunk().ok_or_else(altered)?;
                        (self.key.nonce_with(*nonce), EXPLICIT_NONCE_BYTES)
                    }
                    false => (self.key.nonce(sequence), 0),
                };
                let plain = payload.len().checked_sub(start + TAG_BYTES).ok_or_else(altered)?;
                let aad = additional_data_12(sequence, header[0], plain);
                let sealed = &mut payload[start..];
                let plain = self.key.open(nonce, &aad, sealed).ok_or_else(altered)?;
                if plain > RECORD_PLAINTEXT_BYTES_MAX {
                    return Err(overflow());
                }
                (header[0], start..start + plain)
            }
        };
        self.sequence = next;
        Ok((kind, RECORD_HEADER_BYTES + range.start..RECORD_HEADER_BYTES + range.end))
    }

    /// Begins a record: what stands in front of its plaintext, which is then appended.
    #[inline]
    pub(super) fn begin(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&[0; RECORD_HEADER_BYTES]);
        if self.sends_nonce() {
            to.extend_from_slice(&self.key.nonce(self.sequence)[4..]);
        }
    }

    /// How many bytes stand in front of the plaintext.
    #[inline]
    pub(super) fn bytes_before(&self) -> usize {
        RECORD_HEADER_BYTES + if self.sends_nonce() { EXPLICIT_NONCE_BYTES } else { 0 }
    }

    /// As [`begin`](Self::begin), in front of plaintext that is there: `to` is
    /// [`bytes_before`](Self::bytes_before) it.
    #[inline]
    pub(super) fn begin_before(&self, to: &mut [u8]) {
        if self.sends_nonce() {
            to[RECORD_HEADER_BYTES..].copy_from_slice(&self.key.nonce(self.sequence)[4..]);
        }
    }

    /// Seals the record that begins at `start`, whose plaintext of this kind was appended.
    #[inline]
    pub(super) fn finish(&mut self, kind: u8, to: &mut Vec<u8>, start: usize) {
        let sealed = start + self.bytes_before();
        let plain = to.len() - sealed;
        let outer = match self.version {
            TlsVersion::Tls13 => {
                to.push(kind);
                content::APPLICATION_DATA
            }
            TlsVersion::Tls12 => kind,
        };
        let payload = to.len() + TAG_BYTES - start - RECORD_HEADER_BYTES;
        // Fits: plaintext of at most 2^14 bytes and what belongs to it.
        let [high, low] = (payload as u16).to_be_bytes();
        let header = [outer, VERSION[0], VERSION[1], high, low];
        to[start..start + RECORD_HEADER_BYTES].copy_from_slice(&header);
        let nonce = self.key.nonce(self.sequence);
        let tag = match self.version {
            TlsVersion::Tls13 => self.key.seal(nonce, &header, &mut to[sealed..]),
            TlsVersion::Tls12 => {
                let aad = additional_data_12(self.sequence, kind, plain);
                self.key.seal(nonce, &aad, &mut to[sealed..])
            }
        };
        to.extend_from_slice(&tag.expect("a record is shorter than what a cipher can seal"));
        self.sequence += 1;
    }

    fn sends_nonce(&self) -> bool {
        self.version == TlsVersion::Tls12 && self.key.has_explicit_nonce()
    }
}

fn overflow() -> Fatal {
    Fatal::peer(alert::RECORD_OVERFLOW, "a record with more plaintext than allowed")
}

/// What TLS 1.2 authenticates beside the plaintext.
fn additional_data_12(sequence: u64, kind: u8, plain_bytes: usize) -> [u8; 13] {
    let mut data = [0; 13];
    data[..8].copy_from_slice(&sequence.to_be_bytes());
    data[8] = kind;
    data[9..11].copy_from_slice(&VERSION);
    // Fits: the length of a record does.
    data[11..].copy_from_slice(&(plain_bytes as u16).to_be_bytes());
    data
}
