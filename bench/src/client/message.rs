//! The messages of the client: each is different, and every byte of its echo is checked.
//!
//! A message is a sequence number, little-endian, and a pattern that moves on with it, so neither a
//! reply of another message nor a byte out of place goes unseen. Cost: one pass over the message
//! before the send and one after the reply, both outside the timed path.

/// Bytes of the sequence number; shorter messages carry as many as fit.
const SEQUENCE_BYTES: usize = size_of::<u64>();

/// Writes the message with that number.
pub(crate) fn fill(message: &mut [u8], sequence: u64) {
    let head = message.len().min(SEQUENCE_BYTES);
    let (number, pattern) = message.split_at_mut(head);
    number.copy_from_slice(&sequence.to_le_bytes()[..head]);
    fill_pattern(pattern, sequence);
}

/// Writes the pattern that goes with that number.
pub(crate) fn fill_pattern(pattern: &mut [u8], sequence: u64) {
    // The step of 31 is odd: all 256 values come round before a byte repeats in its place.
    let mut next = (sequence as u8).wrapping_mul(31);
    for byte in pattern {
        *byte = next;
        next = next.wrapping_add(1);
    }
}

/// The place of the first byte of the echo that is not the message's.
pub(crate) fn first_difference(message: &[u8], echo: &[u8]) -> Option<usize> {
    if message == echo {
        return None;
    }
    let common = message.iter().zip(echo).take_while(|(sent, received)| sent == received).count();
    Some(common)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_messages_differ_in_every_byte_of_the_pattern() {
        let (mut first, mut second) = ([0; 64], [0; 64]);
        fill(&mut first, 1_000);
        fill(&mut second, 1_001);
        assert_eq!(first[..8], 1_000_u64.to_le_bytes());
        assert!(first[8..].iter().zip(&second[8..]).all(|(a, b)| a != b));
    }

    #[test]
    fn a_wrong_byte_is_found_in_its_place() {
        let mut message = [0; 64];
        fill(&mut message, 7);
        let mut echo = message;
        assert_eq!(first_difference(&message, &echo), None);
        echo[63] ^= 1;
        assert_eq!(first_difference(&message, &echo), Some(63));
    }

    #[test]
    fn the_shortest_message_is_one_byte_of_the_number() {
        let mut message = [0; 1];
        fill(&mut message, 0x0203);
        assert_eq!(message, [3]);
    }
}
