//! One look at a file beside the one before: values, and what came meanwhile.

use taut::counter_file::{CounterReader, Distribution, Kind, Snapshot, SnapshotValue};

/// A file that is looked at again and again.
#[derive(Debug)]
pub(crate) struct Watched {
    reader: CounterReader,
    before: Option<Snapshot>,
    ended: bool,
}

/// What one look at a file gave.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) pid: u64,
    pub(crate) version: (u32, u32),
    pub(crate) started_ns: u64,
    /// The writing process has not ended.
    pub(crate) alive: bool,
    /// Why there are no values.
    pub(crate) problem: Option<String>,
    pub(crate) now: Option<Snapshot>,
    pub(crate) before: Option<Snapshot>,
}

impl Watched {
    pub(crate) fn new(reader: CounterReader) -> Self {
        Self { reader, before: None, ended: false }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended && self.before.is_some()
    }

    pub(crate) fn is_of(&self, other: &CounterReader) -> bool {
        let who = |reader: &CounterReader| (reader.pid(), reader.started_ns());
        self.reader.path() == other.path() && who(&self.reader) == who(other)
    }

    pub(crate) fn look(&mut self) -> Sample {
        // Before the values, so that the last ones are read after the end.
        let alive = self.reader.has_writer();
        let (now, problem) = match self.reader.snapshot() {
            Ok(snapshot) => (Some(snapshot), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let before = match &now {
            Some(now) => self.before.replace(now.clone()),
            None => self.before.take(),
        };
        let alive = alive && problem.is_none();
        // The first look at a dead process's file shows nothing yet.
        self.ended = !alive && (before.is_some() || problem.is_some());
        Sample {
            path: self.reader.path().display().to_string(),
            name: self.reader.name(),
            pid: self.reader.pid(),
            version: self.reader.version(),
            started_ns: self.reader.started_ns(),
            alive,
            problem,
            now,
            before,
        }
    }
}

impl Sample {
    /// Seconds since the look before.
    pub(crate) fn interval_s(&self) -> Option<f64> {
        let (now, before) = (self.now.as_ref()?, self.before.as_ref()?);
        let interval_ns = now.at_ns().checked_sub(before.at_ns()).filter(|ns| *ns > 0)?;
        Some(interval_ns as f64 / 1e9)
    }

    /// What came to a counter since the look before; from zero, where it was less: it has started
    /// anew.
    pub(crate) fn growth(&self, value: &SnapshotValue) -> Option<u64> {
        let before = self.before.as_ref()?;
        let now = value.number().filter(|_| value.kind() == Kind::Counter)?;
        let before = before.number(value.owner(), value.label()).unwrap_or(0);
        Some(if now >= before { now - before } else { now })
    }

    /// The same for each second.
    pub(crate) fn per_second(&self, value: &SnapshotValue) -> Option<f64> {
        Some(self.growth(value)? as f64 / self.interval_s()?)
    }

    /// What was recorded since the look before; all of it at the first look.
    pub(crate) fn interval_of(&self, value: &SnapshotValue) -> Option<Distribution> {
        let now = value.distribution()?;
        let before = self
            .before
            .as_ref()
            .and_then(|before| before.distribution(value.owner(), value.label()));
        Some(before.map_or_else(|| now.clone(), |before| now.since(before)))
    }

    /// How long ago something was, in seconds.
    pub(crate) fn age_s(&self, at_ns: u64) -> f64 {
        let now_ns = self.now.as_ref().map_or(0, Snapshot::at_ns);
        now_ns.saturating_sub(at_ns) as f64 / 1e9
    }

    /// The blocks of cores, without the process itself.
    pub(crate) fn cores(&self) -> Vec<u32> {
        let owners = self.now.as_ref().map(Snapshot::owners).unwrap_or_default();
        owners.into_iter().filter(|owner| *owner > 0).collect()
    }
}
