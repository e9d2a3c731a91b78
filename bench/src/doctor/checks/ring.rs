//! Whether io_uring works here, by building a runtime on it, and what the runtime was refused.

use taut::BuildErrorKind;

use super::super::finding::{Area, Finding, Severity};
use super::super::host::Host;
use crate::harness::environment::FeatureRow;

pub(super) fn check(host: &Host) -> Vec<Finding> {
    let mut findings = vec![switch(host), filter(host)];
    match host.system().ring() {
        Ok(features) => {
            let driver = Finding::new(Area::IoUring, "a runtime's ring", Severity::Ok, "works");
            findings.push(driver);
            findings.extend(features.iter().filter(|row| row.asked).filter_map(refused));
            findings.push(granted(&features));
        }
        Err(refusal) => {
            let cause = match refusal.kind {
                BuildErrorKind::DisabledBySysctl => "refused by the sysctl",
                BuildErrorKind::DeniedBySeccomp => "refused by a seccomp filter",
                BuildErrorKind::KernelTooOld => "this kernel can't",
                BuildErrorKind::MemoryLimit => "not enough memory",
                _ => "failed",
            };
            let mend = match refusal.kind {
                BuildErrorKind::DisabledBySysctl => "sysctl -w kernel.io_uring_disabled=0",
                BuildErrorKind::DeniedBySeccomp => {
                    "allow io_uring_setup, io_uring_enter and io_uring_register in the seccomp \
                     profile (docker run --security-opt seccomp=FILE, or the security module's \
                     rule)"
                }
                BuildErrorKind::KernelTooOld => "a kernel from 6.1 on",
                BuildErrorKind::MemoryLimit => "ulimit -l unlimited",
                _ => "what the reason names",
            };
            let finding = Finding::new(Area::IoUring, "a runtime's ring", Severity::Warn, cause);
            findings.push(finding.wanted("works").mend(mend).note(format!(
                "{}. The runtime works on epoll instead, with a system call for each operation",
                refusal.message
            )));
        }
    }
    findings
}

/// The administrator's switch.
fn switch(host: &Host) -> Finding {
    let name = "kernel.io_uring_disabled";
    match host.number("/proc/sys/kernel/io_uring_disabled") {
        // Before 6.6 there was no such switch.
        Err(reason) if reason.is_missing() && host.is_there("/proc/sys/kernel") => {
            Finding::new(Area::IoUring, name, Severity::Info, "not in this kernel")
                .note(reason.to_string())
        }
        Err(reason) => Finding::unread(Area::IoUring, name, &reason),
        Ok(value) => {
            let (severity, meaning) = match value {
                0 => (Severity::Ok, "0"),
                1 => (Severity::Warn, "1: only for privileged programs and kernel.io_uring_group"),
                _ => (Severity::Warn, "2: for nobody"),
            };
            Finding::new(Area::IoUring, name, severity, meaning)
                .wanted("0")
                .mend("sysctl -w kernel.io_uring_disabled=0")
        }
    }
}

/// Whether a seccomp filter is on this process, which may or may not forbid it.
fn filter(host: &Host) -> Finding {
    let name = "seccomp filter";
    let status = match host.text("/proc/self/status") {
        Err(reason) => return Finding::unread(Area::IoUring, name, &reason),
        Ok(status) => status,
    };
    match status.lines().find_map(|line| line.strip_prefix("Seccomp:")).map(str::trim) {
        None => Finding::new(Area::IoUring, name, Severity::Info, "not in this kernel"),
        Some("0") => Finding::new(Area::IoUring, name, Severity::Ok, "none"),
        Some(_) => Finding::new(Area::IoUring, name, Severity::Info, "on this process")
            .note("each system call passes it: a cost that hosts without one don't have"),
    }
}

/// What the runtime asked for and did not get; its reason names the remedy.
fn refused(row: &FeatureRow) -> Option<Finding> {
    (!row.granted).then(|| {
        let current = format!("refused: {}", row.reason);
        Finding::new(Area::IoUring, row.name.clone(), Severity::Warn, current).wanted("granted")
    })
}

fn granted(features: &[FeatureRow]) -> Finding {
    let word = |row: &FeatureRow| match row.reason.as_str() {
        "" => row.name.clone(),
        detail => format!("{} ({detail})", row.name),
    };
    let granted: Vec<String> = features.iter().filter(|row| row.granted).map(word).collect();
    Finding::new(Area::IoUring, "granted", Severity::Info, granted.join(", "))
}
