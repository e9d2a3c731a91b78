//! Requests whose bytes are ready but for a few fields: for order entry.
//!
//! The head is written once. A send patches fields of fixed width in place, checks each byte that
//! goes in, and makes one write of head and body together. Nothing is allocated, neither for the
//! request nor for its answer: names are compared where they landed, the body is a view of the
//! receive buffer. What spans buffers is gathered in memory that the request keeps.

use std::rc::Rc;

use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, Method};

use super::answer::{Answer, Gathered};
use super::builder::Shared;
use super::config::Timeouts;
use super::connection::{Bounds, Outgoing};
use super::destination::{Origin, host_header, target};
use super::error::{Asked, Cause, Error};
use super::head::{header_name, write_start};
use super::incoming::Incoming;
use super::limit_time::Total;
use super::pool::Site;
use super::proxy::Kind;
use super::request::Request;
use super::send::Attempts;
use super::template::Template;
use crate::http::body::Body;
use crate::http::wire::{
    HeadIndex, check_header_value, check_target, write_head_end, write_header,
};

/// Makes a [`PreparedRequest`].
#[derive(Debug)]
#[must_use = "nothing is made before `build`"]
pub struct PreparedBuilder {
    shared: Rc<Shared>,
    request: Result<Request, Cause>,
    asked: Asked,
    query: Template,
    headers: Vec<(Vec<u8>, Template)>,
    body: BodyPlan,
}

#[derive(Debug)]
enum BodyPlan {
    Template(Template),
    UpTo(usize),
}

/// A field of a [`PreparedRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field(usize);

/// Where a field lies, and what may stand there.
#[derive(Debug)]
struct Place {
    name: String,
    start: usize,
    width: usize,
    section: Section,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Target,
    Header,
    Body,
}

/// A request that is sent again and again, with other values in its fields.
///
/// ```
/// use http::Method;
/// use taut_net::TcpListener;
/// use taut_proto::http::client::{Client, Template};
///
/// taut_runtime::run(async {
///     # let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
///     # let venue = format!("http://{}", listener.local_addr()?);
///     # let server = taut_runtime::spawn(async move {
///     #     let mut stream = listener.accept().await?;
///     #     assert!(stream.recv().await?.starts_with(b"POST /order?quantity=00000250 HTTP/1.1\r\n"));
///     #     stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{1}").await
///     # });
///     let client = Client::new();
///     let mut order = client
///         .prepare(Method::POST, format!("{venue}/order"))
///         .query(Template::new().text("quantity=").field("quantity", 8))
///         .header("x-signature", Template::new().field("signature", 64))
///         .build()?;
///     let (quantity, signature) = (order.field("quantity")?, order.field("signature")?);
///
///     order.set_number(quantity, 250)?;
///     order.set(signature, &[b'a'; 64])?;
///     let answer = order.send().await?;
///     assert_eq!((answer.status().as_u16(), answer.body()), (200, &b"{1}"[..]));
///     # server.await.unwrap()?;
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PreparedRequest {
    shared: Rc<Shared>,
    site: Rc<Site>,
    asked: Rc<Asked>,
    method: Method,
    timeouts: Timeouts,
    fields: Vec<Place>,
    /// Head and body.
    bytes: Vec<u8>,
    body_start: usize,
    /// Where the digits of `Content-Length` stand, and how long the body may get; for a body that
    /// is replaced as a whole.
    replaceable: Option<(usize, usize)>,
    index: HeadIndex,
    gathered: Gathered,
}

impl PreparedBuilder {
    pub(super) fn new(shared: Rc<Shared>, method: Method, url: &str) -> Self {
        let request = Request::new(&shared, &method, url);
        let asked = match &request {
            Ok(request) => request.asked(),
            Err(_) => Asked { method, place: "an invalid URL".to_owned() },
        };
        let body = BodyPlan::Template(Template::new());
        Self { shared, request, asked, query: Template::new(), headers: Vec::new(), body }
    }

    /// Appends to the URL's query, as it is: what has to be encoded is the caller's to encode.
    pub fn query(mut self, query: impl Into<Template>) -> Self {
        self.query.pieces.extend(query.into().pieces);
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl Into<Template>) -> Self {
        self.headers.push((name.as_ref().to_vec(), value.into()));
        self
    }

    /// A body of fixed length.
    pub fn body(mut self, body: impl Into<Template>) -> Self {
        self.body = BodyPlan::Template(body.into());
        self
    }

    /// A body that is replaced as a whole, of up to so many bytes; see
    /// [`PreparedRequest::set_body`].
    pub fn body_up_to(mut self, body_bytes_max: usize) -> Self {
        self.body = BodyPlan::UpTo(body_bytes_max);
        self
    }

