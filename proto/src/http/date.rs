//! The `Date` header, formatted once a second (RFC 9110, section 6.6.1).
//!
//! Whoever asks brings the time of the core's clock. While that is within the second for which the
//! text was made, asking costs one comparison; then the wall clock is read and the text made anew.
//! There is no task and no timer behind it, so an idle server does nothing. After a step of the
//! wall clock the text is wrong for less than a second.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use taut_runtime::time::Instant;

const NS_PER_SECOND: u32 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;
/// Years from 10 000 on have no form in this format: such a clock is shown as the last second.
const LAST_SECOND: u64 = 253_402_300_799;

/// Bytes of a date: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) const DATE_BYTES: usize = 29;

/// Bytes of the header: its name, the date, the line's end.
pub(crate) const LINE_BYTES: usize = b"date: ".len() + DATE_BYTES + 2;

/// The header of the present second.
#[derive(Debug)]
pub(crate) struct CachedDate {
    line: Cell<[u8; LINE_BYTES]>,
    /// When the second of the text is over, on the core's clock.
    until: Cell<Instant>,
}

impl Default for CachedDate {
    fn default() -> Self {
        let until = Cell::new(Instant::from_nanos(0));
        Self { line: Cell::new([b' '; LINE_BYTES]), until }
    }
}

impl CachedDate {
    /// `date: `, the date and the line's end at `now`, which is the present time of the core's
    /// clock.
    #[inline]
    pub(crate) fn line_at(&self, now: Instant) -> [u8; LINE_BYTES] {
        if now >= self.until.get() {
            self.renew(now);
        }
        self.line.get()
    }

    #[cold]
    fn renew(&self, now: Instant) {
        // A clock before 1970 is not set: its date is the epoch.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut line = *b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
        line[6..][..DATE_BYTES].copy_from_slice(&imf_fixdate(since_epoch.as_secs()));
        self.line.set(line);
        let left = Duration::from_nanos((NS_PER_SECOND - since_epoch.subsec_nanos()).into());
        self.until.set(now + left);
    }
}

/// A point in time, in seconds since 1970, as RFC 9110 section 5.6.7 prefers it.
pub(crate) fn imf_fixdate(seconds_since_epoch: u64) -> [u8; DATE_BYTES] {
    const WEEKDAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
    const MONTHS: [&[u8; 3]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];

    let seconds = seconds_since_epoch.min(LAST_SECOND);
    let (days, second_of_day) = (seconds / SECONDS_PER_DAY, seconds % SECONDS_PER_DAY);
    let (year, month, day) = civil(days);
    let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    text[..3].copy_from_slice(WEEKDAYS[(days % 7) as usize]);
    text[8..11].copy_from_slice(MONTHS[month]);
    two_digits(&mut text, 5, day);
    two_digits(&mut text, 12, year / 100);
    two_digits(&mut text, 14, year % 100);
    two_digits(&mut text, 17, second_of_day / 3600);
    two_digits(&mut text, 20, second_of_day / 60 % 60);
    two_digits(&mut text, 23, second_of_day % 60);
    text
}

fn two_digits(text: &mut [u8; DATE_BYTES], at: usize, number: u64) {
    text[at] = b'0' + (number / 10) as u8;
    text[at + 1] = b'0' + (number % 10) as u8;
}

/// Year, month from 0 and day from 1 of a number of days since 1970, in the Gregorian calendar.
fn civil(mut days: u64) -> (u64, usize, u64) {
    let mut year = 1970;
    // Whole cycles of the calendar first, so that no date is more than 400 steps away.
    const DAYS_PER_CYCLE: u64 = 146_097;
    year += days / DAYS_PER_CYCLE * 400;
    days %= DAYS_PER_CYCLE;
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 0;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

fn days_of_year(year: u64) -> u64 {
    365 + u64::from(is_leap(year))
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seconds: u64) -> String {
        String::from_utf8(imf_fixdate(seconds).to_vec()).unwrap()
    }

    #[test]
    fn known_dates_have_their_text() {
        // Each as `date -u -d @SECONDS` tells it.
        assert_eq!(text(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(text(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(text(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(text(1_709_251_199), "Thu, 29 Feb 2024 23:59:59 GMT");
        assert_eq!(text(1_735_689_599), "Tue, 31 Dec 2024 23:59:59 GMT");
        assert_eq!(text(4_107_542_400), "Mon, 01 Mar 2100 00:00:00 GMT");
        assert_eq!(text(LAST_SECOND), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(text(u64::MAX), text(LAST_SECOND));
    }

    #[test]
    fn days_follow_each_other_through_whole_cycles_of_the_calendar() {
        let mut before = civil(0);
        for days in 1..2 * 146_097 {
            let (year, month, day) = civil(days);
            let next_day = (year, month) == (before.0, before.1) && day == before.2 + 1;
            let next_month = year == before.0 && month == before.1 + 1 && day == 1;
            let next_year = year == before.0 + 1 && (month, day) == (0, 1) && before.1 == 11;
            assert!(next_day || next_month || next_year, "day {days}");
            before = (year, month, day);
        }
        assert_eq!(before, (2769, 11, 31));
    }

    #[test]
    fn the_text_is_made_anew_when_its_second_is_over() {
        let runtime = taut_runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let date = CachedDate::default();
            let now = Instant::now();
            assert!(date.line_at(now).ends_with(b" GMT\r\n"));
            let until = date.until.get();
            assert!(until > now && until <= now + Duration::from_secs(1));
            date.line.set([b'x'; LINE_BYTES]);
            assert_eq!(date.line_at(now), [b'x'; LINE_BYTES], "within the second it is kept");
            assert!(date.line_at(until).starts_with(b"date: "));
        });
    }
}
