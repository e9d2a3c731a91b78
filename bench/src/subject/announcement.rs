//! The one line by which a subject says that it is ready.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::harness::environment::FeatureRow;
use crate::transport::Address;

/// What a subject tells of itself; which of the first two it tells depends on its role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Announcement {
    /// Where an `echo` server listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) listening: Option<Address>,
    /// The file of the certificate, as DER, that a server of TLS shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<PathBuf>,
    /// The works that a `micro` subject offers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) works: Vec<String>,
    pub(crate) version: String,
    pub(crate) settings: String,
    /// What the host granted; only subjects of ours tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) features: Vec<FeatureRow>,
}

impl Announcement {
    /// Prints the line; an error means that whoever started this program is gone.
    pub(crate) fn print(&self) -> Result<(), String> {
        use std::io::Write as _;
        let problem =
            |error: &dyn std::fmt::Display| format!("it could not announce itself: {error}");
        let line = serde_json::to_string(self).map_err(|error| problem(&error))?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| problem(&error))
    }

    /// The subject in one phrase.
    pub(crate) fn about(&self) -> String {
        match self.settings.as_str() {
            "" => self.version.clone(),
            settings => format!("{}: {settings}", self.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_contract_is_read() {
        let line = r#"{"listening":"127.0.0.1:4711","version":"tokio 1.48.0","settings":"x"}"#;
        let announcement: Announcement = serde_json::from_str(line).unwrap();
        assert_eq!(announcement.listening, Some("127.0.0.1:4711".parse().unwrap()));
        assert_eq!(announcement.about(), "tokio 1.48.0: x");
        assert_eq!(serde_json::to_string(&announcement).unwrap(), line);
    }
}
