//! The limits of a resolver, its pins and its override.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use super::Resolver;

/// A user's own way to look names up.
pub(super) type Override = Rc<dyn Fn(Rc<str>) -> Pin<Box<dyn Future<Output = Answer>>>>;

/// The addresses of a name, or why there are none.
pub(super) type Answer = io::Result<Vec<IpAddr>>;

/// Settings of a [`Resolver`]. Each limit's default stands in its line.
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct ResolverBuilder {
    pub(super) pins: HashMap<String, Rc<[SocketAddr]>>,
    pub(super) lookup: Option<Override>,
    pub(super) hosts_file: Option<PathBuf>,
    pub(super) hosts_check: Duration,
    pub(super) hosts_bytes_max: u64,
    pub(super) cache_entries_max: usize,
    pub(super) ttl: Duration,
    pub(super) negative_ttl: Duration,
    pub(super) lookup_timeout: Duration,
    pub(super) system_lookups_max: usize,
}

impl Default for ResolverBuilder {
    fn default() -> Self {
        Self {
            pins: HashMap::new(),
            lookup: None,
            hosts_file: Some(PathBuf::from("/etc/hosts")),
            hosts_check: Duration::from_secs(1),
            hosts_bytes_max: 1 << 20,
            cache_entries_max: 256,
            ttl: Duration::from_secs(30),
            negative_ttl: Duration::from_secs(1),
            lookup_timeout: Duration::from_secs(5),
            system_lookups_max: 2,
        }
    }
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty,)+) => {
        impl ResolverBuilder {
            $($(#[doc = $doc])+ pub fn $name(mut self, $name: $type) -> Self {
                self.$name = $name;
                self
            })+
        }
    };
}

settings! {
    /// How long the hosts file is believed without asking whether it has changed. Default: 1 s.
    hosts_check: Duration,
    /// Bytes of the hosts file; a larger one is left to `getaddrinfo`. Default: 1 MiB.
    hosts_bytes_max: u64,
    /// Names that are kept, failures among them. In a full cache the one that ends first goes.
    /// Default: 256.
    cache_entries_max: usize,
    /// How long an answer is kept. The system's resolver does not tell how long it holds, so this
    /// is also how late a change of address is noticed. Zero: never. Default: 30 s.
    ttl: Duration,
    /// How long a failure is kept. Zero: never. Default: 1 s.
    negative_ttl: Duration,
    /// How long a lookup may take, waiting for a thread included. Default: 5 s.
    lookup_timeout: Duration,
    /// Threads that the system's resolver may take at once, at least 1. A call of it can't be
    /// stopped, also when nobody waits for it any more. Default: 2, of the runtime's 4 blocking
    /// threads.
    system_lookups_max: usize,
}

impl ResolverBuilder {
    /// Gives a name these addresses for good, whatever anybody else says of it. The latest pin of a
    /// name counts; an empty list makes the name lead nowhere.
    pub fn pin(mut self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
        self.pins.insert(bare(name).to_ascii_lowercase(), addresses);
        self
    }

    /// The hosts file, or none. Default: `/etc/hosts`.
    pub fn hosts_file(mut self, path: impl Into<Option<PathBuf>>) -> Self {
        self.hosts_file = path.into();
        self
    }

    /// Asks this function for names instead of the hosts file and the system: for tests, and for
    /// venues that publish their addresses elsewhere. It gets the name in lower case, and runs in a
    /// task of its own, which is aborted when nobody waits for it any more. Answers and failures
    /// are kept, and shared by all who ask meanwhile, as the system's are. Numeric addresses, pins
    /// and the names of this host (`localhost`) don't come to it.
    pub fn lookup<F, R>(mut self, lookup: F) -> Self
    where
        F: Fn(Rc<str>) -> R + 'static,
        R: Future<Output = io::Result<Vec<IpAddr>>> + 'static,
    {
        self.lookup = Some(Rc::new(move |name| Box::pin(lookup(name))));
        self
    }

    /// The resolver.
    ///
    /// # Panics
    ///
    /// For no [`system_lookups_max`](Self::system_lookups_max).
    #[track_caller]
    pub fn build(self) -> Resolver {
        assert!(self.system_lookups_max > 0, "system_lookups_max is 0: set it to at least 1");
        Resolver::new(self)
    }
}

impl fmt::Debug for ResolverBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResolverBuilder")
            .field("pins", &self.pins)
            .field("has_lookup", &self.lookup.is_some())
            .field("hosts_file", &self.hosts_file)
            .finish_non_exhaustive()
    }
}

/// A name without the dot that says that it is complete.
pub(super) fn bare(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}
