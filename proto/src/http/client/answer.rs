//! The answer to a prepared request: a view of the bytes where they landed.

use std::rc::Rc;

use http::{StatusCode, Version};
use taut_runtime::buffer::RxBuf;

use super::connection::AnswerHead;
use super::error::{Cause, Error};
use super::incoming::Incoming;
use crate::http::wire::HeadIndex;

/// The whole answer to a prepared request, until it is sent again. Holds receive buffers: copy out
/// what is to be kept.
#[derive(Debug)]
pub struct Answer<'a> {
    head: AnswerHead,
    index: &'a HeadIndex,
    body: Option<RxBuf>,
}

impl<'a> Answer<'a> {
    pub(super) fn new(head: AnswerHead, index: &'a HeadIndex, body: Option<RxBuf>) -> Self {
        Self { head, index, body }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.head.head.status
    }

    /// HTTP/1.0 or HTTP/1.1.
    pub fn version(&self) -> Version {
        self.head.head.version
    }

    /// The value of the first header of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.index.get(&self.head.bytes, name)
    }

    /// Names, as they were sent, and values, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.index.iter(&self.head.bytes)
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or(&[])
    }

    /// The body, to be kept for longer than this.
    pub fn into_body(self) -> RxBuf {
        self.body.unwrap_or_else(RxBuf::empty)
    }
}

/// Memory for bodies that came in several pieces.
#[derive(Debug, Default)]
pub(super) struct Gathered(Rc<Vec<u8>>);

impl Gathered {
    /// The whole body, where it landed if it came in one piece; `None` for none.
    pub(super) async fn gather(&mut self, incoming: &mut Incoming) -> Result<Option<RxBuf>, Error> {
        let Some(first) = incoming.piece().await? else { return Ok(None) };
        let limit = incoming.bounds().limits.body_bytes_max;
        let mut length = first.len() as u64;
        let mut first = Some(first);
        while length <= limit {
            let Some(piece) = incoming.piece().await? else {
                return Ok(Some(match first {
                    Some(only) => only,
                    None => RxBuf::from(Rc::clone(&self.0)),
                }));
            };
            let bytes = self.memory(first.is_some());
            if let Some(first) = first.take() {
                bytes.extend_from_slice(&first);
            }
            bytes.extend_from_slice(&piece);
            length += piece.len() as u64;
        }
        Err(incoming.failed(Cause::TooLarge { limit: "body_bytes_max", value: limit }))
    }

    /// The memory, empty if it is to be filled anew; other memory where somebody holds this.
    fn memory(&mut self, is_new: bool) -> &mut Vec<u8> {
        if Rc::get_mut(&mut self.0).is_none() {
            self.0 = Rc::default();
        }
        let bytes = Rc::get_mut(&mut self.0).expect("nobody else holds it");
        if is_new {
            bytes.clear();
        }
        bytes
    }
}
