//! What two ends of a connection do, as a script; and what came of it.
//!
//! The first end may be a peer that means harm: it seals records that it must not send, and what it
//! sends is changed, cut and repeated on the way. Whatever it does, three things hold of the other
//! end, which [`check`] looks at: data comes out of what was sealed as such and arrived as it was,
//! in its order; without an error all of it does; after an error there is nothing but that error.

#![allow(dead_code, reason = "every user has its own part")]

mod decode;
mod play;

use taut_proto::tls::designs::{Design, Way, client, exchange, server};
use taut_proto::tls::{TlsAcceptor, TlsConnector, TlsVersion};

use play::without_padding;
pub(crate) use play::{Outcome, Played, play};

use crate::tls_common::NAME;

/// What one end does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Seals so many bytes.
    Data(usize),
    UpdateKeys,
    Close,
    /// The other end speaks from now on.
    Turn,
    /// Changes one bit of the next data on the wire: where, in 65 536ths of its length.
    Break(u16, u8),
    /// Leaves out so many bytes of the next data on the wire: from where, in 65 536ths of it.
    Cut(u16, u16),
    /// From here on nothing is sent before the next turn, or the end: then all at once.
    Hold,
    /// A record of a kind and with a content that need not be allowed, and a change of keys behind
    /// it. This and what follows is for the first end only.
    Record {
        kind: u8,
        payload: Vec<u8>,
        rekeys: bool,
    },
    /// The beginning of a record that nobody sealed.
    Header([u8; 5]),
    /// What was sent last, once more.
    Repeat,
}

/// A whole script.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) version: TlsVersion,
    /// Whether the first end is the client.
    pub(crate) from_client: bool,
    /// How what is sent is split: lengths, used in turn.
    pub(crate) pieces: Vec<usize>,
    pub(crate) steps: Vec<Step>,
}

impl Step {
    /// Whether no message of the handshake protocol is left unfinished by it.
    fn has_whole_messages(&self) -> bool {
        const HANDSHAKE: u8 = 22;
        let Self::Record { kind, payload, .. } = self else { return true };
        let (HANDSHAKE, messages) = without_padding(*kind, payload) else { return true };
        let mut rest = &messages[..];
        while let [_, high, middle, low, behind @ ..] = rest {
            let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
            let Some(next) = behind.get(length..) else { return false };
            rest = next;
        }
        rest.is_empty() && !messages.is_empty()
    }
}

/// Two ends after their handshake, the first of them the client if `from_client`.
pub(crate) fn pair(
    [first, second]: [Way; 2],
    from_client: bool,
    (connector, acceptor): &(TlsConnector, TlsAcceptor),
) -> [Box<dyn Design>; 2] {
    let mut pair = match from_client {
        true => [client(first, connector, NAME).unwrap(), server(second, acceptor).unwrap()],
        false => [server(first, acceptor).unwrap(), client(second, connector, NAME).unwrap()],
    };
    let [first_end, second_end] = &mut pair;
    exchange(&mut **first_end, &mut **second_end).unwrap();
    let handshaking = [first_end.is_handshaking(), second_end.is_handshaking()];
    assert_eq!(handshaking, [false; 2], "{first:?} and {second:?}");
    pair
}

/// Plays a script to each of our designs and to rustls. Panics where something does not hold.
pub(crate) fn check(script: &Script, ends: &(TlsConnector, TlsAcceptor)) -> Outcome {
    let play_to = |way| {
        let mut pair = pair([Way::Own, way], script.from_client, ends);
        let played = play(&mut pair, &script.steps, &script.pieces);
        if way != Way::Unbuffered {
            holds(&mut *pair[1], &played);
        }
        played.outcome
    };
    let ours = play_to(Way::Own);
    assert!(ours == play_to(Way::OwnInSlots), "buffers are not told from the wire");
    // Built for debugging rustls asserts that an end which has closed meets no error any more.
    // Without buffers it wants the part of a message that it has seen again with every call, also
    // to seal.
    let is_for_rustls = |step: &Step| *step != Step::Close && step.has_whole_messages();
    if script.steps.iter().all(is_for_rustls) {
        let theirs = play_to(Way::Unbuffered);
        let [taken, refused] = [&ours, &theirs].map(|it| (it.data[1].len(), it.failed[1]));
        assert!(ours.failed[1] || !theirs.failed[1], "refused by rustls: {refused:?}, {taken:?}");
        let [shorter, longer] = [&ours.data[1], &theirs.data[1]];
        assert!(longer.starts_with(shorter), "taken beyond rustls: {refused:?}, {taken:?}");
        assert!(ours.failed[1] || ours == theirs, "nothing failed: {refused:?}, {taken:?}");
    }
    ours
}

/// What holds of an end that got all that, whoever sent it.
fn holds(end: &mut dyn Design, Played { outcome, intact, damaged }: &Played) {
    let lengths = (outcome.data.each_ref().map(Vec::len), intact.each_ref().map(Vec::len));
    for (data, intact) in outcome.data.iter().zip(intact) {
        assert!(intact.starts_with(data), "data that nobody sealed: {lengths:?}");
    }
    let [peer_failed, failed] = outcome.failed;
    let ended = failed || peer_failed || outcome.done[1];
    assert!(ended || intact[1] == outcome.data[1], "bytes were lost: {lengths:?}");
    let may_fail = failed || damaged[0];
    assert!(may_fail || !peer_failed, "an answer of this end is refused by its own kind");
    if failed {
        end.sent();
        let mut opened = 0;
        let again = end.open(&mut [23, 3, 3, 0, 1, 0], &mut |data| opened += data.len());
        assert!(again.is_err() && opened == 0, "an error stays");
        assert!(end.seal(b"more").is_err() && end.to_send().is_empty(), "nothing goes out");
    }
}
