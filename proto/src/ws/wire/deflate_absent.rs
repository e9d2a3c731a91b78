//! Compressed messages where the feature `deflate` is off: of these types there is no value, so
//! nothing can be offered, agreed or compressed, and what would do it is not compiled.

use std::fmt;

use super::encoder::Encoder;
use super::header::Opcode;
use super::violation::Violation;

/// How compression is offered and taken: not at all without the feature `deflate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeflateOptions {}

/// What both ends agreed on: nothing without the feature `deflate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeflateAgreement {}

/// Why an answer can't be agreed to: nobody makes one. It might have a value all the same, or the
/// compiler would see that the code behind an agreement is not reached, and warn of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeflateRefusal;

#[derive(Debug)]
pub(crate) enum Inflate {}

/// Compresses messages: none without the feature `deflate`.
#[derive(Debug)]
pub enum Deflate {}

impl DeflateOptions {
    /// The name that the extension has in `Sec-WebSocket-Extensions`.
    pub const NAME: &str = "permessage-deflate";

    /// Never called.
    pub fn offer(&self) -> String {
        match *self {}
    }

    /// Never called.
    pub fn answer<'a>(
        &self,
        _: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Option<(DeflateAgreement, String)> {
        match *self {}
    }

    /// Never called.
    ///
    /// # Errors
    ///
    /// None.
    pub fn agree<'a>(
        &self,
        _: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<DeflateAgreement, DeflateRefusal> {
        match *self {}
    }
}

impl fmt::Display for DeflateRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("compression is not compiled in: it needs the feature `deflate`")
    }
}

impl std::error::Error for DeflateRefusal {}

impl Inflate {
    pub(crate) fn new(agreement: &DeflateAgreement) -> Self {
        match *agreement {}
    }

    pub(crate) fn push(&mut self, _: &[u8], _: &mut Vec<u8>, _: usize) -> Result<(), Violation> {
        match *self {}
    }

    pub(crate) fn finish_message(&mut self) -> Result<(), Violation> {
        match *self {}
    }
}

impl Deflate {
    /// Never called.
    pub fn new(agreement: &DeflateAgreement) -> Option<Self> {
        match *agreement {}
    }

    /// Never called.
    pub fn compresses(&self, _: usize) -> bool {
        match *self {}
    }

    /// Never called.
    pub fn message(&mut self, _: &mut Encoder, _: Opcode, _: &[&[u8]]) -> bool {
        match *self {}
    }
}
