//! Requests whose bytes are ready but for a few fields: for order entry.
//!
//! The head is written once. A send patches fields of fixed width in place, checks each byte that
//! goes in, and makes one write of head and body together. Nothing is allocated, neither for the
//! request nor for its answer: names are compared where they landed, the body is a view of the
//! receive buffer. What spans buffers is gathered in memory that the request keeps.

use std::rc::Rc;

use http::Method;

use super::answer::{Answer, Gathered};
use super::builder::Shared;
use super::config::Timeouts;
use super::connection::{Bounds, Outgoing};
use super::error::{Asked, Cause, Error};
use super::incoming::Incoming;
use super::limit_time::Total;
use super::pool::Site;
use super::prepared_layout::{Layout, Place, Section, digits, write_number};
use super::send::Attempts;
use super::sending::Message;
use crate::http::body::Body;
use crate::http::wire::{HeadIndex, check_header_value, check_target};

/// A field of a [`PreparedRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field(usize);

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
    layout: Layout,
    index: HeadIndex,
    gathered: Gathered,
}

impl PreparedRequest {
    pub(super) fn new(
        shared: Rc<Shared>,
        site: Rc<Site>,
        asked: Asked,
        method: Method,
        timeouts: Timeouts,
        layout: Layout,
    ) -> Self {
        let (index, gathered) = (HeadIndex::new(), Gathered::default());
        Self { shared, site, asked: Rc::new(asked), method, timeouts, layout, index, gathered }
    }

    /// The field of a name. To be asked once, before the first send.
    ///
    /// # Errors
    ///
    /// [`Error::NotSent`] where there is none.
    pub fn field(&self, name: &str) -> Result<Field, Error> {
        let at = self.layout.fields.iter().position(|field| field.name == name);
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
        let Place { name, start, width, section } = &self.layout.fields[field.0];
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
        self.layout.bytes[*start..][..*width].copy_from_slice(value);
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
        let Place { name, start, width, .. } = &self.layout.fields[field.0];
        if digits(number) > *width {
            return Err(self.invalid(format!("{number} for {name:?}, which has {width} digits")));
        }
        write_number(&mut self.layout.bytes[*start..][..*width], number, b'0');
        Ok(())
    }

    /// Replaces the body, and its length in the head.
    ///
    /// # Errors
    ///
    /// [`Error::NotSent`] where it is longer than was said with
    /// [`body_up_to`](super::PreparedBuilder::body_up_to), or that was not called; then the body is
    /// as it was.
    pub fn set_body(&mut self, body: &[u8]) -> Result<(), Error> {
        let length = body.len();
        let Some((length_at, length_max)) =
            self.layout.replaceable.filter(|(_, max)| length <= *max)
        else {
            let max = self.layout.replaceable.map_or(0, |(_, max)| max);
            return Err(self.invalid(format!("a body of {length} bytes, where it may have {max}")));
        };
        self.layout.bytes.truncate(self.layout.body_start);
        self.layout.bytes.extend_from_slice(body);
        // Spaces before the digits are no part of the value (RFC 9110 5.5).
        let width = digits(length_max as u64);
        write_number(&mut self.layout.bytes[length_at..][..width], length as u64, b' ');
        Ok(())
    }

    /// The bytes as they would be sent now.
    pub fn as_bytes(&self) -> &[u8] {
        &self.layout.bytes
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
        let (mut answer, mut lease) = loop {
            let mut lease = attempts.lease(&self.asked).await?;
            let outgoing = Outgoing {
                method: &self.method,
                message: Message { head: &self.layout.bytes, body: &mut Body::empty() },
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
        let mut incoming = Incoming::new(lease, &mut answer, asked, attempts.written(), bounds);
        let body = self.gathered.gather(&mut incoming).await?;
        Ok(Answer::new(answer, &self.index, body))
    }

    fn invalid(&self, why: String) -> Error {
        self.asked.not_sent(Cause::InvalidRequest(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::client::{Client, Template};

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
        let room = order.layout.bytes.capacity();
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
        assert_eq!(order.layout.bytes.capacity(), room, "no send allocates");
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
}
