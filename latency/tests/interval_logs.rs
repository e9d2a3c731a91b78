//! Interval logs that others wrote, were cut short or never were any.

use std::io::{self, ErrorKind, Write};
use std::time::{Duration, SystemTime};

use taut_latency::Recorder;
use taut_latency::hlog::{LogWriter, read};

/// One row as the Java library writes an empty histogram.
const EMPTY: &str = "0.300,0.100,0.000,HISTFAAAACB42pNpmSzMwMDAyAABzFAaxOf94R7BYP8BKgIAUR8EHw==";

fn since_epoch(text: &str) -> Vec<f64> {
    let rows = read(text).unwrap();
    let starts = rows.iter().map(|row| row.start.duration_since(SystemTime::UNIX_EPOCH).unwrap());
    starts.map(|start| start.as_secs_f64()).collect()
}

#[test]
fn without_a_base_time_the_rule_of_the_java_library_holds() {
    let started = "#[StartTime: 1441812279.5 (seconds since epoch), Wed Sep 09 15:24:39 UTC 2015]";
    assert_eq!(since_epoch(&format!("{started}\n{EMPTY}\n")), [1_441_812_279.8]);
    let absolute = EMPTY.replacen("0.300", "1441812280.3", 1);
    assert_eq!(since_epoch(&format!("{started}\n{absolute}\n")), [1_441_812_280.3]);
    assert_eq!(since_epoch(&format!("{absolute}\n{EMPTY}\n")), [1_441_812_280.3, 0.3]);
}

#[test]
fn of_logs_one_behind_the_other_each_head_counts_for_its_rows() {
    let log = |base| format!("#[BaseTime: {base} (seconds since epoch)]\n{EMPTY}\n");
    assert_eq!(since_epoch(&(log("100.0") + &log("200"))), [100.3, 200.3]);
}

#[test]
fn line_ends_and_empty_lines_do_not_matter() {
    let text = format!("#a comment\r\n\"StartTimestamp\",...\r\n\r\nTag=A,{EMPTY}\r\n{EMPTY}");
    let tags: Vec<_> = read(&text).unwrap().into_iter().map(|row| row.tag).collect();
    assert_eq!(tags, [Some("A".to_owned()), None]);
    assert_eq!(read("").unwrap(), []);
}

#[test]
fn each_line_that_is_none_of_a_log_is_named_with_its_fault() {
    let fault = |line: &str| {
        let error = read(&format!("#a comment\n{EMPTY}\n{line}\n{EMPTY}\n")).unwrap_err();
        assert_eq!(error.line(), 3);
        error.to_string()
    };
    let payload = EMPTY.rsplit(',').next().unwrap();
    for (line, wanted) in [
        ("no log at all".to_owned(), "1 columns where a row has four"),
        ("Tag=decode".to_owned(), "1 columns"),
        (format!("0.1,0.1,{payload}"), "3 columns"),
        (format!("-0.1,0.1,0.1,{payload}"), "the start is \"-0.1\""),
        (format!("0.1,1e3,0.1,{payload}"), "the length is \"1e3\""),
        (format!("0.1,,0.1,{payload}"), "the length is \"\""),
        (format!("{}.0,0.1,0.1,{payload}", u64::MAX), "beyond the times"),
        ("0.1,0.1,0.1,HIST*".to_owned(), "not whole base64"),
        ("0.1,0.1,0.1,".to_owned(), "not in the compressed second format"),
        ("0.1,0.1,0.1,HISTEwAAAAAA".to_owned(), "not in the compressed second format"),
        (format!("0.1,0.1,0.1,{}", &payload[..20]), "cut short"),
        (format!("0.1,0.1,0.1,{}", payload.replace("zMwM", "zMxM")), "damaged"),
        ("#[BaseTime: now]".to_owned(), "the base time is \"now\""),
        ("#[StartTime: ]".to_owned(), "the start time is \"\""),
    ] {
        let fault = fault(&line);
        assert!(fault.starts_with("line 3 ") && fault.contains(wanted), "{line}: {fault}");
    }
}

#[test]
fn a_tag_that_would_break_its_row_is_refused_and_nothing_written() {
    let (_recorder, snapshots) = Recorder::new();
    let mut log = LogWriter::new(Vec::new(), SystemTime::now(), &[]).unwrap();
    for tag in ["", "a,b", "a b", "a\nb", "a\u{a0}b"] {
        let error = log.write(Some(tag), Duration::ZERO, Duration::ZERO, &snapshots.empty());
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&format!("{tag:?}")), "{error}");
    }
    assert_eq!(String::from_utf8(log.into_inner()).unwrap().lines().count(), 4);
}

#[test]
fn each_line_of_a_comment_is_a_comment() {
    let log = LogWriter::new(Vec::new(), SystemTime::now(), &["one\ntwo", "three"]).unwrap();
    let text = String::from_utf8(log.into_inner()).unwrap();
    assert!(text.starts_with("#one\n#two\n#three\n#[Histogram log format version 1.3]\n"));
}

#[test]
fn a_start_before_1970_is_refused() {
    let early = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let error = LogWriter::new(Vec::new(), early, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

/// A disk with room for so many bytes.
struct Small(usize);

impl Write for Small {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_writers_error_is_handed_on() {
    let (_recorder, snapshots) = Recorder::new();
    let new = |room| LogWriter::new(Small(room), SystemTime::now(), &[]);
    assert_eq!(new(0).unwrap_err().kind(), ErrorKind::StorageFull);
    let mut log = new(300).unwrap();
    let error = (0..10)
        .find_map(|_| log.write(None, Duration::ZERO, Duration::ZERO, &snapshots.empty()).err());
    assert_eq!(error.unwrap().kind(), ErrorKind::StorageFull);
    log.flush().unwrap();
}
