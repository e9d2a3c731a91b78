//! A script between two ends, with a wire in each direction.

use std::collections::VecDeque;

use taut_proto::tls::designs::Design;

use super::Step;

/// More than a record can be said to hold.
const FILLER_BYTES: usize = 20_000;
static FILLER: Step = Step::Data(FILLER_BYTES);

/// What came out at either end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) data: [Vec<u8>; 2],
    pub(crate) failed: [bool; 2],
    pub(crate) done: [bool; 2],
}

/// A script that was played.
pub(crate) struct Played {
    pub(crate) outcome: Outcome,
    /// The data for either end that was sealed before anything was done to its wire.
    pub(crate) intact: [Vec<u8>; 2],
    /// Whether anything was done to the wire to either end.
    pub(crate) damaged: [bool; 2],
}

/// One direction.
#[derive(Default)]
struct Wire {
    /// Held back.
    held: Vec<u8>,
    /// Received, and not whole records yet.
    received: Vec<u8>,
    /// What was sent last.
    last: Vec<u8>,
    is_damaged: bool,
}

struct Play<'a> {
    ends: &'a mut [Box<dyn Design>; 2],
    pieces: &'a [usize],
    wires: [Wire; 2],
    outcome: Outcome,
    intact: [Vec<u8>; 2],
    closed: [bool; 2],
    holds: bool,
}

/// Plays the steps, with what is sent split into pieces of these lengths. Behind what is damaged,
/// and in the end, come enough bytes to fill what a broken length may have promised: else the error
/// would wait for what comes next, and rustls answers new keys later than ours.
pub(crate) fn play(ends: &mut [Box<dyn Design>; 2], steps: &[Step], pieces: &[usize]) -> Played {
    let mut play = Play {
        ends,
        pieces,
        wires: Default::default(),
        outcome: Outcome::default(),
        intact: Default::default(),
        closed: [false; 2],
        holds: false,
    };
    let mut speaker = 0;
    let mut damage = None;
    let last = [Step::Data(FILLER_BYTES), Step::Turn, Step::Data(FILLER_BYTES)];
    let mut steps: VecDeque<&Step> = steps.iter().chain(&last).collect();
    let mut number = 0;
    while let Some(step) = steps.pop_front() {
        number += 1;
        let listener = 1 - speaker;
        // rustls asserts, where it is built for debugging, that an end which has closed meets no
        // error any more.
        let may_break = !play.closed[listener];
        match step {
            Step::Data(bytes) if !play.closed[speaker] => {
                let data: Vec<u8> = (0..*bytes).map(|at| (at * 7 + number) as u8).collect();
                let damage = damage.take_if(|_| may_break && *bytes > 0);
                play.seal(speaker, &data, damage);
                if damage.is_some() {
                    steps.push_front(&FILLER);
                }
            }
            Step::UpdateKeys if !play.closed[speaker] => play.ends[speaker].update_keys().unwrap(),
            Step::Close if !play.closed[speaker] => {
                play.ends[speaker].close();
                play.closed[speaker] = true;
            }
            Step::Break(..) | Step::Cut(..) => damage = Some(step),
            Step::Turn => (speaker, play.holds) = (listener, false),
            Step::Hold => play.holds = speaker == 0,
            Step::Record { .. } | Step::Header(_) | Step::Repeat if speaker == 0 => {
                play.do_harm(step);
            }
            _ => {}
        }
        play.holds &= steps.len() > last.len();
        // What one end answers is carried, too.
        for from in [speaker, 1 - speaker, speaker] {
            play.carry(from);
        }
        if play.outcome.failed.contains(&true) {
            break;
        }
    }
    let damaged = [play.wires[1].is_damaged, play.wires[0].is_damaged];
    Played { outcome: play.outcome, intact: play.intact, damaged }
}

