//! A date in words, as Java prints it, always in UTC.

use std::time::Duration;

const DAY_S: u64 = 24 * 60 * 60;
/// After so many years the Gregorian calendar repeats itself, days of the week included.
const CYCLE_YEARS: u64 = 400;
const CYCLE_DAYS: u64 = 146_097;
/// From the day that the epoch began with.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [(&str, u64); 12] = [
    ("Jan", 31),
    ("Feb", 28),
    ("Mar", 31),
    ("Apr", 30),
    ("May", 31),
    ("Jun", 30),
    ("Jul", 31),
    ("Aug", 31),
    ("Sep", 30),
    ("Oct", 31),
    ("Nov", 30),
    ("Dec", 31),
];

/// As `Wed Sep 09 15:24:39 UTC 2015`.
pub(super) fn in_words(since_epoch: Duration) -> String {
    let (day, second) = (since_epoch.as_secs() / DAY_S, since_epoch.as_secs() % DAY_S);
    let weekday = WEEKDAYS[(day % 7) as usize];
    let (mut year, mut day) = (1970 + day / CYCLE_DAYS * CYCLE_YEARS, day % CYCLE_DAYS);
    while day >= 365 + leap_days(year) {
        day -= 365 + leap_days(year);
        year += 1;
    }
    let mut month = "";
    for (name, days) in MONTHS {
        let days = if name == "Feb" { days + leap_days(year) } else { days };
        month = name;
        if day < days {
            break;
        }
        day -= days;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{weekday} {month} {:02} {hour:02}:{minute:02}:{second:02} UTC {year}", day + 1)
}

fn leap_days(year: u64) -> u64 {
    let leap =
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(CYCLE_YEARS));
    u64::from(leap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_that_the_date_command_prints() {
        let words = |seconds| in_words(Duration::from_secs(seconds));
        assert_eq!(words(0), "Thu Jan 01 00:00:00 UTC 1970");
        assert_eq!(words(68_255_999), "Tue Feb 29 23:59:59 UTC 1972");
        assert_eq!(words(951_782_400), "Tue Feb 29 00:00:00 UTC 2000");
        assert_eq!(words(1_441_812_279), "Wed Sep 09 15:24:39 UTC 2015");
        assert_eq!(words(4_107_542_400), "Mon Mar 01 00:00:00 UTC 2100");
        assert_eq!(words(13_569_465_599), "Fri Dec 31 23:59:59 UTC 2399");
        assert_eq!(words(13_574_563_200), "Tue Feb 29 00:00:00 UTC 2400");
    }
}
