//! The order in which a name is looked for, and one resolver for each core.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::{Rc, Weak};

use taut_runtime::io::core_local;
use taut_runtime::task::waiting;
use taut_runtime::time::{Instant, timeout};
use taut_runtime::{is_cancelled, off_core};

use super::builder::{ResolverBuilder, bare};
use super::cache::{Cache, Outcome};
use super::error::ResolveError;
use super::flight::Flight;
use super::hosts::Hosts;
use super::system::System;

/// Finds the addresses of a name.
///
/// A name is looked for in this order:
///
/// 1. a numeric address is itself;
/// 2. a [pinned](ResolverBuilder::pin) name has the addresses that it was given;
/// 3. `/etc/hosts`, in the order of its lines;
/// 4. `localhost`, and all names under it, are `::1` and `127.0.0.1` (RFC 6761);
/// 5. what was found before, for as long as it is kept;
/// 6. `getaddrinfo` on the blocking threads, whose order (RFC 6724) is kept; or instead of 3 and 6
///    the user's [own function](ResolverBuilder::lookup).
///
/// Only the last one takes long. All who ask for a name meanwhile share one lookup, and none of
/// them takes it with it when it is dropped or cancelled; when all have gone, the lookup goes, too.
///
/// Clones are the same resolver. `Resolver::default()` stands for the core's: the one that
/// [`TcpStream::connect`](crate::TcpStream::connect) uses, and that
/// [`use_for_core`](Self::use_for_core) replaces. A resolver of one's own belongs to the runtime in
/// which it is used.
///
/// ```
/// use taut_net::{Resolver, TcpListener, TcpStream};
///
/// taut_runtime::run(async {
///     let venue = Resolver::builder().pin("gateway.example", ["127.0.0.1".parse().unwrap()]);
///     venue.build().use_for_core();
///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
///     let port = listener.local_addr()?.port();
///     TcpStream::connect(("gateway.example", port)).await?;
///
///     let addresses = Resolver::default().resolve("gateway.example", 9000).await?;
///     assert_eq!(addresses, ["127.0.0.1:9000".parse().unwrap()]);
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Resolver(Option<Rc<Inner>>);

/// The resolver of a core, once a name was asked for there.
#[derive(Default)]
struct CoreResolver(RefCell<Option<Rc<Inner>>>);

struct Inner {
    settings: ResolverBuilder,
    hosts: RefCell<Hosts>,
    /// Until when the hosts file is believed.
    hosts_fresh_until: Cell<Option<Instant>>,
    hosts_check: RefCell<Weak<Flight<()>>>,
    cache: RefCell<Cache>,
    flights: RefCell<HashMap<Rc<str>, Weak<Flight<Outcome>>>>,
    system: System,
}

impl Resolver {
    /// Settings for a resolver.
    pub fn builder() -> ResolverBuilder {
        ResolverBuilder::default()
    }

    pub(super) fn new(settings: ResolverBuilder) -> Self {
        Self(Some(Rc::new(Inner::new(settings))))
    }

    /// Makes this the resolver of the runtime on this thread, from now on and for connects that
    /// name no other.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn use_for_core(&self) {
        core_local::<CoreResolver>().0.replace(Some(self.inner()));
    }

    /// The addresses of a host, in the order in which to try them, at least one.
    ///
    /// Cancel-safe: of a dropped lookup nothing is left once nobody else waits for it.
    ///
    /// # Errors
    ///
    /// With a [`ResolveError`] inside that names the host: what the resolver told; `NotFound` where
    /// the name leads nowhere; `TimedOut` after
    /// [`lookup_timeout`](ResolverBuilder::lookup_timeout). `ECANCELED` where the task was
    /// cancelled.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> impl Future<Output = io::Result<Vec<SocketAddr>>> {
        waiting("lookup of a host name", async move {
            if let Ok(ip) = host.parse() {
                return Ok(vec![SocketAddr::new(ip, port)]);
            }
            let found = self.inner().find(host).await?;
            let with_port = |address: &SocketAddr| {
                let mut address = *address;
                address.set_port(port);
                address
            };
            Ok(found.iter().map(with_port).collect())
        })
    }

    /// Forgets what was found for a name, so that the next one who asks gets a new answer. Pins and
    /// the hosts file stay.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn forget(&self, host: &str) {
        self.inner().cache.borrow_mut().remove(&host.to_ascii_lowercase());
    }

    /// Forgets what was found for all names.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn forget_all(&self) {
        self.inner().cache.borrow_mut().clear();
    }

    fn inner(&self) -> Rc<Inner> {
        if let Some(inner) = &self.0 {
            return Rc::clone(inner);
        }
        let core = core_local::<CoreResolver>();
        let standard = || Rc::new(Inner::new(ResolverBuilder::default()));
        Rc::clone(core.0.borrow_mut().get_or_insert_with(standard))
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(inner) => f.debug_tuple("Resolver").field(&inner.settings).finish(),
            None => f.write_str("Resolver(the core's)"),
        }
    }
}

impl Inner {
    fn new(settings: ResolverBuilder) -> Self {
        let cache = Cache::new(settings.cache_entries_max, settings.ttl, settings.negative_ttl);
        Self {
            hosts: RefCell::default(),
            hosts_fresh_until: Cell::new(None),
            hosts_check: RefCell::default(),
            cache: RefCell::new(cache),
            flights: RefCell::default(),
            system: System::new(settings.system_lookups_max),
            settings,
        }
    }

