//! Writes an interval log.

use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;

use super::{BASE_TIME, LEGEND, START_TIME, TAG, date, payload};
use crate::decimal::fixed;
use crate::distribution::greatest;

/// The maximum of a row is in ms.
const NS_PER_MS: f64 = 1_000_000.0;

/// Writes the rows of an interval log; see [the module](crate::hlog) for an example.
///
/// Each row is given to the writer at once, so the log of a process that dies ends with a whole
/// row if the writer is a file. Rows are formatted and compressed here: off the hot path.
pub struct LogWriter<W> {
    writer: W,
}

impl<W: Write> LogWriter<W> {
    /// Writes the head of the log: the comments, a line each, and `started` as the time to which
    /// the starts of the rows are added.
    ///
    /// # Errors
    ///
    /// Those of the writer, and `InvalidInput` for a start before 1970, which the format can't say.
    pub fn new(mut writer: W, started: SystemTime, comments: &[&str]) -> io::Result<Self> {
        let since_epoch = started.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| {
            invalid("an interval log can't start before 1970: set the host's clock")
        })?;
        let mut head = String::new();
        for line in comments.iter().flat_map(|comment| comment.lines()) {
            head.extend(["#", line, "\n"]);
        }
        // Whole milliseconds, as Java's clock gives them.
        let seconds = format!("{}.{:03}", since_epoch.as_secs(), since_epoch.subsec_millis());
        let date = date::in_words(since_epoch);
        head += "#[Histogram log format version 1.3]\n";
        head += &format!("{START_TIME}{seconds} (seconds since epoch), {date}]\n");
        head += &format!("{BASE_TIME}{seconds} (seconds since epoch)]\n");
        head += LEGEND;
        head += "\n";
        writer.write_all(head.as_bytes())?;
        Ok(Self { writer })
    }

    /// Writes one row: what was recorded from `start`, counted from the start of the log, for
    /// `length`. Both are rounded to milliseconds; the histogram is not rounded.
    ///
    /// The tag tells the stages, cores or phases of one log apart. Rows without one are what the
    /// tools show when they are asked for no tag.
    ///
    /// # Errors
    ///
    /// Those of the writer, and `InvalidInput` for a tag that the format can't hold: an empty one,
    /// or one with a comma or white space. `Other` for a histogram that [`encode`](super::encode)
    /// refuses.
    pub fn write(
        &mut self,
        tag: Option<&str>,
        start: Duration,
        length: Duration,
        histogram: &Histogram<u64>,
    ) -> io::Result<()> {
        let mut row = match tag {
            Some(tag)
                if tag.is_empty() || tag.contains(',') || tag.contains(char::is_whitespace) =>
            {
                return Err(invalid(&format!(
                    "{tag:?} can't tag a row of an interval log: use a word without commas"
                )));
            }
            Some(tag) => format!("{TAG}{tag},"),
            None => String::new(),
        };
        for figure in
            [start.as_secs_f64(), length.as_secs_f64(), greatest(histogram) as f64 / NS_PER_MS]
        {
            row.extend([&fixed(figure, 3), ","]);
        }
        row.extend([&payload::encode(histogram)?, "\n"]);
        self.writer.write_all(row.as_bytes())
    }

    /// Flushes the writer.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    /// The writer, with all rows written to it.
    pub fn into_inner(self) -> W {
        self.writer
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

impl<W> fmt::Debug for LogWriter<W> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LogWriter").finish_non_exhaustive()
    }
}
