//! A key without a connection around it, for measuring what the cipher alone costs.

use rustls::ConnectionTrafficSecrets;

use super::cipher::{Key, TAG_BYTES};
use crate::tls::{Provider, TlsError};

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct BareKey(Key);

impl BareKey {
    pub(crate) const TAG_BYTES: usize = TAG_BYTES;

    pub(crate) fn new(
        provider: Provider,
        secrets: &ConnectionTrafficSecrets,
    ) -> Result<Self, TlsError> {
        Key::new(provider, secrets).map(Self)
    }

    pub(crate) fn seal(&self, number: u64, aad: &[u8], data: &mut [u8]) -> Option<[u8; TAG_BYTES]> {
        self.0.seal(self.0.nonce(number), aad, data)
    }

    pub(crate) fn open(&self, number: u64, aad: &[u8], sealed: &mut [u8]) -> Option<usize> {
        self.0.open(self.0.nonce(number), aad, sealed)
    }
}
