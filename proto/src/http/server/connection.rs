//! One connection: requests are taken, answered in order and one at a time, and the answers sent.
//!
//! The connection is one task. Where a handler has to wait, what was answered before it is sent
//! meanwhile; where nothing is left to answer, all answers leave in one write. Requests that came
//! in one piece and whose handlers need not wait are so answered by one receive and one send.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, ready};

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::{Method, StatusCode};
use taut_net::Transport;
use taut_runtime::time::Instant;
use taut_runtime::yield_now;

use super::body::Kind;
use super::catch::catch;
use super::counters::count;
use super::inflow::drain;
use super::peer::Known;
use super::request::Parts;
use super::respond::finish;
use super::shared::{BorrowedHead, Shared};
use super::trailers::takes_trailers;
use super::upgrade::{Takeover, Upgraded};
use super::wire::{Received, SharedWire, Wire, flush};
use super::{Peer, Request, Response, Secured, Service};
use crate::http::wire::{Reject, RequestHead};

/// How a connection ends.
enum End {
    /// The client has read, or asked for, the end.
    Closed,
    /// The client may still be sending: what it sends is swallowed until it has seen the end.
    Lingering,
    /// As that, since what it sent is no request.
    Rejected(Reject),
    /// It failed: there is nobody to tell anything.
    Failed(io::Error),
    Upgraded(Takeover),
}

/// How a connection ended, for who serves a single one.
#[derive(Debug)]
pub(crate) enum Ended {
    InOrder,
    /// What the client sent is no request, or took too long. It was told so, unless it had sent
    /// nothing.
    Rejected(Reject),
    Failed(io::Error),
}

/// Serves a connection to its end.
pub(super) async fn serve<T, S>(
    shared: &Rc<Shared>,
    transport: T,
    peer: Peer,
    first_head_due: Instant,
    service: &S,
) -> Ended
where
    T: Transport + Secured + 'static,
    S: Service,
{
    let client = Known::of(peer, &transport);
    let wire = SharedWire::new(Wire::new(transport, shared, first_head_due));
    let end = requests(&wire, &client, service).await;
    let ended = match &end {
        End::Rejected(reject) => Ended::Rejected(*reject),
        _ => Ended::InOrder,
    };
    match end {
        End::Failed(error) => return Ended::Failed(error),
        End::Closed => {
            let _ = shut_down(&wire).await;
        }
        End::Lingering | End::Rejected(_) => {
            if shut_down(&wire).await.is_ok() {
                linger(&wire).await;
            }
        }
        End::Upgraded(takeover) => {
            if let Err(error) = flush(&wire).await {
                return Ended::Failed(error);
            }
            count(&shared.counters.upgrades);
            upgraded(wire.into_inner(), shared, takeover).await;
        }
    }
    ended
}

/// Turns a connection away, of which there are too many.
pub(super) async fn turn_away<T: Transport>(shared: &Rc<Shared>, transport: T, why: &str) {
    let due = Instant::now() + shared.limits.linger_timeout;
    let wire = SharedWire::new(Wire::new(transport, shared, due));
    wire.borrow_mut().refuse(StatusCode::SERVICE_UNAVAILABLE, &why);
    if shut_down(&wire).await.is_ok() {
        linger(&wire).await;
    }
}

async fn requests<T: Transport, S: Service>(
    wire: &SharedWire<T>,
    client: &Known,
    service: &S,
) -> End {
    let shared = Rc::clone(&wire.borrow().shared);
    let mut head = BorrowedHead::none(&shared);
    let mut served = 0;
    let mut in_one_go = 0;
    loop {
        if in_one_go == shared.limits.pipeline_max {
            in_one_go = 0;
            if let Err(error) = flush(wire).await {
                return End::Failed(error);
            }
            yield_now().await;
        }
        // Mostly it is there, and then there is nothing to wait for.
        let read = wire.borrow_mut().read_head(head.get());
        let head_bytes = match read {
            Ok(Some(head_bytes)) => head_bytes,
            Err(reject) => return refuse(wire, reject),
            Ok(None) => {
                in_one_go = 0;
                match await_head(wire, &mut head, served).await {
                    Ok(head_bytes) => head_bytes,
                    Err(end) => return end,
                }
            }
        };
        let bytes = wire.borrow_mut().take(head_bytes);
        let head = head.get().head();
        count(&shared.counters.requests);
        served += 1;
        in_one_go += 1;
        wire.borrow_mut().inflow.begin(&head.framing, &shared.limits);
        let may_stay = served < shared.limits.requests_per_connection_max;
        let sent = match answer(wire, client, service, &bytes, head, may_stay).await {
            Ok(Step::Collected) => continue,
            Ok(Step::Sending { keep_alive }) => send(wire, head, keep_alive).await,
            Ok(Step::Upgrading(response)) => upgrade(wire, head, *response).await,
            Err(error) => Err(error),
        };
        match sent {
            Ok(None) => {}
            Ok(Some(end)) => return end,
            Err(error) => {
                count(&shared.counters.responses_aborted);
                return End::Failed(error);
            }
        }
    }
}

