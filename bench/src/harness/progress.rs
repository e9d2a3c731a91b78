//! One line on standard error that says how far the run has come.
//!
//! On a terminal the line is redrawn a few times a second; elsewhere one line is written every ten
//! seconds. Cost: a write between two slices, never within one.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use super::rounds::{Lane, Position};

/// Time between two lines.
const ON_TERMINAL: Duration = Duration::from_millis(250);
const ELSEWHERE: Duration = Duration::from_secs(10);

/// The line.
#[derive(Debug)]
pub(crate) struct Progress {
    terminal: bool,
    next: Duration,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { terminal: stderr().is_terminal(), next: Duration::ZERO }
    }

    /// Shows the position, if it is time to.
    pub(crate) fn show(&mut self, position: &Position, lanes: &[Lane]) {
        if position.elapsed < self.next {
            return;
        }
        self.next = position.elapsed + if self.terminal { ON_TERMINAL } else { ELSEWHERE };
        let line = line(position, lanes);
        // Nobody is hurt by a progress line that can't be written.
        let _ = match self.terminal {
            true => write!(stderr(), "\r\x1b[K{line}"),
            false => writeln!(stderr(), "{line}"),
        };
    }

    /// Takes the line off the terminal again.
    pub(crate) fn finish(&self) {
        if self.terminal {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

fn line(position: &Position, lanes: &[Lane]) -> String {
    let percent = 100 * position.slices_done / position.slices.max(1);
    let mut line = match position.rounds_done {
        0 => "warm-up and round 1".to_owned(),
        done => format!("round {} of {}", (done + 1).min(position.rounds), position.rounds),
    };
    line.push_str(&format!("  {percent:>3} %  {:>3} s", position.elapsed.as_secs()));
    for one in lanes.iter().take(4).map(|lane| &lane.series[0]) {
        if let Some(p50) = one.rounds.last().and_then(|round| round.p50) {
            line.push_str(&format!("  {} {p50}", one.name));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::series::{Interval, Series, Slice};

    #[test]
    fn the_line_tells_round_share_and_the_first_medians() {
        let mut floor = Series::new("floor");
        floor.add(&Slice::default(), &Interval::default(), &mut [10_500; 100]);
        let position = Position {
            rounds_done: 4,
            rounds: 9,
            slices_done: 30,
            slices: 60,
            elapsed: Duration::from_secs(12),
        };
        assert_eq!(line(&position, &[Lane::of(floor)]), "round 5 of 9   50 %   12 s  floor 10500");
    }
}