    /// Other time-outs than the client's.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        if let Ok(request) = &mut self.request {
            request.timeouts = timeouts;
        }
        self
    }

    /// Writes the bytes. Opens no connection: for that there is
    /// [`Client::keep_warm`](super::Client::keep_warm).
    ///
    /// # Errors
    ///
    /// [`Error::NotSent`] for what can't stand where it is to stand, and for two fields of one
    /// name.
    pub fn build(self) -> Result<PreparedRequest, Error> {
        let asked = self.asked.clone();
        self.lay_out().map_err(|cause| asked.not_sent(cause))
    }

    fn lay_out(self) -> Result<PreparedRequest, Cause> {
        let request = self.request?;
        let origin = Origin::of(&request.url)?;
        let proxy =
            self.shared.pool.dialer.proxy.as_ref().filter(|proxy| {
                proxy.kind == Kind::Http && proxy.is_for(&origin) && !origin.is_secure
            });
        let mut layout = Layout::default();
        let mut whole = Template::new().text(target(&request.url, proxy.is_some()));
        if !self.query.pieces.is_empty() {
            whole = whole.text(if request.url.query().is_some() { "&" } else { "?" });
            whole.pieces.extend(self.query.pieces);
        }
        layout.start(&request.method, whole)?;
        let mut defaults: HeaderMap = request.headers;
        // The answer is read where it lies.
        defaults.remove(ACCEPT_ENCODING);
        let mut given = Vec::new();
        for (name, value) in self.headers {
            let name = header_name(&name)?;
            defaults.remove(&name);
            given.push((name, value));
        }
        if !given.iter().any(|(name, _)| *name == http::header::HOST) {
            layout.header(b"host", host_header(&request.url).into())?;
        }
        for (name, value) in &defaults {
            layout.header(name.as_ref(), value.as_bytes().into())?;
        }
        if let Some(value) = proxy.and_then(|proxy| proxy.authorization()) {
            layout.header(b"proxy-authorization", value.as_bytes().into())?;
        }
        for (name, value) in given {
            layout.header(name.as_ref(), value)?;
        }
        let (body_start, replaceable) = layout.end(&request.method, self.body)?;
        let Layout { bytes, fields } = layout;
        for (at, field) in fields.iter().enumerate() {
            if fields[..at].iter().any(|other| other.name == field.name) {
                return Err(Cause::invalid(format!("there are two fields {:?}", field.name)));
            }
        }
        Ok(PreparedRequest {
            site: self.shared.pool.site(&origin),
            shared: self.shared,
            asked: Rc::new(self.asked),
            method: request.method,
            timeouts: request.timeouts,
            fields,
            bytes,
            body_start,
            replaceable,
            index: HeadIndex::new(),
            gathered: Gathered::default(),
        })
    }
}

/// The bytes as they are written, with the places of the fields.
#[derive(Debug, Default)]
struct Layout {
    bytes: Vec<u8>,
    fields: Vec<Place>,
}

impl Layout {
    fn start(&mut self, method: &Method, target: Template) -> Result<(), Cause> {
        let (target, fields) = target.laid_out();
        let text = String::from_utf8(target).map_err(|_| Cause::invalid("the query is no text"))?;
        write_start(&mut self.bytes, method, &text)?;
        self.add(fields, method.as_str().len() + 1, Section::Target);
        Ok(())
    }

    fn header(&mut self, name: &[u8], value: Template) -> Result<(), Cause> {
        let (value, fields) = value.laid_out();
        write_header(&mut self.bytes, name, &value)
            .map_err(|error| Cause::invalid(error.to_string()))?;
        let start = self.bytes.len() - b"\r\n".len() - value.len();
        self.add(fields, start, Section::Header);
        Ok(())
    }

    /// The length, the end of the head, and the body.
    fn end(
        &mut self,
        method: &Method,
        body: BodyPlan,
    ) -> Result<(usize, Option<(usize, usize)>), Cause> {
        let (bytes, fields, length_max) = match body {
            BodyPlan::Template(template) => {
                let (bytes, fields) = template.laid_out();
                (bytes, fields, None)
            }
            BodyPlan::UpTo(length_max) => (Vec::new(), Vec::new(), Some(length_max)),
        };
        let expects_body = [Method::POST, Method::PUT, Method::PATCH].contains(method);
        let mut length_at = None;
        if !bytes.is_empty() || length_max.is_some() || expects_body {
            let longest = length_max.unwrap_or(bytes.len());
            let width = longest.to_string().len();
            write_header(&mut self.bytes, CONTENT_LENGTH.as_ref(), longest.to_string().as_bytes())
                .map_err(|error| Cause::invalid(error.to_string()))?;
            length_at = Some((self.bytes.len() - b"\r\n".len() - width, width));
        }
        write_head_end(&mut self.bytes);
        let body_start = self.bytes.len();
        self.bytes.extend_from_slice(&bytes);
        self.add(fields, body_start, Section::Body);
        let replaceable = length_at.zip(length_max).map(|((at, _), max)| (at, max));
        if let Some((at, length_max)) = replaceable {
            self.bytes.reserve_exact(length_max);
            write_number(&mut self.bytes[at..][..length_max.to_string().len()], 0, b' ');
        }
        Ok((body_start, replaceable))
    }

