//! What one check found: the value, the wanted value, how to mend it, and how bad it is.

use serde::Serialize;

use super::host::Unread;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// As wanted.
    Ok,
    /// Nothing to mend, or nothing that a tool should decide: it has to be known when figures of
    /// two hosts are compared, or it is a choice with a price on either side.
    Info,
    /// Not readable here, so not judged; the reason is told. The value may be bad.
    Unknown,
    /// Costs latency, mostly in the tail, or makes the runtime do without something. Programs run
    /// and their figures are true.
    Warn,
    /// A program on these cores can't run as it was asked to, is stopped for milliseconds by the
    /// kernel, or reads a clock that can't be trusted or takes microseconds. Ends the program with
    /// status 1.
    Severe,
}

impl Severity {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Unknown => "unknown",
            Self::Warn => "warn",
            Self::Severe => "severe",
        }
    }
}

/// What a finding is about; the table is grouped by it, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Area {
    Host,
    Cores,
    Isolation,
    Interrupts,
    CStates,
    Frequency,
    Clock,
    Memory,
    KernelNoise,
    Network,
    IoUring,
    Limits,
}

impl Area {
    pub(crate) const ALL: [Self; 12] = [
        Self::Host,
        Self::Cores,
        Self::Isolation,
        Self::Interrupts,
        Self::CStates,
        Self::Frequency,
        Self::Clock,
        Self::Memory,
        Self::KernelNoise,
        Self::Network,
        Self::IoUring,
        Self::Limits,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Cores => "cores",
            Self::Isolation => "isolation",
            Self::Interrupts => "interrupts",
            Self::CStates => "C-states",
            Self::Frequency => "frequency",
            Self::Clock => "clock",
            Self::Memory => "memory",
            Self::KernelNoise => "kernel noise",
            Self::Network => "network",
            Self::IoUring => "io_uring",
            Self::Limits => "limits",
        }
    }
}

/// One line of the doctor's table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) area: Area,
    pub(crate) name: String,
    pub(crate) severity: Severity,
    /// `None` where it can't be read: `note` then has the reason.
    pub(crate) current: Option<String>,
    pub(crate) wanted: Option<String>,
    /// A command, a kernel parameter, or a sentence where neither does it.
    pub(crate) mend: Option<String>,
    /// What it means.
    pub(crate) note: Option<String>,
}

impl Finding {
    pub(crate) fn new(
        area: Area,
        name: impl Into<String>,
        severity: Severity,
        current: impl Into<String>,
    ) -> Self {
        Self {
            area,
            name: name.into(),
            severity,
            current: Some(current.into()),
            wanted: None,
            mend: None,
            note: None,
        }
    }

    /// As wanted or not; what is not is to be given its remedy.
    pub(crate) fn judged(
        area: Area,
        name: impl Into<String>,
        is_right: bool,
        otherwise: Severity,
        current: impl Into<String>,
    ) -> Self {
        let severity = if is_right { Severity::Ok } else { otherwise };
        Self::new(area, name, severity, current)
    }

    /// A value that this process may not read, or that is not there.
    pub(crate) fn unread(area: Area, name: impl Into<String>, reason: &Unread) -> Self {
        let finding = Self::new(area, name, Severity::Unknown, "");
        Self { current: None, note: Some(reason.to_string()), ..finding }
    }

    pub(crate) fn wanted(self, wanted: impl Into<String>) -> Self {
        Self { wanted: Some(wanted.into()), ..self }
    }

    /// How to mend it; left out where there is nothing to mend.
    pub(crate) fn mend(self, mend: impl Into<String>) -> Self {
        match self.severity {
            Severity::Ok => self,
            _ => Self { mend: Some(mend.into()), ..self },
        }
    }

    pub(crate) fn note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }

    /// A note that only matters where something is wrong.
    pub(crate) fn note_unless_ok(self, note: impl Into<String>) -> Self {
        match self.severity {
            Severity::Ok => self,
            _ => self.note(note),
        }
    }
}
