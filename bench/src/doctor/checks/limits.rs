//! What this process may take: descriptors, real-time priority, locked memory.
//!
//! The limits are those of this process: an engine that a service manager starts has its own.

use super::super::finding::{Area, Finding, Severity};
use super::super::host::Host;

/// Bits of the capabilities in `/proc/self/status`, from linux/capability.h.
const CAP_IPC_LOCK: u32 = 14;
const CAP_SYS_NICE: u32 = 23;

/// What several runtimes with the default buffers lock, with room for the program itself.
const LOCKED_BYTES_MIN: u64 = 256 << 20;
/// Connections, files and rings of a large engine.
const DESCRIPTORS_MIN: u64 = 65_536;

struct Limit {
    /// As the file names it.
    row: &'static str,
    name: &'static str,
    min: u64,
    wanted: &'static str,
    /// The capability that a process needs no limit with.
    capability: Option<(u32, &'static str)>,
    mend: &'static str,
    note: &'static str,
}

const LIMITS: [Limit; 3] = [
    Limit {
        row: "Max open files",
        name: "nofile",
        min: DESCRIPTORS_MIN,
        wanted: "at least 65536",
        capability: None,
        mend: "ulimit -n 65536, LimitNOFILE=65536 in the service, or nofile in limits.conf",
        note: "the next connection beyond it is refused with EMFILE",
    },
    Limit {
        row: "Max realtime priority",
        name: "rtprio",
        min: 1,
        wanted: "at least 1",
        capability: Some((CAP_SYS_NICE, "CAP_SYS_NICE")),
        mend: "LimitRTPRIO=99 in the service, rtprio in limits.conf, or CAP_SYS_NICE",
        note: "SCHED_FIFO is refused; on an isolated core it is not needed",
    },
    Limit {
        row: "Max locked memory",
        name: "memlock",
        min: LOCKED_BYTES_MIN,
        wanted: "unlimited, or at least 256 MiB",
        capability: Some((CAP_IPC_LOCK, "CAP_IPC_LOCK")),
        mend: "ulimit -l unlimited, LimitMEMLOCK=infinity in the service, or memlock in \
               limits.conf",
        note: "buffers and mlockall are refused or stay swappable beyond it",
    },
];

pub(super) fn check(host: &Host) -> Vec<Finding> {
    let table = match host.text("/proc/self/limits") {
        Err(reason) => return vec![Finding::unread(Area::Limits, "limits", &reason)],
        Ok(table) => table,
    };
    let capabilities = capabilities(host);
    LIMITS.iter().map(|limit| limit.check(&table, capabilities)).collect()
}

impl Limit {
    fn check(&self, table: &str, capabilities: u64) -> Finding {
        let Some(soft) = soft_limit(table, self.row) else {
            let finding = Finding::new(Area::Limits, self.name, Severity::Unknown, "not told");
            return finding.note(format!("/proc/self/limits has no number for {:?}", self.row));
        };
        let words = if soft == u64::MAX { "unlimited".to_owned() } else { soft.to_string() };
        let has = |bit: u32| capabilities >> bit & 1 == 1;
        let (is_right, current) = match self.capability.filter(|(bit, _)| has(*bit)) {
            Some((_, name)) => (true, format!("{words}, but {name} needs no limit")),
            None => (soft >= self.min, words),
        };
        Finding::judged(Area::Limits, self.name, is_right, Severity::Warn, current)
            .wanted(self.wanted)
            .mend(self.mend)
            .note_unless_ok(self.note)
    }
}

/// The soft limit of that row.
fn soft_limit(table: &str, row: &str) -> Option<u64> {
    let values = table.lines().find_map(|line| line.strip_prefix(row))?;
    match values.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

/// The capabilities in force; none where they can't be read.
fn capabilities(host: &Host) -> u64 {
    let status = host.text("/proc/self/status").unwrap_or_default();
    let digits = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    digits.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_limits_are_found_by_the_name_of_their_row() {
        let table = "Limit  Soft Limit  Hard Limit  Units\nMax open files  1024  524288  files\n\
                     Max locked memory  unlimited  unlimited  bytes\nMax realtime priority  x 0\n";
        assert_eq!(soft_limit(table, "Max open files"), Some(1024));
        assert_eq!(soft_limit(table, "Max locked memory"), Some(u64::MAX));
        assert_eq!(soft_limit(table, "Max realtime priority"), None);
        assert_eq!(soft_limit(table, "Max processes"), None);
    }
}
