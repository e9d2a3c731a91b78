//! From a request to its answer: a connection, the exchange, the one retry, the redirects.
//!
//! Invariant: what went out of a request counts over all of its attempts, and over those that
//! redirected to it: "nothing was sent" is said only where it is true of each.

use std::rc::Rc;

use http::HeaderMap;

use super::builder::Shared;
use super::connection::{Bounds, Outgoing, Progress};
use super::destination::{Origin, parse, place};
use super::error::{Asked, Cause, Error, Phase};
use super::head::{Extras, write_head};
use super::incoming::Incoming;
use super::limit_time::Total;
use super::pool::{Lease, Site};
use super::proxy::Proxy;
use super::redirect;
use super::request::Request;
use super::response::Response;
use super::sending::Message;

pub(super) const USER_AGENT: &str = concat!("taut/", env!("CARGO_PKG_VERSION"));

/// Sends a request, and those that its answers redirect to.
pub(super) async fn send(shared: &Rc<Shared>, mut request: Request) -> Result<Response, Error> {
    let bounds = Bounds {
        timeouts: request.timeouts,
        limits: shared.pool.limits,
        total: Total::starting_now(request.timeouts.total),
    };
    let (mut redirects, mut written) = (0, 0);
    loop {
        let (headers, incoming) = exchange(shared, &mut request, bounds, &mut written).await?;
        let mut response = Response::new(shared, request.url.clone(), headers, incoming);
        if shared.redirects_max == 0 {
            return Ok(response);
        }
        let next = match redirect::next(&mut request, &response) {
            Ok(None) => return Ok(response),
            Ok(Some(next)) => next,
            Err(cause) => return Err(response.error(cause)),
        };
        if redirects == shared.redirects_max {
            let why = format!("there are more than {redirects}; see ClientBuilder::redirects");
            return Err(response.error(Cause::Redirect(why)));
        }
        response.send_rest().await?;
        written = response.written();
        redirects += 1;
        request = next;
    }
}

async fn exchange(
    shared: &Rc<Shared>,
    request: &mut Request,
    bounds: Bounds,
    written: &mut u64,
) -> Result<(HeaderMap, Incoming), Error> {
    let asked = request.asked();
    #[cfg(feature = "cookies")]
    if let Some(jar) = &shared.cookies {
        request.extras.cookie = jar.header(&request.url);
    }
    let written_before = *written;
    let unsent = |cause| asked.failed(written_before, None, cause);
    let mut origin = Origin::of(&request.url).map_err(unsent)?;
    // A proxy passes no upgrade on (RFC 9110 7.8).
    let is_cut = |proxy: &Proxy| proxy.wants_absolute(&origin);
    let is_cut = shared.pool.dialer.proxy_for(&origin).is_some_and(is_cut);
    origin.needs_tunnel = is_cut && request.extras.upgrade.is_some();
    let site = shared.pool.site(&origin);
    let mut attempts = Attempts { written_before, ..Attempts::new(shared, &site, bounds) };
    let outcome = loop {
        let mut lease = attempts.lease(&asked).await?;
        let head = head_of(request, &mut lease).map_err(unsent)?;
        let expects_continue = request.extras.expects_continue && !request.body.is_empty();
        let outgoing = Outgoing {
            method: &request.method,
            message: Message { head: &head, body: &mut request.body },
            expects_continue,
            wants_upgrade: request.extras.upgrade.is_some(),
        };
        let outcome = lease.connection.exchange(outgoing, &bounds, &mut attempts.progress).await;
        lease.connection.head = head;
        let may_repeat = request.method.is_idempotent() && request.body.as_bytes().is_some();
        match outcome {
            Err(cause) if may_repeat && attempts.was_stale(&lease, &cause) => {}
            outcome => break outcome.map(|answer| (answer, lease)),
        }
    };
    *written = attempts.written();
    match outcome {
        Ok((mut answer, lease)) => {
            // Another request may have the connection, and its index, from the next line on.
            let headers = lease.connection.index.to_map(&answer.bytes);
            let asked = Rc::new(asked);
            let mut incoming = Incoming::new(lease, &mut answer, asked, *written, bounds);
            // Who only looks at the status is to know, too, that all was sent.
            incoming.finish_sending().await?;
            Ok((headers, incoming))
        }
        Err(cause) => Err(asked.failed(*written, None, cause)),
    }
}

/// The bytes of a request's head, in the connection's memory.
fn head_of(request: &Request, lease: &mut Lease) -> Result<Vec<u8>, Cause> {
    let wants_absolute = lease.connection.wants_absolute;
    let proxy = lease.proxy().filter(|_| wants_absolute);
    let extras = Extras {
        wants_absolute,
        proxy_authorization: proxy.and_then(|proxy| proxy.authorization()),
        ..request.extras.clone()
    };
    let mut head = std::mem::take(&mut lease.connection.head);
    write_head(&mut head, &request.method, &request.url, &request.headers, &request.body, &extras)?;
    Ok(head)
}

/// The one or two attempts at one request.
#[derive(Debug)]
pub(super) struct Attempts<'a> {
    shared: &'a Rc<Shared>,
    site: &'a Rc<Site>,
    bounds: Bounds,
    pub(super) progress: Progress,
    written_before: u64,
    wants_fresh: bool,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(shared: &'a Rc<Shared>, site: &'a Rc<Site>, bounds: Bounds) -> Self {
        let progress = Progress::default();
        Self { shared, site, bounds, progress, written_before: 0, wants_fresh: false }
    }

    pub(super) async fn lease(&mut self, asked: &Asked) -> Result<Lease, Error> {
        let lease = self.shared.pool.lease(self.site, &self.bounds, self.wants_fresh).await;
        lease.map_err(|cause| asked.failed(self.written(), None, cause))
    }

    /// Bytes that went out, in all attempts.
    pub(super) fn written(&self) -> u64 {
        self.written_before + self.progress.written
    }

    /// Whether a kept connection was dead before it brought a byte of an answer: then the next
    /// attempt, the last, has a fresh one.
    pub(super) fn was_stale(&mut self, lease: &Lease, cause: &Cause) -> bool {
        let is_dead = match cause {
            Cause::Closed => true,
            Cause::Io(Phase::Write | Phase::Head, error) => !taut_runtime::is_cancelled(error),
            _ => false,
        };
        if self.wants_fresh || !lease.connection.was_used || self.progress.was_answered || !is_dead
        {
            return false;
        }
        self.written_before = self.written();
        self.progress = Progress::default();
        self.wants_fresh = true;
        true
    }
}

/// See [`Client::keep_warm`](super::Client::keep_warm).
pub(super) async fn keep_warm(shared: &Rc<Shared>, url: &str, count: usize) -> Result<(), Error> {
    let asked = |place| Asked { method: http::Method::CONNECT, place };
    let url = parse(url).map_err(|cause| asked("an invalid URL".to_owned()).not_sent(cause))?;
    let asked = asked(place(&url));
    let origin = Origin::of(&url).map_err(|cause| asked.not_sent(cause))?;
    let site = shared.pool.site(&origin);
    site.warm.set(count);
    shared.pool.watch();
    if count == 0 || site.ready(&shared.pool.timeouts) > 0 {
        return Ok(());
    }
    // Where all that are allowed are in use, the background waits for its turn.
    let Some(dialing) = shared.pool.may_dial(&site) else { return Ok(()) };
    let added = shared.pool.add_warm(dialing).await;
    added.map_err(|cause| asked.not_sent(cause))
}
