//! Messages of WebSocket, several at once, and their echoes.
//!
//! Frames are made beforehand and differ; every byte of every echo is compared. Nothing here reads
//! a header, so a server whose frames are other than minimal, or in pieces, is an error.

use rustix::io::Errno;
use taut::ws::Role;

use super::channel::Channel;
use super::exchange::Exchange;
use super::{Patience, broken};
use crate::ws::{Frames, Kind, check_answer, head_bytes, request};

/// Longer than any answer to an upgrade.
const HEAD_BYTES_MAX: usize = 4_096;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Messages {
    batch: usize,
    questions: Frames,
    answers: Frames,
}

impl Messages {
    /// A question is `batch` messages.
    pub(crate) fn new(kind: Kind, batch: usize) -> Self {
        let questions = Frames::new(kind, Role::Client, batch);
        Self { batch, questions, answers: Frames::new(kind, Role::Server, batch) }
    }

    /// The first message of a question, whose number counts from 1.
    fn first(&self, sequence: u64) -> u64 {
        (sequence - 1) * self.batch as u64
    }
}

impl Exchange for Messages {
    fn question(&mut self, sequence: u64) -> &[u8] {
        self.questions.run(self.first(sequence), self.batch)
    }

    fn answer_bytes(&self) -> usize {
        self.answers.frame_bytes() * self.batch
    }

    fn is_right(&mut self, sequence: u64, start: usize, piece: &[u8]) -> bool {
        let answer = self.answers.run(self.first(sequence), self.batch);
        answer[start..start + piece.len()] == *piece
    }
}

/// Makes a WebSocket of a connection, on which messages are compressed or not.
pub(crate) fn upgrade(channel: &mut Channel, is_compressed: bool) -> Result<(), String> {
    channel.send(&request(is_compressed)).map_err(|error| broken("send", error))?;
    let mut head = [0; HEAD_BYTES_MAX];
    let (mut received, mut patience) = (0, Patience::default());
    loop {
        match channel.receive(&mut head[received..]) {
            Ok(0) => return Err("the server closed a connection in its handshake".to_owned()),
            Ok(count) => received += count,
            Err(Errno::AGAIN | Errno::INTR) => {
                patience.nothing_came(|| "the answer to the upgrade".to_owned())?;
                continue;
            }
            Err(error) => return Err(broken("recv", error)),
        }
        match head_bytes(&head[..received]) {
            Some(bytes) if bytes == received => {
                return check_answer(&head[..bytes], is_compressed);
            }
            Some(bytes) => return Err(format!("{} bytes behind its answer", received - bytes)),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echoes_that_come_in_any_pieces_are_right_and_no_byte_may_differ() {
        let kind = Kind { is_text: true, payload_bytes: 20, is_compressed: false };
        let mut messages = Messages::new(kind, 3);
        let right = Frames::new(kind, Role::Server, 3);
        let answer = right.run(3, 3).to_vec();
        assert_eq!(messages.answer_bytes(), answer.len());
        assert_eq!(messages.question(2).len(), answer.len() + 3 * 4);
        for cut in 0..answer.len() {
            let (first, rest) = answer.split_at(cut);
            assert!(messages.is_right(2, 0, first) && messages.is_right(2, cut, rest));
            let mut other = answer.clone();
            other[cut] ^= 1;
            assert!(!messages.is_right(2, 0, &other), "{cut}");
        }
        assert!(!messages.is_right(1, 0, &answer), "these are the answers to others");
    }
}
