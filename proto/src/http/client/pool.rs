//! Connections that are kept: which are idle, how many may live, who waits for one.
//!
//! A request holds a permit of its origin and one of the whole for as long as it has a connection,
//! so waiting is fair and ends with a cancel. Idle connections hold none: where a new connection
//! would be one too many an idle one is closed for it.
//!
//! Invariant: an idle connection has nothing unread and owes nothing. One that brings bytes or its
//! end meanwhile is closed: by the watcher, or at the latest when it would be taken.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use taut_net::Transport;
use taut_runtime::sync::{Semaphore, SemaphorePermit};
use taut_runtime::time::Instant;

use super::config::{Limits, Timeouts};
use super::connection::{Bounds, Connection};
use super::destination::Origin;
use super::dial::Dialer;
use super::error::{Cause, Phase};
use super::limit_time::Total;
use super::proxy::Proxy;
use super::watch::Watcher;

/// The connections of one client.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) dialer: Dialer,
    pub(super) limits: Limits,
    pub(super) timeouts: Timeouts,
    permits: Rc<Semaphore>,
    live: Rc<Cell<usize>>,
    sites: RefCell<HashMap<Origin, Rc<Site>>>,
    watcher: Watcher,
}

/// The connections to one origin.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) origin: Origin,
    /// The one used last stands last, and is taken first.
    idle: RefCell<VecDeque<Box<Connection>>>,
    permits: Rc<Semaphore>,
    live: Rc<Cell<usize>>,
    /// Connections to keep ready, beside those in use.
    pub(super) warm: Cell<usize>,
    pub(super) dialing: Cell<usize>,
    pub(super) dial_after: Cell<Option<Instant>>,
}

/// Counts a connection for as long as it lives.
#[derive(Debug)]
pub(super) struct Live(Rc<Cell<usize>>, Rc<Cell<usize>>);

/// A connection in use. Dropped, it is closed.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) connection: Box<Connection>,
    site: Rc<Site>,
    pool: Rc<Pool>,
    _permits: [SemaphorePermit<'static>; 2],
}

impl Pool {
    pub(super) fn new(dialer: Dialer, limits: Limits, timeouts: Timeouts) -> Self {
        Self {
            dialer,
            limits,
            timeouts,
            permits: Rc::new(Semaphore::new(limits.connections_max)),
            live: Rc::default(),
            sites: RefCell::default(),
            watcher: Watcher::default(),
        }
    }

    pub(super) fn site(&self, origin: &Origin) -> Rc<Site> {
        if let Some(site) = self.sites.borrow().get(origin) {
            return Rc::clone(site);
        }
        self.forget_unneeded();
        let site = Rc::new(Site {
            origin: origin.clone(),
            idle: RefCell::default(),
            permits: Rc::new(Semaphore::new(self.limits.connections_per_origin_max)),
            live: Rc::default(),
            warm: Cell::new(0),
            dialing: Cell::new(0),
            dial_after: Cell::new(None),
        });
        self.sites.borrow_mut().insert(origin.clone(), Rc::clone(&site));
        site
    }

    pub(super) fn sites(&self) -> Vec<Rc<Site>> {
        self.sites.borrow().values().cloned().collect()
    }

    /// A connection: an idle one unless a fresh one is wanted, else a new one.
    pub(super) async fn lease(
        self: &Rc<Self>,
        site: &Rc<Site>,
        bounds: &Bounds,
        fresh: bool,
    ) -> Result<Lease, Cause> {
        let waiting = async {
            let of_site = site.permits.acquire_owned(1).await?;
            Ok([of_site, self.permits.acquire_owned(1).await?])
        };
        let permits = bounds.total.within(Phase::Pool, bounds.timeouts.pool, waiting).await?;
        let permits = permits.map_err(|error: taut_runtime::sync::AcquireError| {
            Cause::Io(Phase::Pool, io::Error::other(error))
        })?;
        let idle = match fresh {
            false => poll_fn(|context| Poll::Ready(self.take_idle(site, context))).await,
            true => None,
        };
        let connection = match idle {
            Some(connection) => connection,
            None => self.open(site, bounds, self.count(site)).await?,
        };
        let (site, pool) = (Rc::clone(site), Rc::clone(self));
        Ok(Lease { connection, site, pool, _permits: permits })
    }

    fn take_idle(&self, site: &Site, context: &mut Context<'_>) -> Option<Box<Connection>> {
        loop {
            let mut connection = site.idle.borrow_mut().pop_back()?;
            if connection.idle_since.elapsed() < self.timeouts.idle && connection.is_quiet(context)
            {
                return Some(connection);
            }
        }
    }

    /// Counts one more connection, which is about to be made.
    fn count(&self, site: &Site) -> Live {
        Live::new(&self.live, &site.live)
    }

    /// A new connection. An idle one is closed where it would be one too many.
    async fn open(
        &self,
        site: &Site,
        bounds: &Bounds,
        live: Live,
    ) -> Result<Box<Connection>, Cause> {
        if site.live.get() > self.limits.connections_per_origin_max {
            drop(site.idle.borrow_mut().pop_front());
        }
        if self.live.get() > self.limits.connections_max {
            self.close_oldest();
        }
        let mut connection = self.dialer.dial(&site.origin, bounds).await?;
        connection.live = Some(live);
        Ok(connection)
    }

    fn close_oldest(&self) {
        let since = |site: &Rc<Site>| site.idle.borrow().front().map(|oldest| oldest.idle_since);
        let sites = self.sites.borrow();
        let oldest = sites.values().filter_map(|site| Some((since(site)?, site)));
        if let Some((_, site)) = oldest.min_by_key(|(since, _)| *since) {
            drop(site.idle.borrow_mut().pop_front());
        }
    }

