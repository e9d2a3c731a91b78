//! Redrawing a terminal: from its top left corner, as much as it is high and wide.

use std::io::{self, Write};

use rustix::termios::tcgetwinsize;

/// Rows and columns where the terminal does not tell.
const DEFAULT_SIZE: (usize, usize) = (24, 80);
/// Cursor to the corner; the rest of a line, and of the screen, empty.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";
/// How highlights begin and end.
pub(crate) const ALARM: &str = "\x1b[1;31m";
pub(crate) const PLAIN: &str = "\x1b[0m";

/// Shows the text in place of what the screen showed.
pub(crate) fn redraw(output: &mut impl Write, text: &str) -> io::Result<()> {
    let (rows, columns) = size();
    let lines: Vec<&str> = text.lines().collect();
    let fits = lines.len() < rows;
    let shown = if fits { lines.len() } else { rows.saturating_sub(2) };
    write!(output, "{HOME}")?;
    for line in &lines[..shown] {
        writeln!(output, "{}{CLEAR_LINE}", clipped(line, columns))?;
    }
    if !fits {
        let more = format!("... {} lines more: --plain has all of them", lines.len() - shown);
        write!(output, "{}{CLEAR_LINE}", clipped(&more, columns))?;
    }
    write!(output, "{CLEAR_BELOW}")
}

fn size() -> (usize, usize) {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_row > 2 && size.ws_col > 0 => (size.ws_row.into(), size.ws_col.into()),
        _ => DEFAULT_SIZE,
    }
}

/// The line up to this many columns; escapes take none, and are never cut.
fn clipped(line: &str, columns: usize) -> String {
    let mut text = String::with_capacity(line.len());
    let (mut width, mut escape) = (0, false);
    for letter in line.chars() {
        escape |= letter == '\x1b';
        if escape || width < columns {
            text.push(letter);
        }
        width += usize::from(!escape);
        escape &= letter != 'm';
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_the_edge_and_its_highlights_end() {
        let line = format!("ab{ALARM}cdef{PLAIN}gh");
        assert_eq!(clipped(&line, 4), format!("ab{ALARM}cd{PLAIN}"));
        assert_eq!(clipped(&line, 80), line);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let text = "line\n".repeat(100);
        let mut output = Vec::new();
        redraw(&mut output, &text).unwrap();
        let shown = String::from_utf8(output).unwrap();
        assert!(shown.starts_with(HOME) && shown.ends_with(CLEAR_BELOW));
        assert!(shown.contains("lines more"), "{shown}");
    }
}
