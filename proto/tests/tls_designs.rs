//! The three designs tell the same: the same script of data, new keys, splits and broken bytes gives
//! the same data, or an error, whichever of them seals and whichever opens.

mod tls_common;

use std::collections::VecDeque;

use proptest::prelude::*;
use taut_proto::tls::designs::{Design, Way, client, exchange, server};
use taut_proto::tls::{Provider, TlsVersion};
use tls_common::{NAME, ends, providers};

/// More than a record can be said to hold.
const FILLER_BYTES: usize = 20_000;
static FILLER: Step = Step::Data(FILLER_BYTES);

/// What one end does.
#[derive(Clone, Debug)]
enum Step {
    /// Seals so many bytes.
    Data(usize),
    UpdateKeys,
    Close,
    /// Changes one bit of the next data on the wire: where, in parts of its length.
    Break(f64, u8),
    /// Leaves out a byte of the next data on the wire.
    Cut(f64),
    /// The other end speaks from now on.
    Turn,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop_oneof![1_usize..600, 16_000_usize..40_000, Just(1 << 14)].prop_map(Step::Data),
        2 => Just(Step::UpdateKeys),
        1 => Just(Step::Close),
        1 => (0.0..1.0_f64, 0..8_u8).prop_map(|(place, bit)| Step::Break(place, bit)),
        1 => (0.0..1.0_f64).prop_map(Step::Cut),
        2 => Just(Step::Turn),
    ]
}

/// What came out at either end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    data: [Vec<u8>; 2],
    failed: [bool; 2],
    done: [bool; 2],
}

/// One direction's bytes that were not whole records yet.
type Wire = Vec<u8>;

/// Plays the script, with what is sent split into pieces of these lengths. Behind what is damaged,
/// and in the end, come enough bytes to fill what a broken length may have promised: else the error
/// would wait for what comes next, and rustls answers new keys later than ours.
fn play(ends: &mut [Box<dyn Design>; 2], script: &[Step], pieces: &[usize]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut wires: [Wire; 2] = Default::default();
    let mut speaker = 0;
    let mut closed = [false; 2];
    let mut damage = None;
    let last = [Step::Data(FILLER_BYTES), Step::Turn, Step::Data(FILLER_BYTES)];
    let mut steps: VecDeque<&Step> = script.iter().chain(&last).collect();
    let mut number = 0;
    while let Some(step) = steps.pop_front() {
        number += 1;
        let listener = 1 - speaker;
        // rustls asserts, where it is built for debugging, that an end which has closed meets no
        // error any more.
        let may_break = !closed[listener];
        let mut broken = None;
        match step {
            Step::Data(bytes) if !closed[speaker] => {
                let data: Vec<u8> = (0..*bytes).map(|at| (at * 7 + number) as u8).collect();
                ends[speaker].seal(&data).unwrap();
                broken = damage.take_if(|_| may_break).map(|damage| (damage, *bytes));
                if broken.is_some() {
                    steps.push_front(&FILLER);
                }
            }
            Step::UpdateKeys if !closed[speaker] => ends[speaker].update_keys().unwrap(),
            Step::Close if !closed[speaker] => {
                ends[speaker].close();
                closed[speaker] = true;
            }
            Step::Break(..) | Step::Cut(_) => damage = Some(step),
            Step::Turn => speaker = listener,
            _ => {}
        }
        // What one end answers is carried, too.
        for from in [speaker, 1 - speaker, speaker] {
            let mut sent = ends[from].to_send().to_vec();
            ends[from].sent();
            if let Some((step, bytes)) = broken.take() {
                apply(step, &mut sent, bytes);
            }
            deliver(&mut ends[1 - from], &mut wires[from], &sent, pieces, &mut outcome, 1 - from);
        }
        if outcome.failed.contains(&true) {
            return outcome;
        }
    }
    outcome
}

/// Damages what so many bytes of data were sealed to, the last records of `sent`; an answer of
/// rustls may stand in front of them. The kind and the version of a record stay, since rustls
/// passes over some that are wrong and ours does not: they have a test of their own.
fn apply(damage: &Step, sent: &mut Vec<u8>, data_bytes: usize) {
    let mut records = Vec::new();
    let mut start = 0;
    while start < sent.len() {
        records.push(start);
        start += 5 + usize::from(u16::from_be_bytes([sent[start + 3], sent[start + 4]]));
    }
    let data_records = data_bytes.div_ceil(1 << 14);
    let first = records[records.len() - data_records];
    let at = |place: f64| {
        let at = first + (place * (sent.len() - first) as f64) as usize;
        if records.iter().any(|start| (*start..start + 3).contains(&at)) { at + 3 } else { at }
    };
    match damage {
        Step::Break(place, bit) => {
            let at = at(*place);
            sent[at] ^= 1 << bit;
        }
        Step::Cut(place) => drop(sent.remove(at(*place))),
        _ => unreachable!("nothing else is damage"),
    }
}

