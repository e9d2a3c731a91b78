//! What peers say to each other beside data: alerts, tickets, new keys.
//!
//! Invariant: each of these costs this end some work and the peer nearly none, so each has a limit,
//! which data from the peer begins anew. Nothing of it reaches the application.

use super::fatal::{Fatal, alert, content};
use super::layer::{Opened, RecordLayer};
use crate::tls::{TlsError, TlsVersion};

/// Records without data in a row: 32.
pub const EMPTY_RECORDS_MAX: u8 = 32;

/// New keys that the peer takes without sending data in between: 32.
pub const KEY_UPDATES_MAX: u8 = 32;

/// Alerts of a connection that mean nothing: 4.
pub const WARNING_ALERTS_MAX: u8 = 4;

/// The longest message of the handshake protocol, such as a ticket, in bytes: 64 KiB.
pub const HANDSHAKE_MESSAGE_BYTES_MAX: usize = 1 << 16;

/// Attempts to begin TLS 1.2 anew that are turned down without ending the connection.
const RENEGOTIATIONS_MAX: u8 = 1;

/// Messages of the handshake protocol (RFC 8446, section 4; RFC 5246, section 7.4).
const HELLO_REQUEST: u8 = 0;
const CLIENT_HELLO: u8 = 1;
const NEW_SESSION_TICKET: u8 = 4;
const KEY_UPDATE_KIND: u8 = 24;

/// A whole message: this end has new keys and does not ask for the peer's.
pub(super) const KEY_UPDATE: [u8; 5] = [KEY_UPDATE_KIND, 0, 0, 1, 0];

/// What was said so far.
#[derive(Debug, Default)]
pub(super) struct Control {
    /// The beginning of a message that spans records.
    partial: Vec<u8>,
    empty_records: u8,
    key_updates: u8,
    warning_alerts: u8,
    renegotiations: u8,
    /// An answer to a peer that asked for new keys has not left yet: it answers the next one, too.
    is_answering: bool,
}

impl Control {
    /// The peer sent data: the limits begin anew.
    #[inline]
    pub(super) fn received_data(&mut self) -> Result<(), Fatal> {
        self.not_within_a_message()?;
        (self.empty_records, self.key_updates) = (0, 0);
        Ok(())
    }

    /// All that was sealed has left.
    #[inline]
    pub(super) fn answered(&mut self) {
        self.is_answering = false;
    }

    /// No other record may come between the parts of a message.
    #[inline]
    fn not_within_a_message(&self) -> Result<(), Fatal> {
        if self.partial.is_empty() {
            return Ok(());
        }
        Err(Fatal::unexpected("another record within a handshake message"))
    }
}

/// Counts one more; an error with the words where it is one too many.
fn count(counter: &mut u8, max: u8, message: &'static str) -> Result<(), Fatal> {
    if *counter == max {
        return Err(Fatal::unexpected(message));
    }
    *counter += 1;
    Ok(())
}

/// A message of the handshake protocol.
struct Message<'a> {
    kind: u8,
    body: &'a [u8],
    /// What follows it.
    behind: &'a [u8],
}

/// The first message of these bytes; nothing where it is not all there.
fn first_message(bytes: &[u8]) -> Result<Option<Message<'_>>, Fatal> {
    let Some((&[kind, high, middle, low], rest)) = bytes.split_first_chunk() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([0, high, middle, low]) as usize;
    if length > HANDSHAKE_MESSAGE_BYTES_MAX {
        return Err(Fatal::peer(alert::DECODE_ERROR, "a handshake message longer than 64 KiB"));
    }
    let whole = rest.split_at_checked(length);
    Ok(whole.map(|(body, behind)| Message { kind, body, behind }))
}

impl RecordLayer {
    /// A record that is not data, or has none.
    #[cold]
    pub(super) fn receive_control(&mut self, kind: u8, payload: &[u8]) -> Result<Opened, Fatal> {
        if kind != content::HANDSHAKE {
            self.control.not_within_a_message()?;
        }
        match (kind, payload) {
            (content::APPLICATION_DATA, []) => {
                let counter = &mut self.control.empty_records;
                count(counter, EMPTY_RECORDS_MAX, "too many records without data")?;
            }
            (content::ALERT, &[level, description]) => {
                return self.receive_alert(level, description);
            }
            (content::ALERT, _) => {
                return Err(Fatal::peer(alert::DECODE_ERROR, "an alert that is not one"));
            }
            (content::HANDSHAKE, []) => {
                return Err(Fatal::unexpected("a handshake record without a message"));
            }
            (content::HANDSHAKE, _) => self.receive_messages(payload)?,
            (content::CHANGE_CIPHER_SPEC, _) => {
                return Err(Fatal::unexpected("change_cipher_spec after the handshake"));
            }
            _ => return Err(Fatal::unexpected("a record of a kind that is not known")),
        }
        Ok(Opened::Control)
    }

