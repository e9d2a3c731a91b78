//! What a client asks, and which answers are right.

use super::message::Numbered;

/// Questions by their number, and the answers to them, all of one length.
pub(crate) trait Exchange {
    /// The question with that number.
    fn question(&mut self, sequence: u64) -> &[u8];

    /// Bytes of a whole answer.
    fn answer_bytes(&self) -> usize;

    /// Whether a piece, which starts at this byte of the answer to that question, is right.
    fn is_right(&mut self, sequence: u64, start: usize, piece: &[u8]) -> bool;
}

/// One that serves several connections, one after the other.
impl<E: Exchange> Exchange for &mut E {
    fn question(&mut self, sequence: u64) -> &[u8] {
        (**self).question(sequence)
    }

    fn answer_bytes(&self) -> usize {
        (**self).answer_bytes()
    }

    fn is_right(&mut self, sequence: u64, start: usize, piece: &[u8]) -> bool {
        (**self).is_right(sequence, start, piece)
    }
}

/// The answer is the question.
impl Exchange for Numbered {
    fn question(&mut self, sequence: u64) -> &[u8] {
        self.fill(sequence);
        self.bytes()
    }

    fn answer_bytes(&self) -> usize {
        self.bytes().len()
    }

    fn is_right(&mut self, sequence: u64, start: usize, piece: &[u8]) -> bool {
        self.fill(sequence);
        self.bytes()[start..start + piece.len()] == *piece
    }
}