    fn add(&mut self, fields: Vec<(String, usize, usize)>, base: usize, section: Section) {
        let places = fields.into_iter().map(|(name, at, width)| Place {
            name,
            start: base + at,
            width,
            section,
        });
        self.fields.extend(places);
    }
}

impl PreparedRequest {
    /// The field of a name. To be asked once, before the first send.
    ///
    /// # Errors
    ///
    /// [`Error::NotSent`] where there is none.
    pub fn field(&self, name: &str) -> Result<Field, Error> {
        let at = self.fields.iter().position(|field| field.name == name);
        at.map(Field).ok_or_else(|| self.invalid(format!("there is no field {name:?}")))
    }

    /// Sets a field.
    ///
    /// # Errors
    ///
    /// [`Error::NotSent`] where the value has another width than the field, or holds what would
    /// end the target, the line or the message; then the field is as it was.
    ///
    /// # Panics
    ///
    /// Where the field is another request's and this one has none of its number.
    pub fn set(&mut self, field: Field, value: &[u8]) -> Result<(), Error> {
        let Place { name, start, width, section } = &self.fields[field.0];
        if value.len() != *width {
            let length = value.len();
            return Err(self.invalid(format!("{length} bytes for {name:?}, which has {width}")));
        }
        let checked = match section {
            Section::Target => {
                check_target(value).map_err(|error| error.to_string()).and_then(|()| {
                    let ends = value.contains(&b'#');
                    if ends { Err("a # would end the target".to_owned()) } else { Ok(()) }
                })
            }
            Section::Header => check_header_value(value).map_err(|error| error.to_string()),
            Section::Body => Ok(()),
        };
        if let Err(why) = checked {
            return Err(self.invalid(format!("the value of {name:?}: {why}")));
        }
        self.bytes[*start..][..*width].copy_from_slice(value);
        Ok(())
    }

    /// Sets a field to a number, with zeros in front.
    ///
    /// # Errors
    ///
    /// [`Error::NotSent`] where it has more digits than the field; then the field is as it was.
    ///
    /// # Panics
    ///
    /// As [`set`](Self::set).
    pub fn set_number(&mut self, field: Field, number: u64) -> Result<(), Error> {
        let Place { name, start, width, .. } = &self.fields[field.0];
        if digits(number) > *width {
            return Err(self.invalid(format!("{number} for {name:?}, which has {width} digits")));
        }
        write_number(&mut self.bytes[*start..][..*width], number, b'0');
        Ok(())
    }

    /// Replaces the body, and its length in the head.
    ///
    /// # Errors
    ///
    /// [`Error::NotSent`] where it is longer than was said with
    /// [`body_up_to`](PreparedBuilder::body_up_to), or that was not called; then the body is as it
    /// was.
    pub fn set_body(&mut self, body: &[u8]) -> Result<(), Error> {
        let length = body.len();
        let Some((length_at, length_max)) = self.replaceable.filter(|(_, max)| length <= *max)
        else {
            let max = self.replaceable.map_or(0, |(_, max)| max);
            return Err(self.invalid(format!("a body of {length} bytes, where it may have {max}")));
        };
        self.bytes.truncate(self.body_start);
        self.bytes.extend_from_slice(body);
        // Spaces before the digits are no part of the value (RFC 9110 5.5).
        let width = digits(length_max as u64);
        write_number(&mut self.bytes[length_at..][..width], length as u64, b' ');
        Ok(())
    }

    /// The bytes as they would be sent now.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Sends it, with one write, and gives the whole answer, whatever its status.
    ///
    /// A dropped future closes the connection, unless the request was not begun.
    ///
    /// # Errors
    ///
    /// As for [`RequestBuilder::send`](super::RequestBuilder::send) and
    /// [`Response::bytes`](super::Response::bytes).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub async fn send(&mut self) -> Result<Answer<'_>, Error> {
        let bounds = Bounds {
            timeouts: self.timeouts,
            limits: self.shared.pool.limits,
            total: Total::starting_now(self.timeouts.total),
        };
        let mut attempts = Attempts::new(&self.shared, &self.site, bounds);
        let (answer, mut lease) = loop {
            let mut lease = attempts.lease(&self.asked).await?;
            let outgoing = Outgoing {
                method: &self.method,
                head: &self.bytes,
                body: &mut Body::empty(),
                expects_continue: false,
                wants_upgrade: false,
            };
            match lease.connection.exchange(outgoing, &bounds, &mut attempts.progress).await {
                Ok(answer) => break (answer, lease),
                Err(cause) if self.method.is_idempotent() && attempts.was_stale(&lease, &cause) => {
                }
                Err(cause) => return Err(self.asked.failed(attempts.written(), None, cause)),
            }
        };
        // The connection may serve another request before this answer is dropped.
        std::mem::swap(&mut self.index, &mut lease.connection.index);
        let asked = Rc::clone(&self.asked);
        let mut incoming = Incoming::new(lease, &answer, asked, attempts.written(), bounds);
        let body = self.gathered.gather(&mut incoming).await?;
        Ok(Answer::new(answer, &self.index, body))
    }

    fn invalid(&self, why: String) -> Error {
        self.asked.not_sent(Cause::InvalidRequest(why))
    }
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