    async fn find(self: &Rc<Self>, host: &str) -> io::Result<Rc<[SocketAddr]>> {
        let name: Rc<str> = host.to_ascii_lowercase().into();
        if bare(&name).is_empty() {
            let reason = "it is empty: name a host";
            return Err(ResolveError::new(host, io::ErrorKind::InvalidInput, reason).into());
        }
        if let Some(pinned) = self.settings.pins.get(bare(&name)) {
            return Ok(some_of(host, pinned)?);
        }
        if self.hosts_are_fresh()
            && let Some(known) = self.known(&name)
        {
            return Ok(known?);
        }
        let limit = self.settings.lookup_timeout;
        match timeout(limit, self.look_up(name)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let reason = format!(
                    "no answer within {limit:?}; is a name server of /etc/resolv.conf down? Pin \
                     the name, or raise ResolverBuilder::lookup_timeout"
                );
                Err(ResolveError::new(host, io::ErrorKind::TimedOut, reason).into())
            }
        }
    }

    /// What is known without asking anybody.
    fn known(&self, name: &str) -> Option<Outcome> {
        if let Some(addresses) = self.hosts.borrow().get(bare(name)) {
            return Some(Ok(addresses));
        }
        if is_localhost(bare(name)) {
            let loopback = [IpAddr::from(Ipv6Addr::LOCALHOST), Ipv4Addr::LOCALHOST.into()];
            return Some(Ok(Rc::new(loopback.map(|ip| SocketAddr::new(ip, 0)))));
        }
        self.cache.borrow().get(name, Instant::now())
    }

    async fn look_up(self: &Rc<Self>, name: Rc<str>) -> io::Result<Rc<[SocketAddr]>> {
        if !self.hosts_are_fresh() {
            self.check_hosts().outcome().await?;
        }
        if let Some(known) = self.known(&name) {
            return Ok(known?);
        }
        match self.join_flight(&name).outcome().await? {
            Some(outcome) => Ok(outcome?),
            None => {
                let reason = "its lookup panicked; the panic was printed";
                Err(ResolveError::new(&name, io::ErrorKind::Other, reason).into())
            }
        }
    }

    /// The hosts file of this resolver; none where the user's function takes its place.
    fn hosts_path(&self) -> Option<&PathBuf> {
        self.settings.hosts_file.as_ref().filter(|_| self.settings.lookup.is_none())
    }

    fn hosts_are_fresh(&self) -> bool {
        let until = self.hosts_fresh_until.get();
        self.hosts_path().is_none() || until.is_some_and(|until| Instant::now() < until)
    }

    /// Reads the hosts file where it has changed; all who need that share it.
    fn check_hosts(self: &Rc<Self>) -> Rc<Flight<()>> {
        if let Some(flight) = self.hosts_check.borrow().upgrade() {
            return flight;
        }
        let this = Rc::clone(self);
        let flight = Flight::start("check of the hosts file", async move {
            let Some(path) = this.hosts_path().cloned() else { return };
            let (known, bytes_max) = (this.hosts.borrow().stamp(), this.settings.hosts_bytes_max);
            let changed = off_core(move || Hosts::if_changed(&path, known, bytes_max)).await;
            // Where no thread is to be had, what was read last is believed for another while.
            if let Ok(Some(hosts)) = changed {
                this.hosts.replace(hosts);
            }
            this.hosts_fresh_until.set(Some(Instant::now() + this.settings.hosts_check));
            this.hosts_check.take();
        });
        self.hosts_check.replace(Rc::downgrade(&flight));
        flight
    }

    /// The lookup of a name that is under way, or a new one.
    fn join_flight(self: &Rc<Self>, name: &Rc<str>) -> Rc<Flight<Outcome>> {
        let mut flights = self.flights.borrow_mut();
        if let Some(flight) = flights.get(name).and_then(Weak::upgrade) {
            return flight;
        }
        // Those that everybody has left.
        flights.retain(|_, flight| flight.strong_count() > 0);
        let (this, its_name) = (Rc::clone(self), Rc::clone(name));
        let flight = Flight::start("lookup of a host name", async move {
            let outcome = this.ask(&its_name).await;
            this.flights.borrow_mut().remove(&its_name);
            outcome
        });
        flights.insert(Rc::clone(name), Rc::downgrade(&flight));
        flight
    }

    /// Asks the user's function, or the system, and keeps what it said.
    async fn ask(&self, name: &Rc<str>) -> Outcome {
        let asked = match &self.settings.lookup {
            Some(lookup) => match lookup(Rc::clone(name)).await {
                Err(error) if is_cancelled(&error) => Err(error),
                Err(error) => Ok(Err(error)),
                Ok(ips) => {
                    Ok(Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect::<Vec<_>>()))
                }
            },
            None => self.system.look_up(name).await,
        };
        let outcome = match asked {
            Ok(Ok(addresses)) => some_of(name, &addresses.into()),
            Ok(Err(error)) => Err(ResolveError::answered(name, &error)),
            // Nothing was learned of the name.
            Err(error) => return Err(ResolveError::new(name, error.kind(), error.to_string())),
        };
        self.cache.borrow_mut().put(Rc::clone(name), outcome.clone(), Instant::now());
        outcome
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn some_of(host: &str, addresses: &Rc<[SocketAddr]>) -> Outcome {
    match addresses.is_empty() {
        true => Err(ResolveError::new(host, io::ErrorKind::NotFound, "it leads to no address")),
        false => Ok(Rc::clone(addresses)),
    }
}

/// The names that RFC 6761 keeps for this host.
fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::is_localhost;

    #[test]
    fn the_names_of_this_host_are_those_of_rfc_6761() {
        assert!(is_localhost("localhost") && is_localhost("engine.localhost"));
        assert!(!is_localhost("notlocalhost") && !is_localhost("localhost.example"));
    }
}
