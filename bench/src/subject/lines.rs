//! The lines by which a subject is asked for work, on its own side.

use std::io::{BufRead, Write as _, stdin, stdout};

/// Answers each line of standard input with one of its own, until it ends.
pub(crate) fn answer_lines(
    mut answer: impl FnMut(&str) -> Result<String, String>,
) -> Result<(), String> {
    for line in stdin().lock().lines() {
        let line = line.map_err(|error| format!("standard input broke off: {error}"))?;
        let mut answer = answer(&line)?;
        answer.push('\n');
        let mut out = stdout().lock();
        out.write_all(answer.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|error| format!("an answer could not be given: {error}"))?;
    }
    Ok(())
}

/// Numbers as an answer has them.
pub(crate) fn spaced(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}
