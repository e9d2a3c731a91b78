//! Compressed messages.

use super::violation::Violation;

#[derive(Debug)]
pub(crate) enum Inflate {}

impl Inflate {
    pub(crate) fn push(&mut self, _: &[u8], _: &mut Vec<u8>, _: usize) -> Result<(), Violation> {
        match *self {}
    }

    pub(crate) fn finish_message(&mut self, _: &mut Vec<u8>, _: usize) -> Result<(), Violation> {
        match *self {}
    }
}