    fn receive_alert(&mut self, level: u8, description: u8) -> Result<Opened, Fatal> {
        const WARNING: u8 = 1;
        const FATAL: u8 = 2;
        if level != WARNING && level != FATAL {
            return Err(Fatal::peer(alert::ILLEGAL_PARAMETER, "an alert of an unknown level"));
        }
        if description == alert::CLOSE_NOTIFY {
            self.received_close = true;
            return Ok(Opened::Closed);
        }
        let is_tls13 = self.version == TlsVersion::Tls13;
        if level == WARNING && (!is_tls13 || description == alert::USER_CANCELED) {
            count(&mut self.control.warning_alerts, WARNING_ALERTS_MAX, "too many warning alerts")?;
            return Ok(Opened::Control);
        }
        let cause = rustls::Error::AlertReceived(description.into());
        Err(Fatal { alert: None, error: TlsError::from(cause) })
    }

    /// Messages of the handshake protocol, which may share a record or span several.
    fn receive_messages(&mut self, payload: &[u8]) -> Result<(), Fatal> {
        let mut joined = std::mem::take(&mut self.control.partial);
        let mut rest = payload;
        if !joined.is_empty() {
            joined.extend_from_slice(payload);
            rest = &joined;
        }
        while let Some(message) = first_message(rest)? {
            self.receive_message(&message)?;
            rest = message.behind;
        }
        // What is left is shorter than a message, which has a limit.
        self.control.partial = rest.to_vec();
        Ok(())
    }

    fn receive_message(&mut self, message: &Message<'_>) -> Result<(), Fatal> {
        let &Message { kind, body, behind } = message;
        match (self.version, kind) {
            (TlsVersion::Tls13, KEY_UPDATE_KIND) => {
                self.receive_key_update(body, behind.is_empty())
            }
            (TlsVersion::Tls13, NEW_SESSION_TICKET) => match self.secrets.keep_ticket(body) {
                Ok(true) => Ok(()),
                Ok(false) => Err(Fatal::unexpected("a ticket from a client")),
                Err(error) => Err(TlsError::from(error).into()),
            },
            (TlsVersion::Tls12, HELLO_REQUEST) if self.secrets.is_client() => self.turn_down(),
            (TlsVersion::Tls12, CLIENT_HELLO) if !self.secrets.is_client() => self.turn_down(),
            _ => Err(Fatal::unexpected("a message of the handshake after its end")),
        }
    }

    /// Refuses to begin TLS 1.2 anew: there is no need for it, and there were attacks by it.
    fn turn_down(&mut self) -> Result<(), Fatal> {
        const WARNING: u8 = 1;
        let counter = &mut self.control.renegotiations;
        count(counter, RENEGOTIATIONS_MAX, "renegotiation, which was turned down")?;
        if !self.is_closed() {
            self.send_alert(WARNING, alert::NO_RENEGOTIATION);
        }
        Ok(())
    }

    fn receive_key_update(&mut self, body: &[u8], is_last: bool) -> Result<(), Fatal> {
        if !is_last {
            return Err(Fatal::unexpected("a message under old keys behind the new ones"));
        }
        let asks_for_ours = match body {
            [0] => false,
            [1] => true,
            [_] => {
                return Err(Fatal::peer(alert::ILLEGAL_PARAMETER, "an unknown request for keys"));
            }
            _ => return Err(Fatal::peer(alert::DECODE_ERROR, "new keys that are none")),
        };
        count(&mut self.control.key_updates, KEY_UPDATES_MAX, "too many new keys without data")?;
        self.receive_with_next_key()?;
        if asks_for_ours && !self.control.is_answering && !self.is_closed() {
            self.send_key_update()?;
            self.control.is_answering = true;
        }
        Ok(())
    }
}
