//! Requests of HTTP/1.1, several at once, and the answers to them.
//!
//! The first answer of a server is read, and is the pattern of all others: every byte of them is
//! compared but for the value of their `Date`. So a server can neither leave out nor mix up
//! anything, and the client spends no time on reading heads.

use rustix::io::Errno;

use super::channel::Channel;
use super::exchange::Exchange;
use super::{Patience, broken};
use crate::http::{REQUEST, Shape, shape_of, varied_requests};

/// Longer than any head that a server would send with so short a body.
const ANSWER_BYTES_MAX: usize = 4_096;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Requests {
    /// Sent in turn.
    questions: [Vec<u8>; 2],
    pattern: Vec<u8>,
    shape: Shape,
}

impl Requests {
    /// Asks once on this connection, to learn what the server's answers look like. Later questions
    /// are `depth` requests each, all alike or each another than the one before.
    pub(crate) fn learn(channel: &mut Channel, depth: usize, varied: bool) -> Result<Self, String> {
        channel.send(REQUEST).map_err(|e| broken("send", e))?;
        let mut pattern = vec![0; ANSWER_BYTES_MAX];
        let (mut received, mut patience) = (0, Patience::default());
        let shape = loop {
            match channel.receive(&mut pattern[received..]) {
                Ok(0) => return Err("the server closed a connection".to_owned()),
                Ok(count) => received += count,
                Err(Errno::AGAIN | Errno::INTR) => {
                    patience.nothing_came(|| "the first answer".to_owned())?;
                    continue;
                }
                Err(error) => return Err(broken("recv", error)),
            }
            if let Some(shape) = shape_of(&pattern[..received])? {
                break shape;
            }
        };
        if received > shape.bytes {
            return Err(format!("{} bytes behind its answer", received - shape.bytes));
        }
        pattern.truncate(shape.bytes);
        let questions = [0, 1].map(|turn| match varied {
            true => varied_requests(depth, turn),
            false => REQUEST.repeat(depth),
        });
        Ok(Self { questions, pattern, shape })
    }

    /// How many requests are one question.
    pub(crate) fn depth(&self) -> usize {
        self.questions[0].len() / REQUEST.len()
    }

    /// Whether a piece of one answer is that of the pattern.
    fn matches(&self, start: usize, piece: &[u8]) -> bool {
        let end = start + piece.len();
        let same = |from: usize, to: usize| {
            let (from, to) = (from.max(start), to.min(end));
            from >= to || self.pattern[from..to] == piece[from - start..to - start]
        };
        same(0, self.shape.date.start) && same(self.shape.date.end, self.shape.bytes)
    }
}

impl Exchange for Requests {
    fn question(&mut self, sequence: u64) -> &[u8] {
        &self.questions[(sequence % 2) as usize]
    }

    fn answer_bytes(&self) -> usize {
        self.depth() * self.shape.bytes
    }

    fn is_right(&mut self, _sequence: u64, start: usize, mut piece: &[u8]) -> bool {
        let mut at = start % self.shape.bytes;
        while !piece.is_empty() {
            let (part, rest) = piece.split_at(piece.len().min(self.shape.bytes - at));
            if !self.matches(at, part) {
                return false;
            }
            (at, piece) = (0, rest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ndate: 12:00:00\r\ncontent-length: 13\r\n\r\n\
        Hello, World!";

    fn requests() -> Requests {
        let shape = shape_of(ANSWER).unwrap().unwrap();
        let questions = [REQUEST.repeat(3), REQUEST.repeat(3)];
        Requests { questions, pattern: ANSWER.to_vec(), shape }
    }

    #[test]
    fn answers_that_come_in_any_pieces_are_right() {
        let mut requests = requests();
        let all = ANSWER.repeat(3);
        assert_eq!((requests.depth(), requests.answer_bytes()), (3, all.len()));
        for cut in 0..all.len() {
            assert!(requests.is_right(1, 0, &all[..cut]) && requests.is_right(1, cut, &all[cut..]));
        }
    }

    #[test]
    fn only_the_date_may_change() {
        let mut requests = requests();
        let date = requests.shape.date.clone();
        for place in 0..ANSWER.len() {
            let mut other = ANSWER.to_vec();
            other[place] ^= 1;
            assert_eq!(requests.is_right(1, 0, &other), date.contains(&place), "{place}");
        }
    }
}
