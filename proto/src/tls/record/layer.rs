//! A connection after its handshake: data sealed and opened, and the close of each direction.
//!
//! Invariants: what is sealed stands in one buffer in the order of its numbers, until it was sent.
//! After an error nothing is opened any more. Cost: data is copied once, into the buffer that it is
//! sealed in; what is received is opened where it is.

use std::io::IoSlice;
use std::ops::Range;

use super::cipher::Key;
use super::control::Control;
use super::fatal::{Fatal, alert, content};
use super::protection::{Protection, RECORD_PLAINTEXT_BYTES_MAX};
use super::secrets::{Secrets, TrafficKeys};
use crate::tls::{Provider, TlsError, TlsErrorKind, TlsVersion};

/// What a record held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Data of the peer's application: where in the record it lies. Never empty.
    Data(Range<usize>),
    /// Nothing for the application.
    Control,
    /// The peer has sent everything: the end of its direction.
    Closed,
}

/// The records of one connection, both ways, without I/O.
///
/// Made by [`Handshake::finish`](crate::tls::Handshake::finish). Received bytes are cut into
/// records by [`record_bytes`](Self::record_bytes) and opened one by one, in order; what is to be
/// sent stands in [`sealed`](Self::sealed), also what the layer itself has to answer.
#[derive(Debug)]
pub struct RecordLayer {
    pub(super) version: TlsVersion,
    provider: Provider,
    pub(super) secrets: Secrets,
    pub(super) inbound: Protection,
    pub(super) outbound: Protection,
    pub(super) control: Control,
    /// Sealed records, of which the first `sent` bytes have left.
    sealed: Vec<u8>,
    sent: usize,
    /// Why nothing is opened any more.
    failed: Option<TlsError>,
    pub(super) received_close: bool,
    sent_close: bool,
}

impl RecordLayer {
    pub(crate) fn new(
        version: TlsVersion,
        provider: Provider,
        secrets: Secrets,
        inbound: TrafficKeys,
        outbound: TrafficKeys,
    ) -> Result<Self, TlsError> {
        let protection = |keys: TrafficKeys| {
            Ok::<_, TlsError>(Protection::new(version, Key::new(provider, &keys.1)?, keys.0))
        };
        Ok(Self {
            version,
            provider,
            secrets,
            inbound: protection(inbound)?,
            outbound: protection(outbound)?,
            control: Control::default(),
            sealed: Vec::new(),
            sent: 0,
            failed: None,
            received_close: false,
            sent_close: false,
        })
    }

    /// The length of the record that `received` begins with, in bytes and with its header; nothing
    /// where there is too little to know.
    ///
    /// # Errors
    ///
    /// A record that is not one, or is longer than allowed. The alert for the peer is in
    /// [`sealed`](Self::sealed).
    #[inline]
    pub fn record_bytes(&mut self, received: &[u8]) -> Result<Option<usize>, TlsError> {
        self.inbound.record_bytes(received).map_err(|fatal| self.fail(fatal))
    }

    /// Opens one whole record in place.
    ///
    /// # Errors
    ///
    /// Whatever the peer did wrong, and its alert where it gave up. Ours for the peer is then in
    /// [`sealed`](Self::sealed). Every later call tells the error again.
    ///
    /// # Panics
    ///
    /// Where `record` is shorter than a header.
    #[inline]
    pub fn open(&mut self, record: &mut [u8]) -> Result<Opened, TlsError> {
        self.not_failed()?;
        if self.received_close {
            return Ok(Opened::Closed);
        }
        let opened = self.inbound.open(record);
        opened
            .and_then(|(kind, range)| {
                if kind == content::APPLICATION_DATA && !range.is_empty() {
                    self.control.received_data()?;
                    return Ok(Opened::Data(range));
                }
                self.receive_control(kind, &record[range])
            })
            .map_err(|fatal| self.fail(fatal))
    }

