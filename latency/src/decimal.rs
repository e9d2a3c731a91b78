//! Decimals as Java's formatter prints them, which the tools' own files are compared with.
//!
//! Invariant: half up on the shortest decimal form of a number, where Rust's own formatting rounds
//! its exact binary value.

/// A finite number of at least zero with so many decimals.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    // Rust prints the shortest digits that mean this number, never with an exponent.
    let shortest = value.to_string();
    let (whole, fraction) = shortest.split_once('.').unwrap_or((&shortest, ""));
    let kept = fraction.get(..decimals).unwrap_or(fraction);
    let mut digits: Vec<u8> = whole.bytes().chain(kept.bytes()).collect();
    digits.resize(whole.len() + decimals, b'0');
    if fraction.as_bytes().get(decimals).is_some_and(|&digit| digit >= b'5') {
        round_up(&mut digits);
    }
    let mut text: String = digits.iter().map(|&digit| char::from(digit)).collect();
    if decimals > 0 {
        text.insert(text.len() - decimals, '.');
    }
    text
}

/// Adds one to the last of these decimal digits.
fn round_up(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_up_on_the_shortest_digits() {
        assert_eq!(fixed(0.999_877_929_687_5, 12), "0.999877929688");
        assert_eq!(fixed(2.5, 0), "3");
        assert_eq!(fixed(0.125, 2), "0.13");
        assert_eq!(fixed(1.005, 2), "1.01");
        assert_eq!(fixed(9.999, 2), "10.00");
        assert_eq!(fixed(10_551.0, 3), "10551.000");
        assert_eq!(fixed(0.0, 12), "0.000000000000");
    }
}