impl Play<'_> {
    fn seal(&mut self, from: usize, data: &[u8], damage: Option<&Step>) {
        self.ends[from].seal(data).unwrap();
        self.take(from);
        let wire = &mut self.wires[from];
        let mut intact_bytes = if wire.is_damaged { 0 } else { data.len() };
        if let Some(damage) = damage {
            let mut sent = wire.held.split_off(wire.held.len() - wire.last.len());
            intact_bytes = intact_bytes.min(apply(damage, &mut sent, data.len()));
            wire.held.extend_from_slice(&sent);
            wire.is_damaged = true;
        }
        self.intact[1 - from].extend_from_slice(&data[..intact_bytes]);
    }

    /// What the first end must not do.
    fn do_harm(&mut self, step: &Step) {
        const APPLICATION_DATA: u8 = 23;
        match step {
            Step::Record { kind, payload, rekeys } => {
                if !self.ends[0].seal_record(*kind, payload, *rekeys) {
                    return;
                }
                let (kind, inner) = without_padding(*kind, payload);
                if kind == APPLICATION_DATA && !self.wires[0].is_damaged {
                    self.intact[1].extend_from_slice(&inner);
                }
            }
            Step::Header(bytes) => {
                self.take(0);
                self.wires[0].held.extend_from_slice(bytes);
                self.wires[0].is_damaged = true;
            }
            Step::Repeat => {
                self.take(0);
                let Wire { held, last, is_damaged, .. } = &mut self.wires[0];
                held.extend_from_slice(last);
                *is_damaged |= !last.is_empty();
            }
            _ => unreachable!("the others do no harm by themselves"),
        }
    }

    /// What an end has to send goes on its wire.
    fn take(&mut self, from: usize) {
        let sent = self.ends[from].to_send();
        if !sent.is_empty() {
            self.wires[from].last = sent.to_vec();
            self.wires[from].held.extend_from_slice(sent);
            self.ends[from].sent();
        }
    }

    fn carry(&mut self, from: usize) {
        self.take(from);
        if from == 0 && self.holds {
            return;
        }
        let (end, outcome) = (1 - from, &mut self.outcome);
        let Wire { held, received, .. } = &mut self.wires[from];
        let mut lengths = self.pieces.iter().cycle();
        let mut rest = &held[..];
        while !rest.is_empty() && !outcome.failed[end] {
            let (piece, behind) = rest.split_at(rest.len().min(*lengths.next().unwrap()));
            rest = behind;
            received.extend_from_slice(piece);
            let data = &mut outcome.data[end];
            match self.ends[end].open(received, &mut |opened| data.extend_from_slice(opened)) {
                Ok(used) => drop(received.drain(..used)),
                Err(_) => outcome.failed[end] = true,
            }
        }
        held.clear();
        outcome.done[end] = self.ends[end].is_peer_done();
    }
}

/// What TLS 1.3 finds in a record: zeros behind the kind are padding, so the kind may be before
/// them. TLS 1.2 refuses what this changes.
pub(super) fn without_padding(kind: u8, payload: &[u8]) -> (u8, Vec<u8>) {
    let mut inner = payload.to_vec();
    inner.push(kind);
    inner.truncate(inner.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1));
    (inner.pop().unwrap_or(0), inner)
}

/// Damages what so many bytes of data were sealed to, the last records of `sent`; an answer of
/// rustls may stand in front of them. The kind and the version of a record stay, since rustls
/// passes over some that are wrong and ours does not: they have a test of their own. Gives how much
/// of the data stands in records before the damage.
fn apply(damage: &Step, sent: &mut Vec<u8>, data_bytes: usize) -> usize {
    let mut records = Vec::new();
    let mut start = 0;
    while start < sent.len() {
        records.push(start);
        start += 5 + usize::from(u16::from_be_bytes([sent[start + 3], sent[start + 4]]));
    }
    let data_records = data_bytes.div_ceil(1 << 14);
    let first = records[records.len() - data_records];
    let at = |place: u16| {
        let at = first + ((usize::from(place) * (sent.len() - first)) >> 16);
        if records.iter().any(|start| (*start..start + 3).contains(&at)) { at + 3 } else { at }
    };
    let at = match damage {
        Step::Break(place, bit) => {
            let at = at(*place);
            sent[at] ^= 1 << bit;
            at
        }
        Step::Cut(place, count) => {
            let at = at(*place);
            drop(sent.drain(at..sent.len().min(at + usize::from(*count).max(1))));
            at
        }
        _ => unreachable!("nothing else is damage"),
    };
    let begun = records.iter().filter(|&&start| first <= start && start <= at).count();
    (begun - 1) << 14
}