fn refuse<T: Transport>(wire: &SharedWire<T>, reject: Reject) -> End {
    let mut wire = wire.borrow_mut();
    count(&wire.shared.counters.requests_rejected);
    wire.refuse(reject.status(), &reject);
    End::Rejected(reject)
}

/// How many bytes the next head has, of which more has to come. What was answered is sent before.
async fn await_head<T: Transport>(
    wire: &SharedWire<T>,
    head: &mut BorrowedHead,
    served: u64,
) -> Result<usize, End> {
    let shared = Rc::clone(&wire.borrow().shared);
    let limits = &shared.limits;
    let mut started = false;
    loop {
        flush(wire).await.map_err(End::Failed)?;
        let partial = wire.borrow().unread.is_some();
        // The first head has been due since its connection was accepted.
        if served > 0 && partial && !started {
            wire.borrow_mut().deadline.set(Instant::now() + limits.header_timeout);
            started = true;
        } else if served > 0 && !partial {
            let mut wire = wire.borrow_mut();
            wire.deadline.set(Instant::of_turn() + limits.idle_timeout);
            wire.shrink();
            head.give_back();
        }
        match poll_fn(|context| wire.borrow_mut().poll_request(context)).await {
            Received::Bytes => {
                let read = wire.borrow_mut().read_head(head.get());
                match read {
                    Ok(Some(head_bytes)) => return Ok(head_bytes),
                    Ok(None) => {}
                    Err(reject) => return Err(refuse(wire, reject)),
                }
            }
            Received::End => return Err(End::Closed),
            Received::Failed(error) => return Err(End::Failed(error)),
            Received::Closing => return Err(End::Lingering),
            Received::TimedOut if partial => {
                count(&shared.counters.timeouts_header);
                return Err(refuse(wire, Reject::TimedOut));
            }
            Received::TimedOut => {
                count(match served {
                    0 => &shared.counters.timeouts_header,
                    _ => &shared.counters.timeouts_idle,
                });
                return Err(End::Rejected(Reject::TimedOut));
            }
        }
    }
}

/// Has the handler answer, and begins its response. While the handler waits, what was answered
/// before is sent.
#[inline]
async fn answer<T: Transport, S: Service>(
    wire: &SharedWire<T>,
    client: &Known,
    service: &S,
    bytes: &[u8],
    head: &RequestHead,
    may_stay: bool,
) -> io::Result<Step> {
    let parts = Parts { bytes, head, client, source: wire, params: None };
    let mut handler = pin!(service.call(Request::new(&parts)));
    poll_fn(|context| {
        // Begun where the handler leaves it: a response is large, and handing it on copies it.
        let step = catch(|| match &mut handler.as_mut().poll(context) {
            Poll::Ready(response) => Some(begin(wire, &parts, response, may_stay)),
            Poll::Pending => None,
        });
        match step {
            Some(Some(step)) => Poll::Ready(Ok(step)),
            Some(None) => match wire.borrow_mut().push(context) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
            None => {
                count(&wire.borrow().shared.counters.handler_panics);
                let mut response = Response::new(StatusCode::INTERNAL_SERVER_ERROR).close();
                Poll::Ready(Ok(begin(wire, &parts, &mut response, may_stay)))
            }
        }
    })
    .await
}

/// How a response goes on.
enum Step {
    /// It is in the output, and the connection goes on.
    Collected,
    /// There is more to be done than collecting it: the rest is with the wire.
    Sending {
        keep_alive: bool,
    },
    Upgrading(Box<Response>),
}

