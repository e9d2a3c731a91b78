//! Received bytes, cut into records and opened where they are.
//!
//! Invariants: bytes that were received and not opened stand in `gathered` while `gathering`, and
//! behind that in `current`. A record that lies in one received buffer is opened there. One that
//! spans buffers is gathered once, in memory that the stream keeps and that holds one record at a
//! time; the records behind it are opened in place again.

use std::rc::Rc;

use taut_runtime::buffer::{RxBuf, RxBufMut};

use crate::tls::TlsError;
use crate::tls::record::{Opened, RECORD_HEADER_BYTES, RecordLayer};

/// What was received and not opened.
#[derive(Debug, Default)]
pub(in crate::tls) struct Received {
    /// Never empty.
    current: Option<RxBufMut>,
    /// The beginning of a record whose buffer is gone, while `gathering`; else memory to use again,
    /// once whoever holds the record in it has dropped that.
    gathered: Rc<Vec<u8>>,
    gathering: bool,
}

impl Received {
    /// Takes the next bytes; all before have been looked at.
    pub(in crate::tls) fn push(&mut self, bytes: RxBuf) {
        debug_assert!(self.current.is_none(), "bytes are asked for when there are none");
        if bytes.is_empty() {
            return;
        }
        // Another handle onto them would see them change: they are copied then.
        let bytes = bytes.try_into_mut().unwrap_or_else(|shared| shared.to_vec().into());
        self.current = Some(bytes);
    }

    /// Opens records until one has data; nothing where there is no whole one left, or the peer has
    /// said that it is done.
    pub(in crate::tls) fn next(
        &mut self,
        layer: &mut RecordLayer,
    ) -> Result<Option<RxBuf>, TlsError> {
        loop {
            let opened = match self.gathering {
                true => self.open_gathered(layer)?,
                false => self.open_in_place(layer)?,
            };
            match opened {
                Step::Data(data) => return Ok(Some(data)),
                Step::Control => {}
                Step::Partial => return Ok(None),
                Step::Closed => {
                    *self = Self::default();
                    return Ok(None);
                }
            }
        }
    }

    #[inline]
    fn open_in_place(&mut self, layer: &mut RecordLayer) -> Result<Step, TlsError> {
        let Some(current) = &mut self.current else { return Ok(Step::Partial) };
        let bytes = match layer.record_bytes(current)? {
            Some(bytes) if bytes <= current.len() => bytes,
            needed => {
                self.gather_rest(needed.unwrap_or(RECORD_HEADER_BYTES));
                return Ok(Step::Partial);
            }
        };
        let mut record = current.split_to(bytes);
        if current.is_empty() {
            // The slot goes back with the record.
            self.current = None;
        }
        Ok(match layer.open(&mut record)? {
            Opened::Data(range) => {
                let mut data = record.freeze();
                data.truncate(range.end);
                data.advance(range.start);
                Step::Data(data)
            }
            Opened::Control => Step::Control,
            Opened::Closed => Step::Closed,
        })
    }

    /// Frees the buffer's slot, since the rest of the record may take its time.
    fn gather_rest(&mut self, needed: usize) {
        let Some(current) = self.current.take() else { return };
        if Rc::get_mut(&mut self.gathered).is_none() {
            // The last gathered record still lives.
            self.gathered = Rc::default();
        }
        let gathered = own(&mut self.gathered);
        gathered.clear();
        // At most the length of a record, which has a limit.
        gathered.reserve(needed);
        gathered.extend_from_slice(&current);
        self.gathering = true;
    }

    /// As much as the record lacks is added to it; then it is opened.
    fn open_gathered(&mut self, layer: &mut RecordLayer) -> Result<Step, TlsError> {
        let record = own(&mut self.gathered);
        let bytes = loop {
            let known = layer.record_bytes(record)?;
            let wanted = known.unwrap_or(RECORD_HEADER_BYTES);
            if known == Some(record.len()) {
                break wanted;
            }
            let Some(current) = &mut self.current else { return Ok(Step::Partial) };
            record.reserve(wanted - record.len());
            let part = current.split_to(current.len().min(wanted - record.len()));
            record.extend_from_slice(&part);
            if current.is_empty() {
                self.current = None;
            }
        };
        debug_assert_eq!(bytes, record.len());
        self.gathering = false;
        Ok(match layer.open(record)? {
            Opened::Data(range) => {
                let mut data = RxBuf::from(Rc::clone(&self.gathered));
                data.truncate(range.end);
                data.advance(range.start);
                Step::Data(data)
            }
            Opened::Control => Step::Control,
            Opened::Closed => Step::Closed,
        })
    }
}

/// What became of the first bytes.
enum Step {
    Data(RxBuf),
    Control,
    Closed,
    /// The next record is not all there.
    Partial,
}

/// The memory of a record that is being gathered has one owner.
fn own(gathered: &mut Rc<Vec<u8>>) -> &mut Vec<u8> {
    Rc::get_mut(gathered).expect("a record that is being gathered is nobody else's")
}
