//! Numbers as people read them.

/// With commas between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate: whole where it is at least ten, or zero.
pub(crate) fn rate(per_second: f64) -> String {
    match per_second {
        0.0 => "0".to_owned(),
        small if small < 10.0 => format!("{small:.1}"),
        large => grouped(large.round() as u64),
    }
}

/// Seconds, as long as they are few.
pub(crate) fn age(seconds: f64) -> String {
    match seconds {
        short if short < 1.0 => format!("{:.0} ms", short * 1e3),
        some if some < 120.0 => format!("{some:.1} s"),
        some if some < 7200.0 => format!("{:.0} min", some / 60.0),
        long => format!("{:.1} h", long / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        let texts = [0, 999, 1_000, 12_345, u64::MAX].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "12,345", "18,446,744,073,709,551,615"]);
    }

    #[test]
    fn small_rates_have_a_decimal_and_ages_their_unit() {
        assert_eq!([0.0, 0.25, 9.96, 1234.5].map(rate), ["0", "0.2", "10.0", "1,235"]);
        assert_eq!([0.012, 3.0, 300.0, 36_000.0].map(age), ["12 ms", "3.0 s", "5 min", "10.0 h"]);
    }
}
