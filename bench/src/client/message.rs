//! The messages of the clients: each is different, and every byte of its echo is checked.
//!
//! Behind its head a message holds bytes that count up from a start which moves on with the
//! message's number, so neither a reply of another message nor a byte out of place goes unseen.
//! Cost: one copy before the send and one comparison after the reply, both outside of what is
//! timed on one message in flight.

/// The step between two messages' starts is odd: all 256 come round before one repeats.
const STEP: u64 = 31;
/// Bytes count up modulo this.
const PERIOD: usize = 256;

/// All patterns of one length.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// Long enough for every start.
    bytes: Vec<u8>,
    length: usize,
}

impl Pattern {
    pub(crate) fn new(length: usize) -> Self {
        let bytes = (0..length + PERIOD).map(|place| (place % PERIOD) as u8).collect();
        Self { bytes, length }
    }

    /// The bytes that go with that number.
    #[inline]
    pub(crate) fn of(&self, sequence: u64) -> &[u8] {
        let start = (sequence.wrapping_mul(STEP) % PERIOD as u64) as usize;
        &self.bytes[start..start + self.length]
    }
}

/// A number and, behind it, the pattern; shorter messages carry as many of its bytes as fit.
#[derive(Debug)]
pub(crate) struct Numbered {
    pattern: Pattern,
    bytes: Vec<u8>,
}

impl Numbered {
    pub(crate) fn new(size: usize) -> Self {
        let pattern = Pattern::new(size.saturating_sub(size_of::<u64>()));
        Self { pattern, bytes: vec![0; size] }
    }

    /// Becomes the message with that number.
    pub(crate) fn fill(&mut self, sequence: u64) {
        let head = self.bytes.len().min(size_of::<u64>());
        let (number, pattern) = self.bytes.split_at_mut(head);
        number.copy_from_slice(&sequence.to_le_bytes()[..head]);
        pattern.copy_from_slice(self.pattern.of(sequence));
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The place of the first byte of the echo that is not the message's.
    pub(crate) fn first_difference(&self, echo: &[u8]) -> Option<usize> {
        if self.bytes == echo {
            return None;
        }
        let both = self.bytes.iter().zip(echo);
        Some(both.take_while(|(sent, received)| sent == received).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(size: usize, sequence: u64) -> Numbered {
        let mut message = Numbered::new(size);
        message.fill(sequence);
        message
    }

    #[test]
    fn neighbouring_messages_differ_in_every_byte_of_the_pattern() {
        let (first, second) = (numbered(64, 1_000), numbered(64, 1_001));
        assert_eq!(first.bytes()[..8], 1_000_u64.to_le_bytes());
        let mut pairs = first.bytes()[8..].iter().zip(&second.bytes()[8..]);
        assert!(pairs.all(|(a, b)| a != b));
    }

    #[test]
    fn a_byte_that_moved_is_seen_even_in_a_long_pattern() {
        let pattern = Pattern::new(1_000);
        assert_eq!(pattern.of(5).len(), 1_000);
        assert!(pattern.of(5).windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)));
        assert_eq!(pattern.of(u64::MAX)[0], 225, "31 less than 256, from the other side");
    }

    #[test]
    fn a_wrong_byte_is_found_in_its_place() {
        let message = numbered(64, 7);
        let mut echo = message.bytes().to_vec();
        assert_eq!(message.first_difference(&echo), None);
        echo[63] ^= 1;
        assert_eq!(message.first_difference(&echo), Some(63));
    }

    #[test]
    fn the_shortest_message_is_one_byte_of_the_number() {
        assert_eq!(numbered(1, 0x0203).bytes(), [3]);
    }
}