/// Collects the response, which is all there is to do for a short one on a connection that stays:
/// so this is no future.
#[inline]
fn begin<T: Transport>(
    wire: &SharedWire<T>,
    request: &Parts<'_>,
    response: &mut Response,
    may_stay: bool,
) -> Step {
    let head = request.head;
    let mut wire = wire.borrow_mut();
    if response.status.is_informational() {
        if matches!(response.body.0, Kind::Upgrade(_)) {
            let response = std::mem::replace(response, Response::new(StatusCode::OK));
            return Step::Upgrading(Box::new(response));
        }
        // 101 is no answer without another protocol, nor is any other interim response.
        *response = Response::new(StatusCode::INTERNAL_SERVER_ERROR).close();
    }
    if matches!(response.body.0, Kind::Trailed(_)) && !takes_trailers(request) {
        response.body = std::mem::take(&mut response.body).without_trailers();
    }
    let keep_alive = head.framing.keep_alive
        && may_stay
        && !response.close
        && !wire.shared.is_closing()
        && head.method != Method::CONNECT
        && wire.inflow.can_be_drained(&wire.shared.limits);
    let keep_alive = wire.begin_response(head, response, keep_alive);
    let is_all = keep_alive
        && wire.rest.is_none()
        && wire.inflow.bytes_left() == Some(0)
        && !wire.is_output_full();
    if is_all { Step::Collected } else { Step::Sending { keep_alive } }
}

/// Sends what is left of the response; the connection's end where this is its last one.
async fn send<T: Transport>(
    wire: &SharedWire<T>,
    head: &RequestHead,
    keep_alive: bool,
) -> io::Result<Option<End>> {
    finish(wire).await?;
    let is_read = wire.borrow().inflow.bytes_left() == Some(0);
    if keep_alive {
        if wire.borrow().is_output_full() || !is_read {
            flush(wire).await?;
        }
        return Ok((!drain(wire).await).then_some(End::Lingering));
    }
    // A client that asked for the end and has sent all it had to send reads to the end by itself.
    let is_clients_wish = !head.framing.keep_alive && is_read && wire.borrow().unread.is_none();
    Ok(Some(if is_clients_wish { End::Closed } else { End::Lingering }))
}

/// Begins the change to another protocol, for which the request has to be read to its end.
async fn upgrade<T: Transport>(
    wire: &SharedWire<T>,
    head: &RequestHead,
    mut response: Response,
) -> io::Result<Option<End>> {
    let Kind::Upgrade(takeover) = std::mem::replace(&mut response.body.0, Kind::Empty) else {
        unreachable!("its caller looked");
    };
    if !head.framing.upgrade {
        let name = response.headers().find(|(name, _)| *name == UPGRADE);
        let name = name.map_or(HeaderValue::from_static(""), |(_, value)| value.clone());
        let mut refusal = Response::new(StatusCode::UPGRADE_REQUIRED).header(UPGRADE, name).close();
        wire.borrow_mut().begin_response(head, &mut refusal, false);
        finish(wire).await?;
        return Ok(Some(End::Lingering));
    }
    if !drain(wire).await {
        return Ok(Some(refuse(wire, Reject::BodyTooLong)));
    }
    let mut wire = wire.borrow_mut();
    wire.shared.counters.count_response(response.status);
    let out = wire.output();
    response.write_start(out);
    out.extend_from_slice(CONNECTION.as_str().as_bytes());
    out.extend_from_slice(b": upgrade\r\n\r\n");
    Ok(Some(End::Upgraded(takeover)))
}

async fn upgraded<T: Transport + 'static>(wire: Wire<T>, shared: &Shared, takeover: Takeover) {
    let (transport, unread) = wire.into_transport();
    let Some(mut protocol) = catch(|| takeover.start(Upgraded::new(transport, unread))) else {
        return count(&shared.counters.handler_panics);
    };
    poll_fn(|context| match catch(|| protocol.as_mut().poll(context)) {
        Some(polled) => polled,
        None => {
            count(&shared.counters.handler_panics);
            Poll::Ready(())
        }
    })
    .await;
}

/// Writes what is left and ends the writing direction.
async fn shut_down<T: Transport>(wire: &SharedWire<T>) -> io::Result<()> {
    flush(wire).await?;
    let write_timeout = wire.borrow().shared.limits.write_timeout;
    wire.borrow_mut().deadline.set(Instant::now() + write_timeout);
    poll_fn(|context| {
        let mut wire = wire.borrow_mut();
        if let Poll::Ready(shut) = wire.transport.poll_shutdown(context) {
            return Poll::Ready(shut);
        }
        ready!(wire.deadline.poll(context))?;
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    })
    .await
}

/// Swallows what the client still sends, so that no reset takes the response from it.
async fn linger<T: Transport>(wire: &SharedWire<T>) {
    let linger_timeout = wire.borrow().shared.limits.linger_timeout;
    wire.borrow_mut().deadline.set(Instant::now() + linger_timeout);
    poll_fn(|context| {
        loop {
            let mut wire = wire.borrow_mut();
            wire.discard_unread();
            match ready!(wire.poll_receive(context)) {
                Received::Bytes => {}
                _ => return Poll::Ready(()),
            }
        }
    })
    .await;
}
