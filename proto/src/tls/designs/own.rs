//! Our own record layer.

use super::Design;
use crate::tls::record::{Opened, RecordLayer};
use crate::tls::stream::Received;
use crate::tls::{Handshake, TlsError};

/// An end that is such a connection, and how what it receives is fed to it.
pub(super) struct Own<F> {
    state: State,
    feed: F,
}

/// How received bytes are fed to a record layer.
pub(super) trait Feed {
    /// Opens the whole records that are there, and gives data to `each`; how many bytes were taken.
    fn open(
        &mut self,
        layer: &mut RecordLayer,
        received: &mut [u8],
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, TlsError>;
}

/// Records as they lie in the caller's bytes.
pub(super) struct InPlace;

impl Feed for InPlace {
    fn open(
        &mut self,
        layer: &mut RecordLayer,
        received: &mut [u8],
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, TlsError> {
        let mut used = 0;
        while let Some(bytes) = layer.record_bytes(&received[used..])? {
            let Some(record) = received[used..].get_mut(..bytes) else { break };
            match layer.open(record)? {
                Opened::Data(range) => each(&record[range]),
                Opened::Control => {}
                Opened::Closed => return Ok(received.len()),
            }
            used += bytes;
        }
        Ok(used)
    }
}

/// One buffer after the other, as a stream has it.
impl Feed for Received {
    fn open(
        &mut self,
        layer: &mut RecordLayer,
        received: &mut [u8],
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, TlsError> {
        self.push(received.to_vec().into());
        while let Some(data) = self.next(layer)? {
            each(&data);
        }
        Ok(received.len())
    }
}

enum State {
    Handshake(Box<Handshake>),
    Traffic {
        layer: Box<RecordLayer>,
        sent_before: Vec<u8>,
    },
    /// Between two states.
    Nothing,
}

impl<F> Own<F> {
    pub(super) fn new(handshake: Handshake, feed: F) -> Self {
        Self { state: State::Handshake(Box::new(handshake)), feed }
    }

    fn layer(&mut self) -> &mut RecordLayer {
        match &mut self.state {
            State::Traffic { layer, .. } => layer,
            _ => panic!("the handshake is not over"),
        }
    }

    /// Goes on with the handshake; how many bytes were behind its end, where it came to that.
    fn shake(&mut self, received: &[u8]) -> Result<Option<usize>, TlsError> {
        let State::Handshake(handshake) = &mut self.state else { return Ok(Some(received.len())) };
        if !handshake.receive(received)? {
            return Ok(None);
        }
        let sent_before = handshake.to_send().to_vec();
        let State::Handshake(handshake) = std::mem::replace(&mut self.state, State::Nothing) else {
            unreachable!("seen above");
        };
        let finished = handshake.finish()?;
        self.state = State::Traffic { layer: Box::new(finished.layer), sent_before };
        Ok(Some(finished.received.len()))
    }
}

impl<F: Feed> Design for Own<F> {
    fn seal(&mut self, data: &[u8]) -> Result<(), TlsError> {
        self.layer().seal(data)
    }

    fn update_keys(&mut self) -> Result<(), TlsError> {
        self.layer().update_keys()
    }

    fn close(&mut self) {
        self.layer().close();
    }

    fn to_send(&self) -> &[u8] {
        match &self.state {
            State::Handshake(handshake) => handshake.to_send(),
            // What ended the handshake goes first; nothing is sealed before it has left.
            State::Traffic { sent_before, .. } if !sent_before.is_empty() => sent_before,
            State::Traffic { layer, .. } => layer.sealed(),
            State::Nothing => &[],
        }
    }

    fn sent(&mut self) {
        match &mut self.state {
            State::Handshake(handshake) => handshake.sent(handshake.to_send().len()),
            State::Traffic { sent_before, .. } if !sent_before.is_empty() => sent_before.clear(),
            State::Traffic { layer, .. } => layer.sent(layer.sealed().len()),
            State::Nothing => {}
        }
    }

    fn open(
        &mut self,
        received: &mut [u8],
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, TlsError> {
        let Some(behind) = self.shake(received)? else { return Ok(received.len()) };
        let used = received.len() - behind;
        let State::Traffic { layer, .. } = &mut self.state else { return Ok(used) };
        layer.not_failed()?;
        if layer.is_peer_done() {
            return Ok(received.len());
        }
        Ok(used + self.feed.open(layer, &mut received[used..], each)?)
    }

    fn seal_record(&mut self, kind: u8, payload: &[u8], rekeys: bool) -> bool {
        let layer = self.layer();
        layer.seal_record(kind, payload);
        if rekeys {
            layer.seal_with_next_key().expect("TLS 1.3 has a next key");
        }
        true
    }

    fn is_peer_done(&self) -> bool {
        matches!(&self.state, State::Traffic { layer, .. } if layer.is_peer_done())
    }

    fn is_handshaking(&self) -> bool {
        !matches!(self.state, State::Traffic { .. })
    }
}
