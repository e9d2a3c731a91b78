//! The answer to a request.

use std::rc::Rc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, StatusCode, Version};
use taut_runtime::buffer::RxBuf;
use url::Url;

use super::builder::Shared;
use super::decode::Decoder;
use super::error::{Cause, Error};
use super::incoming::Incoming;
use super::transport::ClientTransport;
use crate::http::wire::BodyLength;

/// An answer: its head is here, its body may still be coming in.
///
/// Where it began before the request was sent to its end, the rest is sent while the answer is
/// read, if its status is 2xx or 303; any other says that the rest is not wanted (RFC 9112 9.5).
/// Such an answer ends when the request has, or with an error: who reads it to its end knows that
/// all of the request was sent.
///
/// The connection goes back to the pool with the last byte of the body. Dropping an answer before
/// closes the connection, unless the body came together with the head.
#[derive(Debug)]
pub struct Response {
    status: StatusCode,
    version: Version,
    headers: HeaderMap,
    url: Url,
    incoming: Incoming,
    decoder: Option<Decoder>,
}

/// A connection that speaks another protocol from now on.
#[derive(Debug)]
pub struct Upgraded {
    /// The connection.
    pub transport: ClientTransport,
    /// What came of the new protocol together with the answer.
    pub received: RxBuf,
}

impl Response {
    pub(super) fn new(
        shared: &Rc<Shared>,
        url: Url,
        mut headers: HeaderMap,
        incoming: Incoming,
    ) -> Self {
        let (status, version) = (incoming.head().status, incoming.head().version);
        #[cfg(feature = "cookies")]
        if let Some(jar) = &shared.cookies {
            jar.keep(&url, &headers);
        }
        let limit = shared.pool.limits.decoded_bytes_max;
        // A part of a coded body can't be decoded.
        let is_coded = incoming.head().framing.body != BodyLength::None
            && status != StatusCode::PARTIAL_CONTENT;
        let decoder = match shared.decodes && is_coded {
            true => Decoder::for_headers(&headers, limit),
            false => None,
        };
        if decoder.is_some() {
            // They were true of what is not to be seen any more.
            headers.remove(CONTENT_ENCODING);
            headers.remove(CONTENT_LENGTH);
        }
        Self { status, version, headers, url, incoming, decoder }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// HTTP/1.0 or HTTP/1.1.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The headers. Where the body is decoded, `Content-Encoding` and `Content-Length` are not
    /// among them.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The value of a header, where it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Where the answer came from: the last URL, if there were redirects.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Number of bytes of the body, where the head says it; of the one that GET would bring, in the
    /// answer to HEAD.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The fields behind a chunked body, once its end was read.
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.incoming.trailers()
    }

    /// The answer, if its status is no error.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] from 400 on.
    pub fn error_for_status(self) -> Result<Self, Error> {
        match self.status.is_client_error() || self.status.is_server_error() {
            true => Err(self.error(Cause::Status(self.status))),
            false => Ok(self),
        }
    }

    /// The next bytes of the body, where they landed unless they had to be decoded; `None` after
    /// the last. Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`Error::WrittenNoAnswer`] where the body does not come to its end, in time or at all, or
    /// the rest of the request can't be sent; [`Error::Unusable`] where it can't be decoded, or not
    /// within [`decoded_bytes_max`](super::Limits::decoded_bytes_max).
    pub async fn chunk(&mut self) -> Result<Option<RxBuf>, Error> {
        loop {
            let piece = self.incoming.piece().await?;
            let Some(decoder) = &mut self.decoder else { return Ok(piece) };
            let decoded = match &piece {
                Some(piece) => decoder.push(piece),
                None => decoder.finish(),
            };
            let decoded = decoded.map_err(|cause| self.incoming.failed(cause))?;
            if piece.is_none() {
                self.decoder = None;
            }
            match decoded.is_empty() {
                false => return Ok(Some(RxBuf::from(decoded))),
                true if piece.is_none() => return Ok(None),
                true => {}
            }
        }
    }

    /// The whole body, copied once.
    ///
    /// # Errors
    ///
    /// As for [`chunk`](Self::chunk); [`Error::Unusable`] where it is longer than
    /// [`body_bytes_max`](super::Limits::body_bytes_max).
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        Ok(self.gather().await?.into())
    }

    async fn gather(&mut self) -> Result<Vec<u8>, Error> {
        let limit = self.incoming.bounds().limits.body_bytes_max;
        let too_large = Cause::TooLarge { limit: "body_bytes_max", value: limit };
        let announced = match self.incoming.head().framing.body {
            BodyLength::Length(length) if self.decoder.is_none() => length,
            _ => 0,
        };
        if announced > limit {
            return Err(self.incoming.failed(too_large));
        }
        let mut all = Vec::new();
        while let Some(piece) = self.chunk().await? {
            if (all.len() + piece.len()) as u64 > limit {
                return Err(self.incoming.failed(too_large));
            }
            if all.is_empty() {
                // What is announced is not believed further than this.
                all.reserve(piece.len().max(announced.min(1 << 20) as usize));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    /// The whole body as text.
    ///
    /// # Errors
    ///
    /// As for [`bytes`](Self::bytes); [`Error::Unusable`] where it is not UTF-8.
    pub async fn text(mut self) -> Result<String, Error> {
        let text = String::from_utf8(self.gather().await?);
        text.map_err(|error| self.error(Cause::Undecodable(error.into())))
    }

    /// The whole body as a value of JSON.
    ///
    /// # Errors
    ///
    /// As for [`bytes`](Self::bytes); [`Error::Unusable`] where it is no such JSON.
    #[cfg(feature = "json")]
    pub async fn json<T: serde::de::DeserializeOwned>(mut self) -> Result<T, Error> {
        let value = serde_json::from_slice(&self.gather().await?);
        value.map_err(|error| self.error(Cause::Undecodable(error.into())))
    }

    /// The connection, where the peer answered 101 and speaks another protocol from now on; else
    /// the answer itself.
    ///
    /// # Errors
    ///
    /// The answer, where it is another one.
    pub fn into_upgraded(self) -> Result<Upgraded, Box<Self>> {
        if !self.incoming.is_tunnel() {
            return Err(Box::new(self));
        }
        let (transport, received) = self.incoming.into_tunnel().expect("a tunnel keeps its own");
        Ok(Upgraded { transport, received })
    }

    pub(super) fn error(&self, cause: Cause) -> Error {
        self.incoming.error(cause)
    }

    /// Sends what is left of the request; the answer's body is not wanted.
    pub(super) async fn send_rest(&mut self) -> Result<(), Error> {
        self.incoming.send_rest().await
    }

    pub(super) fn written(&self) -> u64 {
        self.incoming.written()
    }
}
