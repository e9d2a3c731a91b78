//! Why a name led to no address.

use std::error::Error;
use std::sync::Arc;
use std::{fmt, io};

/// A host's name did not lead to an address: which name, what failed, and what to do.
///
/// Found inside of the [`io::Error`] of a resolve or a connect, by [`io::Error::get_ref`]. Clones
/// are cheap, since all who waited for one lookup get its failure.
#[derive(Clone, Debug)]
pub struct ResolveError {
    host: Arc<str>,
    kind: io::ErrorKind,
    reason: Arc<str>,
}

impl ResolveError {
    pub(super) fn new(host: &str, kind: io::ErrorKind, reason: impl Into<Arc<str>>) -> Self {
        Self { host: host.into(), kind, reason: reason.into() }
    }

    /// What the resolver said of the name.
    pub(super) fn answered(host: &str, error: &io::Error) -> Self {
        let advice = "check the name, the network and /etc/resolv.conf, or pin the name with \
                      Resolver::builder().pin";
        Self::new(host, error.kind(), format!("{error}; {advice}"))
    }

    /// The name as it was asked for.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What kind of failure it was: `TimedOut` for a resolver that is too slow, `NotFound` for a
    /// name without addresses, else what the resolver said.
    pub fn kind(&self) -> io::ErrorKind {
        self.kind
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} could not be resolved: {}", self.host, self.reason)
    }
}

impl Error for ResolveError {}

impl From<ResolveError> for io::Error {
    fn from(error: ResolveError) -> Self {
        Self::new(error.kind, error)
    }
}
