//! How the bytes of a prepared request are laid out: the head as it is written, the body, and where
//! in them the fields lie.

use std::rc::Rc;

use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HOST};
use http::{HeaderMap, Method};

use super::builder::Shared;
use super::config::Timeouts;
use super::destination::{Origin, host_header, target};
use super::error::{Asked, Cause, Error};
use super::head::{header_name, write_start};
use super::prepared::PreparedRequest;
use super::request::Request;
use super::template::Template;
use crate::http::wire::{write_head_end, write_header};

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

/// Where a field lies, and what may stand there.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) start: usize,
    pub(super) width: usize,
    pub(super) section: Section,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Target,
    Header,
    Body,
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
        let mut request = self.request?;
        request.add_defaults(&self.shared.headers);
        let origin = Origin::of(&request.url)?;
        let proxy = self.shared.pool.dialer.proxy_for(&origin);
        let proxy = proxy.filter(|proxy| proxy.wants_absolute(&origin));
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
        match given.iter().filter(|(name, _)| *name == HOST).count() {
            0 if defaults.contains_key(HOST) => {}
            0 => layout.header(b"host", host_header(&request.url).into())?,
            1 => {}
            _ => return Err(Cause::invalid("there are two hosts")),
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
        layout.end(&request.method, self.body)?;
        for (at, field) in layout.fields.iter().enumerate() {
            if layout.fields[..at].iter().any(|other| other.name == field.name) {
                return Err(Cause::invalid(format!("there are two fields {:?}", field.name)));
            }
        }
        let site = self.shared.pool.site(&origin);
        let Request { method, timeouts, .. } = request;
        Ok(PreparedRequest::new(self.shared, site, self.asked, method, timeouts, layout))
    }
}

/// The bytes as they are written, with the places of the fields.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Head and body.
    pub(super) bytes: Vec<u8>,
    pub(super) fields: Vec<Place>,
    pub(super) body_start: usize,
    /// Where the digits of `Content-Length` stand, and how long the body may get; for a body that
    /// is replaced as a whole.
    pub(super) replaceable: Option<(usize, usize)>,
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
    fn end(&mut self, method: &Method, body: BodyPlan) -> Result<(), Cause> {
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
        self.body_start = self.bytes.len();
        self.bytes.extend_from_slice(&bytes);
        self.add(fields, self.body_start, Section::Body);
        self.replaceable = length_at.zip(length_max).map(|((at, _), max)| (at, max));
        if let Some((at, length_max)) = self.replaceable {
            self.bytes.reserve_exact(length_max);
            write_number(&mut self.bytes[at..][..length_max.to_string().len()], 0, b' ');
        }
        Ok(())
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

pub(super) fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

/// Writes a number at the end of `to`, and `fill` in front of it.
pub(super) fn write_number(to: &mut [u8], mut number: u64, fill: u8) {
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
