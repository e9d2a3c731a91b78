//! Settings of the kernel that are one number or one mask of cores in one file, and what of them
//! makes the kernel work on the cores.

use super::super::finding::{Area, Finding, Severity};
use super::super::host::Host;
use super::machine::version;
use super::{common, list_or_none, sending_away};
use crate::harness::host::format_list;

/// A number in a file and which of its values is wanted.
pub(super) struct Setting {
    pub(super) area: Area,
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) is_right: fn(i64) -> bool,
    pub(super) otherwise: Severity,
    pub(super) wanted: &'static str,
    pub(super) mend: &'static str,
    pub(super) note: &'static str,
}

impl Setting {
    /// A file that is not there is a kernel without the thing, which is told and needs no mending.
    pub(super) fn check(&self, host: &Host) -> Finding {
        match host.number(self.path) {
            Ok(value) => {
                let is_right = (self.is_right)(value);
                let current = value.to_string();
                Finding::judged(self.area, self.name, is_right, self.otherwise, current)
                    .wanted(self.wanted)
                    .mend(self.mend)
                    .note_unless_ok(self.note)
            }
            Err(reason) if reason.is_missing() && host.is_there("/proc/sys/kernel") => {
                Finding::new(self.area, self.name, Severity::Info, "not in this kernel")
                    .wanted(self.wanted)
                    .note(reason.to_string())
            }
            Err(reason) => Finding::unread(self.area, self.name, &reason).wanted(self.wanted),
        }
    }
}

const NOISE: [Setting; 4] = [
    Setting {
        area: Area::KernelNoise,
        name: "nmi_watchdog",
        path: "/proc/sys/kernel/nmi_watchdog",
        is_right: |value| value == 0,
        otherwise: Severity::Warn,
        wanted: "0",
        mend: "sysctl -w kernel.nmi_watchdog=0, or boot with nmi_watchdog=0",
        note: "an interrupt that can't be masked, on each core, every few seconds",
    },
    Setting {
        area: Area::KernelNoise,
        name: "hung_task",
        path: "/proc/sys/kernel/hung_task_timeout_secs",
        is_right: |value| value == 0,
        otherwise: Severity::Info,
        wanted: "0",
        mend: "sysctl -w kernel.hung_task_timeout_secs=0",
        note: "a thread of the kernel walks all tasks this often, on a housekeeping core if there \
               is one",
    },
    Setting {
        area: Area::KernelNoise,
        name: "vm.stat_interval",
        path: "/proc/sys/vm/stat_interval",
        is_right: |value| value >= 10,
        otherwise: Severity::Warn,
        wanted: "10 or more",
        mend: "sysctl -w vm.stat_interval=10",
        note: "each core folds its memory statistics this often, in seconds, in a kernel thread",
    },
    Setting {
        area: Area::KernelNoise,
        name: "timer_migration",
        path: "/proc/sys/kernel/timer_migration",
        is_right: |value| value == 0,
        otherwise: Severity::Warn,
        wanted: "0",
        mend: "sysctl -w kernel.timer_migration=0",
        note: "timers of idle cores are moved to busy ones",
    },
];

pub(super) fn kernel_noise(host: &Host, cores: &[usize]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = NOISE.iter().map(|setting| setting.check(host)).collect();
    findings.extend([workqueues(host, cores), real_time_limit(host)]);
    findings
}

fn workqueues(host: &Host, cores: &[usize]) -> Finding {
    let name = "workqueue cpumask";
    let path = "/sys/devices/virtual/workqueue/cpumask";
    match host.mask(path) {
        Err(reason) => Finding::unread(Area::KernelNoise, name, &reason),
        Ok(mask) => {
            let mend = sending_away(host, cores, |others| {
                format!("echo {} > {path}", format_mask(others))
            });
            let is_right = common(&mask, cores).is_empty();
            let current = list_or_none(&mask);
            Finding::judged(Area::KernelNoise, name, is_right, Severity::Warn, current)
                .wanted(format!("without {}", format_list(cores)))
                .mend(mend)
                .note_unless_ok("deferred work of the kernel runs on the cores")
        }
    }
}

/// The kernel's mask of cores, 32 in a group, the lowest group last.
fn format_mask(cores: &[usize]) -> String {
    let mut groups = vec![0_u32; cores.iter().max().map_or(1, |core| core / 32 + 1)];
    for core in cores {
        groups[core / 32] |= 1 << (core % 32);
    }
    let digits: Vec<String> = groups.iter().rev().map(|group| format!("{group:08x}")).collect();
    let text = digits.join(",");
    match text.trim_start_matches('0') {
        "" => "0".to_owned(),
        text => text.to_owned(),
    }
}

/// Whether a `SCHED_FIFO` thread that spins is stopped now and then.
fn real_time_limit(host: &Host) -> Finding {
    let name = "real-time limit";
    let folder = "/proc/sys/kernel";
    let read = || {
        let period = host.number(&format!("{folder}/sched_rt_period_us"))?;
        Ok((host.number(&format!("{folder}/sched_rt_runtime_us"))?, period))
    };
    let (runtime, period) = match read() {
        Err(reason) => return Finding::unread(Area::KernelNoise, name, &reason),
        Ok(times) => times,
    };
    let is_right = runtime < 0 || runtime >= period;
    let current = match runtime < 0 {
        true => "off".to_owned(),
        false => format!("{runtime} of each {period} us"),
    };
    let release = host.text(&format!("{folder}/osrelease")).unwrap_or_default();
    // From 6.12 on a server of the fair class does what this limit did.
    let has_server = version(&release).is_some_and(|version| version >= (6, 12));
    let (severity, note) = match has_server {
        true => (
            Severity::Info,
            "from Linux 6.12 on it bounds real-time threads only where they are grouped; ordinary \
             threads that wait on the core get 50 ms of each second instead: keep them off it",
        ),
        false => (
            Severity::Warn,
            "a SCHED_FIFO or SCHED_RR thread that spins is stopped for the rest of each period; \
             other threads are not affected",
        ),
    };
    Finding::judged(Area::KernelNoise, name, is_right, severity, current)
        .wanted("off (-1), where a real-time thread spins")
        .mend("sysctl -w kernel.sched_rt_runtime_us=-1")
        .note_unless_ok(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_written_as_the_kernel_writes_them() {
        assert_eq!(format_mask(&[]), "0");
        assert_eq!(format_mask(&[0, 1, 5]), "23");
        assert_eq!(format_mask(&[4, 32]), "1,00000010");
        assert_eq!(format_mask(&[64]), "1,00000000,00000000");
    }
}
