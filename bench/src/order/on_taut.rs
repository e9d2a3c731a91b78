//! A prepared request of the runtime's client: four fields set, one send, nothing allocated.

use std::time::Duration;

use taut::http::client::{self, PreparedRequest, Template, Timeouts};
use taut::http::{Method, StatusCode};
use taut::{Driver, Runtime, WaitStrategy};

use super::text::{ANSWER, BODY, Field, HEADERS, Piece, SIGNATURE, SIGNATURE_VALUE, TARGET};
use super::{Client, OrderKind, Venue, timed};
use crate::client::channel::connector;

/// Longer than any run: a connection that is stopped in between is not idle by its own will.
const IDLE: Duration = Duration::from_secs(24 * 3600);

pub(super) fn client(kind: OrderKind, core: usize, venue: &Venue) -> Result<Client, String> {
    let driver = match kind {
        OrderKind::TautEpoll | OrderKind::TautEpollTls => Driver::Epoll,
        _ => Driver::Uring,
    };
    let is_tls = matches!(kind, OrderKind::TautTls | OrderKind::TautEpollTls);
    let builder = Runtime::builder().core(core).wait(WaitStrategy::Spin).driver(driver);
    let runtime = builder.build().map_err(|error| error.to_string())?;
    let mut orders = runtime.block_on(async { Orders::prepare(venue, is_tls) })?;
    // The handshake, and a first answer, so that what is wrong with the connection is told now.
    runtime.block_on(orders.order())?;
    Ok(Box::new(move |asked, tally| {
        let syscalls = || taut::counters().syscalls;
        runtime.block_on(timed(asked, tally, syscalls, async || orders.order().await))
    }))
}

/// The prepared request and the places that change.
struct Orders {
    request: PreparedRequest,
    fields: [(Field, client::Field); 4],
    sent: u64,
}

impl Orders {
    fn prepare(venue: &Venue, is_tls: bool) -> Result<Self, String> {
        let timeouts = Timeouts { idle: IDLE, ..Timeouts::default() };
        let mut builder = client::Client::builder().timeouts(timeouts);
        if is_tls {
            builder = builder.tls(connector(&venue.certificate)?);
        }
        let scheme = if is_tls { "https" } else { "http" };
        let url = format!("{scheme}://{}{TARGET}", venue.address);
        let mut request = builder.build().prepare(Method::POST, url);
        for (name, value) in HEADERS {
            request = request.header(name, value);
        }
        let request = request.header(SIGNATURE, template(SIGNATURE_VALUE)).body(template(BODY));
        let refused = |error: client::Error| error.to_string();
        let request = request.build().map_err(refused)?;
        let mut fields = Vec::new();
        for field in Field::ALL {
            fields.push((field, request.field(field.name()).map_err(refused)?));
        }
        let fields = fields.try_into().map_err(|_| "there are four fields".to_owned())?;
        Ok(Self { request, fields, sent: 0 })
    }

    #[inline(always)]
    async fn order(&mut self) -> Result<(), String> {
        self.sent += 1;
        for (field, place) in self.fields {
            let set = self.request.set_number(place, field.value(self.sent));
            set.map_err(|error| error.to_string())?;
        }
        let answer = self.request.send().await.map_err(|error| error.to_string())?;
        match answer.status() == StatusCode::OK && answer.body() == ANSWER.as_bytes() {
            true => Ok(()),
            false => Err(format!("the answer to order {} is wrong: {answer:?}", self.sent)),
        }
    }
}

fn template(pieces: &[Piece]) -> Template {
    pieces.iter().fold(Template::new(), |template, piece| match piece {
        Piece::Text(text) => template.text(text),
        Piece::Field(field) => template.field(field.name(), field.width()),
    })
}