fn deliver(
    to: &mut Box<dyn Design>,
    wire: &mut Wire,
    sent: &[u8],
    pieces: &[usize],
    outcome: &mut Outcome,
    end: usize,
) {
    let mut lengths = pieces.iter().cycle();
    let mut rest = sent;
    while !rest.is_empty() && !outcome.failed[end] {
        let (piece, behind) = rest.split_at(rest.len().min(*lengths.next().unwrap()));
        rest = behind;
        wire.extend_from_slice(piece);
        let data = &mut outcome.data[end];
        match to.open(wire, &mut |opened| data.extend_from_slice(opened)) {
            Ok(used) => drop(wire.drain(..used)),
            Err(_) => outcome.failed[end] = true,
        }
    }
    outcome.done[end] = to.is_peer_done();
}

fn outcomes(
    provider: Provider,
    version: TlsVersion,
    script: &[Step],
    pieces: &[usize],
) -> Vec<(Way, Way, Outcome)> {
    let (connector, acceptor) = ends(provider, version);
    let pairs = Way::ALL.iter().flat_map(|left| Way::ALL.iter().map(move |right| (*left, *right)));
    let played = pairs.map(|(left, right)| {
        let left_end = client(left, &connector, NAME).unwrap();
        let mut pair = [left_end, server(right, &acceptor).unwrap()];
        let [left_end, right_end] = &mut pair;
        exchange(&mut **left_end, &mut **right_end).unwrap();
        let handshaking = [left_end.is_handshaking(), right_end.is_handshaking()];
        assert_eq!(handshaking, [false; 2], "{left:?} to {right:?}, {version:?}");
        (left, right, play(&mut pair, script, pieces))
    });
    played.collect()
}

fn all_are_alike(version: TlsVersion, script: &[Step], pieces: &[usize]) {
    for provider in providers() {
        let outcomes = outcomes(provider, version, script, pieces);
        let (.., expected) = &outcomes[0];
        for (left, right, outcome) in &outcomes {
            let lengths = |outcome: &Outcome| outcome.data.each_ref().map(Vec::len);
            let summary = |outcome: &Outcome| (lengths(outcome), outcome.failed, outcome.done);
            assert_eq!(summary(outcome), summary(expected), "{left:?} to {right:?}, {provider:?}");
            assert!(outcome == expected, "{left:?} to {right:?}, {provider:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_designs_are_alike_with_tls_1_3(
        script in prop::collection::vec(step(), 1..16),
        pieces in prop::collection::vec(1_usize..20_000, 1..5),
    ) {
        all_are_alike(TlsVersion::Tls13, &script, &pieces);
    }

    #[test]
    fn the_designs_are_alike_with_tls_1_2(
        script in prop::collection::vec(step(), 1..16),
        pieces in prop::collection::vec(1_usize..20_000, 1..5),
    ) {
        let script: Vec<_> =
            script.into_iter().filter(|step| !matches!(step, Step::UpdateKeys)).collect();
        all_are_alike(TlsVersion::Tls12, &script, &pieces);
    }
}

#[test]
fn a_script_without_damage_delivers_everything() {
    let script = [
        Step::Data(100),
        Step::UpdateKeys,
        Step::Data(40_000),
        Step::Turn,
        Step::Data(7),
        Step::Close,
    ];
    for (left, right, outcome) in outcomes(providers()[0], TlsVersion::Tls13, &script, &[1, 700]) {
        let lengths = [outcome.data[0].len(), outcome.data[1].len()];
        // The last of them are those that `play` adds; one end has closed before.
        assert_eq!(lengths, [7, 60_100], "{left:?} to {right:?}");
        assert_eq!((outcome.failed, outcome.done), ([false; 2], [true, false]));
    }
}

#[test]
fn a_broken_bit_is_an_error_in_each_design() {
    let script = [Step::Data(100), Step::Break(0.5, 3), Step::Data(50), Step::Data(9)];
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        for (left, right, outcome) in outcomes(providers()[0], version, &script, &[1000]) {
            assert_eq!(outcome.data[1].len(), 100, "{left:?} to {right:?}");
            assert_eq!(outcome.failed, [true; 2], "the one is told why by an alert");
        }
    }
}

/// Ours refuses each changed bit in front of a record; rustls passes over some.
#[test]
fn the_kind_and_the_version_of_a_record_can_not_be_changed() {
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        for (at, bit) in (0..5).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let (connector, acceptor) = ends(providers()[0], version);
            let mut from = client(Way::Own, &connector, NAME).unwrap();
            let mut to = server(Way::Own, &acceptor).unwrap();
            exchange(&mut *from, &mut *to).unwrap();
            from.seal(&[7; 300]).unwrap();
            let mut sent = from.to_send().to_vec();
            sent[at] ^= 1 << bit;
            let mut opened = 0;
            match to.open(&mut sent, &mut |data| opened += data.len()) {
                // A record that is said to be longer is waited for.
                Ok(used) => assert!(used == 0 && at >= 3, "bit {bit} of byte {at}"),
                Err(_) => assert!(!to.to_send().is_empty(), "the peer is told why"),
            }
            assert_eq!(opened, 0, "bit {bit} of byte {at}");
        }
    }
}
