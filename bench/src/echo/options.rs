//! The command line of `echo`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::server::ServerKind;

/// Measures TCP round trips over loopback, and their floor in the same run.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Message size in bytes.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub(crate) size: u32,

    /// Connections of each server, used in turn: one message is in flight in total.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: u32,

    /// Rounds; in each, every series has one slice.
    #[arg(long, default_value_t = 45, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) rounds: u32,

    /// Time that the slices of all rounds share: 90s, 2m. A slice with few samples may take longer.
    #[arg(long, default_value = "75s", value_parser = parse_duration)]
    pub(crate) duration: Duration,

    /// Pauses between a reply and the next send, separated by commas. Each series runs without a
    /// pause and, as NAME+think, with it (NAME+think20us and so on where there are several); 0
    /// alone leaves these out.
    #[arg(long, default_value = "50us", value_delimiter = ',', value_parser = parse_duration)]
    pub(crate) think: Vec<Duration>,

    /// Core of the servers; by default an isolated core, else one of the highest.
    #[arg(long)]
    pub(crate) server_core: Option<usize>,

    /// Core of the client; by default another one that is no SMT sibling of the server's.
    #[arg(long)]
    pub(crate) client_core: Option<usize>,

    /// Servers to run, separated by commas; by default all of them.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) series: Vec<ServerKind>,

    /// Another file to write the JSON to.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Folder for the .hgrm files, the JSON and the chart.
    #[arg(long, value_name = "DIR", default_value = "target/taut")]
    pub(crate) out: PathBuf,
}

impl Options {
    /// The servers that were asked for, once each, in the order of the report.
    pub(crate) fn servers(&self) -> Vec<ServerKind> {
        let asked = |kind: &ServerKind| self.series.is_empty() || self.series.contains(kind);
        ServerKind::ALL.into_iter().filter(asked).collect()
    }

    /// The pauses to run, each with the suffix of its series' names: none first.
    pub(crate) fn pauses(&self) -> Vec<(Duration, String)> {
        let mut pauses: Vec<Duration> =
            self.think.iter().copied().filter(|pause| !pause.is_zero()).collect();
        pauses.sort_unstable();
        pauses.dedup();
        let only_one = pauses.len() == 1;
        let mut named = vec![(Duration::ZERO, String::new())];
        named.extend(pauses.into_iter().map(|pause| match only_one {
            true => (pause, "+think".to_owned()),
            false => (pause, format!("+think{}", format_duration(pause))),
        }));
        named
    }
}

/// Units of durations on the command line, in nanoseconds.
const UNITS: [(&str, u64); 5] =
    [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000)];

fn parse_duration(text: &str) -> Result<Duration, String> {
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

/// The duration as the command line takes it.
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
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn options(line: &str) -> Options {
        Line::parse_from(std::iter::once("taut-bench").chain(line.split_whitespace())).options
    }

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

    #[test]
    fn every_series_runs_without_a_pause_and_with_each_one() {
        let names = |line: &str| -> Vec<String> {
            options(line).pauses().into_iter().map(|(_, suffix)| suffix).collect()
        };
        assert_eq!(names(""), ["", "+think"]);
        assert_eq!(names("--think 0"), [""]);
        assert_eq!(names("--think 0,20us"), ["", "+think"]);
        assert_eq!(names("--think 100us --think 20us,20us"), ["", "+think20us", "+think100us"]);
    }

    #[test]
    fn series_keep_the_order_of_the_report() {
        let servers = options("--series taut,floor,taut").servers();
        assert_eq!(servers, [ServerKind::Floor, ServerKind::Taut]);
        assert_eq!(options("").servers().len(), 6);
    }
}
