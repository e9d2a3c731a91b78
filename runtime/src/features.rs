//! What the runtime asked of the host, what it got, and why the rest was refused.
//!
//! Nothing degrades in silence: each optional kernel feature, each resource and each host property
//! that the runtime would use leaves one row here. The rows are made once, when a runtime is
//! built; reading them costs nothing on the hot path.

use std::borrow::Cow;
use std::fmt;

/// One property of the host or of the kernel that the runtime would use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Feature {
    /// The name under which the kernel or the manual pages know it.
    pub name: &'static str,
    /// Whether this runtime's configuration asked for it.
    pub asked: bool,
    /// Whether the configuration demanded it: a refusal is then an error, unless
    /// [`Builder::allow_degraded`](crate::Builder::allow_degraded) lets the runtime go on.
    pub demanded: bool,
    /// Whether it is in use.
    pub granted: bool,
    /// Why it was refused, or what exactly was granted; empty where there is nothing to say.
    pub reason: Cow<'static, str>,
}

impl Feature {
    fn new(name: &'static str, asked: bool, granted: bool, reason: Cow<'static, str>) -> Self {
        Self { name, asked, demanded: false, granted, reason }
    }
}

/// The list of [`Feature`]s of one runtime; prints as a table.
///
/// ```
/// let runtime = taut_runtime::Runtime::new()?;
/// println!("{}", runtime.features());
/// assert!(runtime.features().rows().any(|row| row.name == "driver" && row.granted));
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Features {
    rows: Vec<Feature>,
}

impl Features {
    /// All rows, in the order in which they were probed.
    pub fn rows(&self) -> impl Iterator<Item = &Feature> {
        self.rows.iter()
    }

    /// Whether the feature of that name is in use.
    pub fn granted(&self, name: &str) -> bool {
        self.rows.iter().any(|row| row.name == name && row.granted)
    }

    /// The features that were asked for and refused.
    pub fn refused(&self) -> impl Iterator<Item = &Feature> {
        self.rows.iter().filter(|row| row.asked && !row.granted)
    }

    /// The features that were demanded and refused: without any, the runtime is not degraded.
    pub fn degraded(&self) -> impl Iterator<Item = &Feature> {
        self.rows.iter().filter(|row| row.demanded && !row.granted)
    }

    pub(crate) fn grant(&mut self, name: &'static str, detail: impl Into<Cow<'static, str>>) {
        self.push(Feature::new(name, true, true, detail.into()));
    }

    pub(crate) fn refuse(&mut self, name: &'static str, reason: impl Into<Cow<'static, str>>) {
        self.push(Feature::new(name, true, false, reason.into()));
    }

    pub(crate) fn grant_demanded(&mut self, name: &'static str, detail: String) {
        self.push(Feature { demanded: true, ..Feature::new(name, true, true, detail.into()) });
    }

    pub(crate) fn refuse_demanded(&mut self, name: &'static str, reason: String) {
        self.push(Feature { demanded: true, ..Feature::new(name, true, false, reason.into()) });
    }

    pub(crate) fn not_asked(&mut self, name: &'static str, detail: impl Into<Cow<'static, str>>) {
        self.push(Feature::new(name, false, false, detail.into()));
    }

    /// Records the outcome of an attempt; `Err` carries the reason.
    pub(crate) fn record<E: fmt::Display>(&mut self, name: &'static str, outcome: Result<(), E>) {
        match outcome {
            Ok(()) => self.grant(name, ""),
            Err(error) => self.refuse(name, error.to_string()),
        }
    }

    /// Appends another list.
    pub(crate) fn extend(&mut self, other: Self) {
        self.rows.extend(other.rows);
    }

    /// A feature appears once: a later outcome replaces an earlier one.
    fn push(&mut self, row: Feature) {
        match self.rows.iter_mut().find(|known| known.name == row.name) {
            Some(known) => *known = row,
            None => self.rows.push(row),
        }
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(7);
        writeln!(f, "{:<width$}  {:<5}  {:<7}  reason", "feature", "asked", "granted")?;
        for row in &self.rows {
            let (asked, granted) = (yes_no(row.asked), yes_no(row.granted));
            let line =
                format!("{:<width$}  {asked:<5}  {granted:<7}  {}", row.name, row.reason.as_ref());
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_aligns_and_lists_the_reason() {
        let mut features = Features::default();
        features.grant("driver", "io_uring");
        features.refuse("huge pages", "none reserved");
        features.not_asked("napi", "");
        let table = features.to_string();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines[0], "feature     asked  granted  reason");
        assert_eq!(lines[1], "driver      yes    yes      io_uring");
        assert_eq!(lines[2], "huge pages  yes    no       none reserved");
        assert_eq!(lines[3], "napi        no     no");
        assert_eq!(features.refused().count(), 1);
    }

    #[test]
    fn a_later_outcome_replaces_the_earlier_row() {
        let mut features = Features::default();
        features.grant("mlock", "");
        features.refuse("mlock", "limit");
        assert_eq!(features.rows().count(), 1);
        assert!(!features.granted("mlock"));
    }
}
