//! What the host is: kernel, hypervisor, time that the hypervisor took, mitigations.

use super::super::finding::{Area, Finding, Severity};
use super::super::host::Host;
use crate::harness::host::{CoreTime, cpu_has};

/// Stolen time, as a percentage since boot, from which on it shows in a tail.
const STOLEN_PERCENT_MAX: f64 = 0.1;

pub(super) fn check(host: &Host, cores: &[usize]) -> Vec<Finding> {
    let mut findings = vec![kernel(host), preemption(host), hypervisor(host)];
    findings.extend(stolen(host, cores));
    findings.push(mitigations(host));
    findings
}

/// The major and minor number of a kernel release.
pub(super) fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn kernel(host: &Host) -> Finding {
    let path = "/proc/sys/kernel/osrelease";
    match host.text(path) {
        Err(reason) => Finding::unread(Area::Host, "kernel", &reason),
        Ok(release) => {
            let is_right = version(&release).is_some_and(|version| version >= (6, 1));
            Finding::judged(Area::Host, "kernel", is_right, Severity::Warn, release)
                .wanted("6.1 or later")
                .mend("a kernel from 6.1 on")
                .note_unless_ok("the io_uring driver needs Linux 6.1; on older ones epoll runs")
        }
    }
}

fn preemption(host: &Host) -> Finding {
    let version = match host.text("/proc/version") {
        Err(reason) => return Finding::unread(Area::Host, "preemption", &reason),
        Ok(version) => version,
    };
    let word = version.split_whitespace().find(|word| word.starts_with("PREEMPT"));
    let chosen = host.boot_option("preempt").ok().flatten();
    let flavour = match (word, chosen) {
        (None, _) => "none or voluntary".to_owned(),
        (Some(word), None) => word.to_owned(),
        (Some(word), Some(chosen)) => format!("{word}, booted with preempt={chosen}"),
    };
    let finding = Finding::new(Area::Host, "preemption", Severity::Info, flavour);
    match word {
        Some("PREEMPT_RT") => finding.note(
            "bounds the longest delay; interrupt handlers are threads, so the median is a little \
             higher",
        ),
        Some("PREEMPT_DYNAMIC") => {
            finding.note("/sys/kernel/debug/sched/preempt names the mode in use, to root")
        }
        _ => finding,
    }
}

fn hypervisor(host: &Host) -> Finding {
    let name = "hypervisor";
    match host.text("/proc/cpuinfo") {
        Err(reason) => Finding::unread(Area::Host, name, &reason),
        Ok(cpuinfo) if !cpu_has(&cpuinfo, &["hypervisor"]) => {
            Finding::new(Area::Host, name, Severity::Ok, "none")
        }
        Ok(_) => {
            let vendor = host.text("/sys/class/dmi/id/sys_vendor").ok();
            let vendor = vendor.map_or_else(String::new, |vendor| format!(" ({vendor})"));
            Finding::new(Area::Host, name, Severity::Info, format!("yes{vendor}")).note(
                "this is a virtual machine: whatever is set here, the hypervisor decides when its \
                 cores run, how deep they sleep and how fast they are",
            )
        }
    }
}

fn stolen(host: &Host, cores: &[usize]) -> Vec<Finding> {
    let name = "stolen time";
    let stat = match host.text("/proc/stat") {
        Err(reason) => return vec![Finding::unread(Area::Host, name, &reason)],
        Ok(stat) => stat,
    };
    let since_boot = |core: usize| {
        let percent = CoreTime::parse(&stat, core)?.stolen_percent_since(&CoreTime::default());
        Some((core, percent))
    };
    let all: Vec<(usize, f64)> = cores.iter().filter_map(|core| since_boot(*core)).collect();
    let Some((core, worst)) = all.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)) else {
        let note = "/proc/stat has no line for any of the cores";
        return vec![Finding::new(Area::Host, name, Severity::Unknown, "none told").note(note)];
    };
    let current = format!("{worst:.2} % of core {core}'s time since boot, the most of them");
    let finding =
        Finding::judged(Area::Host, name, worst < STOLEN_PERCENT_MAX, Severity::Warn, current)
            .wanted(format!("below {STOLEN_PERCENT_MAX} %"))
            .mend("dedicated cores from whoever runs the host")
            .note_unless_ok("the hypervisor ran somebody else while this core had work to do");
    vec![finding]
}

fn mitigations(host: &Host) -> Finding {
    let folder = "/sys/devices/system/cpu/vulnerabilities";
    let names = match host.names(folder) {
        Err(reason) => return Finding::unread(Area::Host, "mitigations", &reason),
        Ok(names) => names,
    };
    let states: Vec<String> =
        names.iter().filter_map(|name| host.text(&format!("{folder}/{name}")).ok()).collect();
    let count = |start: &str| states.iter().filter(|state| state.starts_with(start)).count();
    let counts = format!(
        "{} mitigated, {} vulnerable, {} not affected",
        count("Mitigation"),
        count("Vulnerable"),
        count("Not affected"),
    );
    let current = match host.boot_option("mitigations").ok().flatten() {
        Some(chosen) => format!("{counts}; booted with mitigations={chosen}"),
        None => counts,
    };
    Finding::new(Area::Host, "mitigations", Severity::Info, current)
        .note("each costs something at every system call: compare hosts with the same ones only")
}