/// Writes a number at the end of `to`, and `fill` in front of it.
fn write_number(to: &mut [u8], mut number: u64, fill: u8) {
    let mut is_first = true;
    for digit in to.iter_mut().rev() {
        *digit = match number {
            0 if !is_first => fill,
            _ => b'0' + (number % 10) as u8,
        };
        is_first = false;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::client::Client;

    fn order() -> PreparedRequest {
        let order = Client::new().prepare(Method::POST, "http://venue.example:81/order?a=1");
        let order = order
            .query(Template::new().text("t=").field("time", 13))
            .header("x-signature", Template::new().text("v1 ").field("signature", 4))
            .body_up_to(100);
        order.build().unwrap()
    }

    fn text(order: &PreparedRequest) -> String {
        String::from_utf8(order.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn fields_and_body_change_in_place_and_the_length_follows() {
        let mut order = order();
        let (time, signature) = (order.field("time").unwrap(), order.field("signature").unwrap());
        let room = order.bytes.capacity();
        order.set_number(time, 1_700_000_000_123).unwrap();
        order.set(signature, b"beef").unwrap();
        order.set_body(b"{}").unwrap();
        assert_eq!(
            text(&order),
            "POST /order?a=1&t=1700000000123 HTTP/1.1\r\nhost: venue.example:81\r\n\
             user-agent: taut/0.1.0\r\nx-signature: v1 beef\r\ncontent-length:   2\r\n\r\n{}"
        );
        order.set_body(&[b'x'; 100]).unwrap();
        assert!(text(&order).contains("content-length: 100\r\n"));
        order.set_number(time, 7).unwrap();
        assert!(text(&order).contains("t=0000000000007 HTTP"));
        order.set_body(b"").unwrap();
        assert!(text(&order).ends_with("content-length:   0\r\n\r\n"));
        assert_eq!(order.bytes.capacity(), room, "no send allocates");
    }

    #[test]
    fn what_does_not_fit_or_would_break_out_is_refused_and_changes_nothing() {
        let mut order = order();
        let (time, signature) = (order.field("time").unwrap(), order.field("signature").unwrap());
        let before = text(&order);
        assert!(order.set(signature, b"bee").unwrap_err().is_not_sent());
        for value in [b"a\r\nb", b"a\0bc", b"\r\n\r\n"] {
            assert!(order.set(signature, value).is_err());
        }
        for value in [b"1 HTTP/1.1\r\nX", b"123456789012#", b"1234567890 12", b"123\x005678901\n "]
        {
            assert!(order.set(time, value).is_err());
        }
        assert!(order.set_number(time, 10_000_000_000_000).is_err());
        assert!(order.set_body(&[0; 101]).is_err());
        assert!(order.field("nothing").is_err());
        assert_eq!(text(&order), before);
    }

    #[test]
    fn a_template_that_would_break_out_is_not_built() {
        let client = Client::new();
        let to = |url: &str| client.prepare(Method::GET, url);
        assert!(to("http://a/").query("a b").build().is_err());
        assert!(to("http://a/").query("a\r\nb").build().is_err());
        assert!(to("http://a/").header("x", "a\r\nb: c").build().is_err());
        assert!(to("http://a/").header("x\r\n", "a").build().is_err());
        assert!(to("http://a/").header("content-length", "1").build().is_err());
        let twice = Template::new().field("f", 1).field("f", 1);
        assert!(to("http://a/").query(twice).build().is_err());
        assert!(client.prepare(Method::CONNECT, "http://a/").build().is_err());
    }

    #[test]
    fn numbers_are_right_aligned() {
        let mut to = [0; 4];
        for (number, fill, text) in [(0, b'0', b"0000"), (7, b' ', b"   7"), (1234, b'0', b"1234")]
        {
            write_number(&mut to, number, fill);
            assert_eq!(&to, text);
        }
        assert_eq!([digits(0), digits(9), digits(10), digits(u64::MAX)], [1, 1, 2, 20]);
    }
}
