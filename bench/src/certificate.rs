//! A certificate that is made when it is needed, and is its own authority.
//!
//! Nothing of it is in the tree and nothing expires. Other processes of the same user read it from
//! a file in memory, as they do with counts.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, memfd_create};

/// The name that it is for; it is for the loopback address as well.
pub(crate) const NAME: &str = "venue.test";
const ADDRESS: &str = "127.0.0.1";

/// A certificate with its key, both as DER.
pub(crate) struct Certificate {
    der: Vec<u8>,
    key: Vec<u8>,
}

impl Certificate {
    pub(crate) fn new() -> Result<Self, String> {
        let names = [NAME, ADDRESS].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names)
            .map_err(|error| format!("a certificate could not be made: {error}"))?;
        Ok(Self { der: made.cert.der().to_vec(), key: made.signing_key.serialize_der() })
    }

    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(crate) fn key(&self) -> Vec<u8> {
        self.key.clone()
    }

    /// Writes the certificate, without its key, to a file in memory; and the path at which another
    /// process finds it while the file is open.
    pub(crate) fn publish(&self) -> Result<(File, PathBuf), String> {
        let problem = |error: std::io::Error| format!("the certificate can't be shown: {error}");
        let file = memfd_create("taut-bench certificate", MemfdFlags::CLOEXEC);
        let mut file = File::from(file.map_err(|error| problem(error.into()))?);
        file.write_all(&self.der).map_err(problem)?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into();
        Ok((file, path))
    }
}

impl std::fmt::Debug for Certificate {
    /// Never shows the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({} B)", self.der.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_reader_finds_the_certificate_and_not_its_key() {
        let certificate = Certificate::new().unwrap();
        let (file, path) = certificate.publish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), certificate.der());
        drop(file);
        assert!(std::fs::read(path).is_err());
        assert_eq!(format!("{certificate:?}"), format!("Certificate({} B)", certificate.der.len()));
    }
}