    /// Seals data, in records of up to [`RECORD_PLAINTEXT_BYTES_MAX`] bytes, at the end of
    /// [`sealed`](Self::sealed). Takes all of it.
    ///
    /// # Errors
    ///
    /// As for [`seal_vectored`](Self::seal_vectored).
    #[inline]
    pub fn seal(&mut self, data: &[u8]) -> Result<(), TlsError> {
        self.seal_vectored(&[IoSlice::new(data)], usize::MAX).map(drop)
    }

    /// As [`seal`](Self::seal), of several slices without regard to their boundaries, and of
    /// `bytes_max` bytes at most; how many were taken.
    ///
    /// # Errors
    ///
    /// After [`close`](Self::close), after the connection failed, and where the keys of TLS 1.2 are
    /// worn out: nothing more can be sent then.
    pub fn seal_vectored(
        &mut self,
        slices: &[IoSlice<'_>],
        bytes_max: usize,
    ) -> Result<usize, TlsError> {
        self.not_failed()?;
        let given: usize = slices.iter().map(|slice| slice.len()).sum();
        let bytes = given.min(bytes_max);
        let mut slices = slices.iter();
        let mut slice: &[u8] = &[];
        let mut left = bytes;
        while left > 0 {
            self.make_room_for_a_record()?;
            let start = self.sealed.len();
            self.outbound.begin(&mut self.sealed);
            let mut room = left.min(RECORD_PLAINTEXT_BYTES_MAX);
            left -= room;
            while room > 0 {
                if slice.is_empty() {
                    slice = slices.next().expect("the slices hold so many bytes");
                }
                let (part, rest) = slice.split_at(slice.len().min(room));
                self.sealed.extend_from_slice(part);
                room -= part.len();
                slice = rest;
            }
            self.outbound.finish(content::APPLICATION_DATA, &mut self.sealed, start);
        }
        Ok(bytes)
    }

    /// Seals `memory[start..]` where it is, as one record, and says whether it did. Then `memory` is
    /// where that record waits to be sent, and is exchanged for empty memory.
    ///
    /// It does not where nothing is to be sealed or it is more than one record, where other records
    /// wait, and where there is too little room in front of `start`.
    ///
    /// # Errors
    ///
    /// As for [`seal_vectored`](Self::seal_vectored).
    pub fn seal_in_place(&mut self, memory: &mut Vec<u8>, start: usize) -> Result<bool, TlsError> {
        self.not_failed()?;
        let bytes = memory.len() - start;
        if bytes == 0 || bytes > RECORD_PLAINTEXT_BYTES_MAX {
            return Ok(false);
        }
        self.make_room_for_a_record()?;
        let Some(record_start) = start.checked_sub(self.outbound.bytes_before()) else {
            return Ok(false);
        };
        // New keys may just have been told.
        if !self.sealed().is_empty() {
            return Ok(false);
        }
        self.outbound.begin_before(&mut memory[record_start..start]);
        self.outbound.finish(content::APPLICATION_DATA, memory, record_start);
        std::mem::swap(&mut self.sealed, memory);
        self.sent = record_start;
        memory.clear();
        Ok(true)
    }

    /// Sees to it that the key may seal one more record, with one left for its successor.
    fn make_room_for_a_record(&mut self) -> Result<(), TlsError> {
        if self.sent_close {
            return Err(TlsError::new(TlsErrorKind::Local, "the writing direction is closed"));
        }
        if !self.outbound.is_worn_out() {
            return Ok(());
        }
        if self.version == TlsVersion::Tls13 {
            return self.update_keys();
        }
        self.close();
        Err(TlsError::new(
            TlsErrorKind::Local,
            "the keys of TLS 1.2 are worn out and it has no new ones: connect again",
        ))
    }

    /// Seals from now on with new keys, and tells the peer. Happens by itself where keys wear out.
    ///
    /// # Errors
    ///
    /// With TLS 1.2, which can't; after [`close`](Self::close) and after the connection failed.
    pub fn update_keys(&mut self) -> Result<(), TlsError> {
        self.not_failed()?;
        if self.version != TlsVersion::Tls13 || self.sent_close {
            let message = "new keys are for TLS 1.3, while the writing direction is open";
            return Err(TlsError::new(TlsErrorKind::Local, message));
        }
        self.send_key_update()
    }

    /// Says that the keys change, in a last record under the old one.
    pub(super) fn send_key_update(&mut self) -> Result<(), TlsError> {
        self.seal_record(content::HANDSHAKE, &super::control::KEY_UPDATE);
        self.seal_with_next_key()
    }

    pub(in crate::tls) fn seal_with_next_key(&mut self) -> Result<(), TlsError> {
        let (sequence, secrets) = self.secrets.next_outbound()?;
        self.outbound.rekey(Key::new(self.provider, &secrets)?, sequence);
        Ok(())
    }

    /// The peer seals with its next key from now on.
    pub(super) fn receive_with_next_key(&mut self) -> Result<(), TlsError> {
        let (sequence, secrets) = self.secrets.next_inbound()?;
        self.inbound.rekey(Key::new(self.provider, &secrets)?, sequence);
        Ok(())
    }

    /// Says `close_notify`: this end has sent everything. Once; nothing can be sealed after it.
    pub fn close(&mut self) {
        if !self.sent_close && self.failed.is_none() {
            self.send_alert(1, alert::CLOSE_NOTIFY);
        }
        self.sent_close = true;
    }

    pub(super) fn send_alert(&mut self, level: u8, description: u8) {
        self.seal_record(content::ALERT, &[level, description]);
    }

    pub(in crate::tls) fn seal_record(&mut self, kind: u8, payload: &[u8]) {
        let start = self.sealed.len();
        self.outbound.begin(&mut self.sealed);
        self.sealed.extend_from_slice(payload);
        self.outbound.finish(kind, &mut self.sealed, start);
    }

    /// Ends the connection: the alert is sent, the error told and kept.
    fn fail(&mut self, fatal: Fatal) -> TlsError {
        if let Some(failed) = &self.failed {
            return failed.again();
        }
        if let Some(alert) = fatal.alert
            && !self.sent_close
        {
            self.send_alert(2, alert);
        }
        self.sent_close = true;
        self.failed = Some(fatal.error.again());
        fatal.error
    }

    /// Whether records can still be opened and sealed.
    ///
    /// # Errors
    ///
    /// Why they can't, again.
    #[inline]
    pub fn not_failed(&self) -> Result<(), TlsError> {
        self.failed.as_ref().map_or(Ok(()), |failed| Err(failed.again()))
    }

    /// The transport ended: the error where the peer had not said that it is done.
    ///
    /// # Errors
    ///
    /// [`Truncated`](TlsErrorKind::Truncated), or why the connection had failed before.
    pub fn transport_ended(&mut self) -> Result<(), TlsError> {
        match &self.failed {
            Some(failed) => Err(failed.again()),
            None if self.received_close => Ok(()),
            None => Err(self.fail(Fatal { alert: None, error: TlsError::truncated() })),
        }
    }

    /// Whether the peer has said that it has sent everything.
    #[inline]
    #[must_use]
    pub fn is_peer_done(&self) -> bool {
        self.received_close
    }

    /// Whether this end has said so.
    pub(super) fn is_closed(&self) -> bool {
        self.sent_close
    }

    /// What is to be sent next.
    #[inline]
    #[must_use]
    pub fn sealed(&self) -> &[u8] {
        &self.sealed[self.sent..]
    }

    /// The first `bytes` of [`sealed`](Self::sealed) were sent. Once all were, their memory is used
    /// again.
    ///
    /// # Panics
    ///
    /// Where there are fewer.
    #[inline]
    pub fn sent(&mut self, bytes: usize) {
        assert!(bytes <= self.sealed().len(), "sent {bytes} of {}", self.sealed().len());
        self.sent += bytes;
        if self.sent == self.sealed.len() {
            self.sealed.clear();
            self.sent = 0;
            self.control.answered();
        }
    }
}

impl std::fmt::Debug for Secrets {
    /// Never shows the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_client() { "Secrets(client)" } else { "Secrets(server)" })
    }
}
