//! Durations as the command line takes them.

use std::time::Duration;

/// Units and their nanoseconds.
const UNITS: [(&str, u64); 5] =
    [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000)];

/// Reads `50us`, `2m` or `0`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let problem = || format!("{text:?} is no duration: write a number and ns, us, ms, s or m");
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: u64 = number.parse().map_err(|_| problem())?;
    if number == 0 && unit.is_empty() {
        return Ok(Duration::ZERO);
    }
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(problem)?;
    number.checked_mul(*factor).map(Duration::from_nanos).ok_or_else(problem)
}

/// The duration as [`parse_duration`] takes it.
pub(crate) fn format_duration(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    if nanoseconds == 0 {
        return "0".to_owned();
    }
    let fits = |factor: u64| nanoseconds.is_multiple_of(u128::from(factor));
    let (unit, factor) =
        UNITS[..4].iter().rev().find(|(_, factor)| fits(*factor)).unwrap_or(&UNITS[0]);
    format!("{}{unit}", nanoseconds / u128::from(*factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_unless_they_are_zero() {
        assert_eq!(parse_duration("50us"), Ok(Duration::from_micros(50)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        for wrong in ["50", "us", "", "-1s", "5h", "99999999999999999999s", "9999999999999m"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        for text in ["0", "50us", "1500us", "1ns", "3s"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }
}
