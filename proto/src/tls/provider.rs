//! Which library of ciphers is used, and which groups keys are exchanged in.

use std::sync::Arc;

use rustls::NamedGroup;
use rustls::crypto::CryptoProvider;

use super::TlsError;

/// A library of ciphers. Which there are is a matter of this crate's features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Provider {
    /// `ring`: builds fast.
    #[cfg(feature = "ring")]
    Ring,
    /// `aws-lc-rs`: shorter handshakes, and key exchange that withstands quantum computers.
    #[cfg(feature = "aws-lc-rs")]
    AwsLcRs,
}

impl Default for Provider {
    /// The one that there is; `ring` where there are both.
    fn default() -> Self {
        #[cfg(feature = "ring")]
        return Self::Ring;
        #[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
        return Self::AwsLcRs;
    }
}

/// A group in which the two ends agree on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyExchangeGroup {
    /// Curve25519: the fastest.
    X25519,
    /// NIST's P-256.
    Secp256r1,
    /// NIST's P-384.
    Secp384r1,
    /// Curve25519 together with ML-KEM-768, for `aws-lc-rs`: withstands quantum computers. Its
    /// greeting is longer by 1.2 KB, which may take a second segment.
    X25519MlKem768,
}

impl KeyExchangeGroup {
    fn name(self) -> NamedGroup {
        match self {
            Self::X25519 => NamedGroup::X25519,
            Self::Secp256r1 => NamedGroup::secp256r1,
            Self::Secp384r1 => NamedGroup::secp384r1,
            Self::X25519MlKem768 => NamedGroup::X25519MLKEM768,
        }
    }
}

impl Provider {
    /// What rustls needs of it; `groups` in the order of preference, all where none is named.
    pub(crate) fn for_rustls(
        self,
        groups: &[KeyExchangeGroup],
    ) -> Result<Arc<CryptoProvider>, TlsError> {
        let (mut provider, all_groups) = match self {
            #[cfg(feature = "ring")]
            Self::Ring => {
                (rustls::crypto::ring::default_provider(), rustls::crypto::ring::ALL_KX_GROUPS)
            }
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLcRs => (
                rustls::crypto::aws_lc_rs::default_provider(),
                rustls::crypto::aws_lc_rs::ALL_KX_GROUPS,
            ),
        };
        if groups.is_empty() {
            return Ok(Arc::new(provider));
        }
        provider.kx_groups.clear();
        for group in groups {
            let found = all_groups.iter().find(|known| known.name() == group.name());
            let missing = || {
                TlsError::configuration(
                    "key_exchange_groups",
                    format!("{self:?} has no {group:?}; leave it out, or use another provider"),
                )
            };
            provider.kx_groups.push(*found.ok_or_else(missing)?);
        }
        Ok(Arc::new(provider))
    }
}
