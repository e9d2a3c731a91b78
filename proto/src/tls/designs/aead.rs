//! The cipher alone: what no design can be faster than.

use rustls::ConnectionTrafficSecrets;
use rustls::crypto::cipher::{AeadKey, Iv};

use crate::tls::record::{BareKey, RECORD_HEADER_BYTES};
use crate::tls::{Provider, TlsError, TlsErrorKind};

/// AES-256-GCM, which both ends of a connection with TLS 1.3 prefer, under one key for both
/// directions.
#[derive(Debug)]
pub struct Aead {
    key: BareKey,
    sealed: u64,
}

impl Aead {
    /// Bytes of the tag behind what is sealed.
    pub const TAG_BYTES: usize = BareKey::TAG_BYTES;

    /// With a key of zeros: what it costs is the same for all.
    ///
    /// # Errors
    ///
    /// Where the library refuses the key.
    pub fn new(provider: Provider) -> Result<Self, TlsError> {
        let secrets = ConnectionTrafficSecrets::Aes256Gcm {
            key: AeadKey::from([0; 32]),
            iv: Iv::new([0; 12]),
        };
        Ok(Self { key: BareKey::new(provider, &secrets)?, sealed: 0 })
    }

    /// Seals a record in place: its header, its data, and room for the tag. Gives its number, by
    /// which it is opened.
    ///
    /// # Errors
    ///
    /// Where it is no record, or too long for the cipher.
    pub fn seal(&mut self, record: &mut [u8]) -> Result<u64, TlsError> {
        let number = self.sealed;
        let sealed = record.split_at_mut_checked(RECORD_HEADER_BYTES).and_then(|(head, rest)| {
            let data = rest.len().checked_sub(Self::TAG_BYTES)?;
            let (data, room) = rest.split_at_mut(data);
            room.copy_from_slice(&self.key.seal(number, head, data)?);
            Some(())
        });
        sealed.ok_or_else(|| TlsError::new(TlsErrorKind::Local, "it can't be sealed"))?;
        self.sealed += 1;
        Ok(number)
    }

    /// Opens the record with that number in place; how many bytes of data are behind its header.
    ///
    /// # Errors
    ///
    /// Where it is not what was sealed under that number.
    pub fn open(&self, number: u64, record: &mut [u8]) -> Result<usize, TlsError> {
        let opened = record
            .split_at_mut_checked(RECORD_HEADER_BYTES)
            .and_then(|(head, rest)| self.key.open(number, head, rest));
        opened.ok_or_else(|| TlsError::new(TlsErrorKind::Local, "it was changed on the way"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_its_number_and_unchanged_only() {
        let mut aead = Aead::new(Provider::default()).unwrap();
        let mut record = vec![7; RECORD_HEADER_BYTES + 100 + Aead::TAG_BYTES];
        assert_eq!(aead.seal(&mut record.clone()).unwrap(), 0);
        let number = aead.seal(&mut record).unwrap();
        assert_ne!(record[RECORD_HEADER_BYTES], 7);
        for place in [0, RECORD_HEADER_BYTES, record.len() - 1] {
            let mut changed = record.clone();
            changed[place] ^= 1;
            assert!(aead.open(number, &mut changed).is_err(), "{place}");
        }
        assert!(aead.open(0, &mut record.clone()).is_err());
        assert_eq!(aead.open(number, &mut record).unwrap(), 100);
        assert_eq!(record[RECORD_HEADER_BYTES..][..100], [7; 100]);
        assert!(aead.seal(&mut [0; RECORD_HEADER_BYTES + 3]).is_err());
        assert!(aead.seal(&mut [0; 2]).is_err());
    }
}