    /// One more connection that waits for a request.
    pub(super) async fn add_warm(self: &Rc<Self>, mut dialing: Dialing) -> Result<(), Cause> {
        let (timeouts, limits) = (self.timeouts, self.limits);
        let bounds = Bounds { timeouts, limits, total: Total::default() };
        let live = dialing.live.take().expect("counted when it was allowed");
        let connection = self.open(dialing.site(), &bounds, live).await?;
        self.keep(dialing.site(), connection);
        Ok(())
    }

    /// Leave to make one more connection, where the limits have room for it.
    pub(super) fn may_dial(&self, site: &Rc<Site>) -> Option<Dialing> {
        let has_room = self.live.get() < self.limits.connections_max
            && site.live.get() < self.limits.connections_per_origin_max;
        has_room.then(|| Dialing::new(site, self.count(site)))
    }

    fn keep(self: &Rc<Self>, site: &Site, mut connection: Box<Connection>) {
        // A request may have taken the room of a connection that was being made.
        let is_one_too_many = self.live.get() > self.limits.connections_max
            || site.live.get() > self.limits.connections_per_origin_max;
        if self.watcher.is_stopped() || is_one_too_many {
            return;
        }
        connection.idle_since = Instant::now();
        site.idle.borrow_mut().push_back(connection);
        self.watch();
    }

    /// Has the watcher look at what is idle, from now on.
    pub(super) fn watch(self: &Rc<Self>) {
        self.watcher.wake(self);
    }

    /// Whether the watcher has something to look at.
    pub(super) fn has_work(&self) -> bool {
        let sites = self.sites.borrow();
        sites.values().any(|site| site.warm.get() > 0 || !site.idle.borrow().is_empty())
    }

    pub(super) fn watcher(&self) -> &Watcher {
        &self.watcher
    }

    /// Closes idle connections that brought anything, or waited too long.
    pub(super) fn close_stale(&self, context: &mut Context<'_>) {
        for site in self.sites() {
            site.idle.borrow_mut().retain_mut(|connection| {
                connection.idle_since.elapsed() < self.timeouts.idle && connection.is_quiet(context)
            });
        }
        self.forget_unneeded();
    }

    /// Also with each new origin: connections that are never kept wake no watcher.
    fn forget_unneeded(&self) {
        self.sites.borrow_mut().retain(|_, site| {
            Rc::strong_count(site) > 1 || site.warm.get() > 0 || !site.idle.borrow().is_empty()
        });
    }

    /// The client is gone: what is idle is closed, and nothing is kept any more.
    pub(super) fn close(&self) {
        self.watcher.stop();
        self.sites.take();
    }

    /// Live connections: in use, idle and being made.
    pub(super) fn live(&self) -> usize {
        self.live.get()
    }

    /// Idle ones.
    pub(super) fn idle(&self) -> usize {
        self.sites.borrow().values().map(|site| site.idle.borrow().len()).sum()
    }
}

impl Site {
    /// How many idle connections will still be good for a while.
    pub(super) fn ready(&self, timeouts: &Timeouts) -> usize {
        // Replaced before they are too old, so that there is never none.
        let fresh = timeouts.idle * 3 / 4;
        self.idle.borrow().iter().filter(|idle| idle.idle_since.elapsed() < fresh).count()
    }
}

impl Lease {
    /// The proxy that the connection goes through.
    pub(super) fn proxy(&self) -> Option<&Proxy> {
        self.pool.dialer.proxy_for(&self.site.origin)
    }

    /// Another request may use the connection.
    pub(super) fn give_back(mut self) {
        self.connection.was_used = true;
        if self.connection.received.is_empty() {
            self.pool.keep(&self.site, self.connection);
        }
    }

    /// The connection is nobody's any more but the caller's: no limit counts it.
    pub(super) fn into_connection(self) -> Connection {
        *self.connection
    }
}

impl Connection {
    /// Whether nothing came in while nothing was asked.
    fn is_quiet(&mut self, context: &mut Context<'_>) -> bool {
        self.received.is_empty() && self.transport.poll_recv(context).is_pending()
    }
}

impl Live {
    fn new(of_pool: &Rc<Cell<usize>>, of_site: &Rc<Cell<usize>>) -> Self {
        for count in [of_pool, of_site] {
            count.set(count.get() + 1);
        }
        Self(Rc::clone(of_pool), Rc::clone(of_site))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        for count in [&self.0, &self.1] {
            count.set(count.get() - 1);
        }
    }
}

/// A connection that is being made to be kept: counted, so that not too many are.
#[derive(Debug)]
pub(super) struct Dialing {
    site: Rc<Site>,
    live: Option<Live>,
}

impl Dialing {
    fn new(site: &Rc<Site>, live: Live) -> Self {
        site.dialing.set(site.dialing.get() + 1);
        Self { site: Rc::clone(site), live: Some(live) }
    }

    pub(super) fn site(&self) -> &Rc<Site> {
        &self.site
    }
}

impl Drop for Dialing {
    fn drop(&mut self) {
        self.site.dialing.set(self.site.dialing.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_that_nobody_needs_are_forgotten() {
        let pool = Pool::new(Dialer::default(), Limits::default(), Timeouts::default());
        let origin = |port| Origin {
            is_secure: false,
            host: "venue.example".into(),
            port,
            needs_tunnel: false,
        };
        let (held, warm) = (pool.site(&origin(1)), pool.site(&origin(2)));
        warm.warm.set(1);
        drop(warm);
        for port in 3..100 {
            pool.site(&origin(port));
        }
        let mut ports: Vec<_> = pool.sites().iter().map(|site| site.origin.port).collect();
        ports.sort_unstable();
        assert_eq!(ports, [held.origin.port, 2, 99]);
    }
}
