//! What time is read from, and whether it can be trusted.

use super::super::finding::{Area, Finding, Severity};
use super::super::host::Host;
use crate::harness::host::{cpu_field, cpu_has};

const SOURCES: &str = "/sys/devices/system/clocksource/clocksource0";

pub(super) fn check(host: &Host) -> Vec<Finding> {
    let mut findings = vec![source(host), flags(host)];
    findings.extend([boot(host, "tsc", "reliable"), boot(host, "skew_tick", "1")]);
    findings
}

fn source(host: &Host) -> Finding {
    let name = "clocksource";
    let current = match host.text(&format!("{SOURCES}/current_clocksource")) {
        Err(reason) => return Finding::unread(Area::Clock, name, &reason),
        Ok(current) => current,
    };
    let available = host.text(&format!("{SOURCES}/available_clocksource")).unwrap_or_default();
    let (severity, note) = match current.as_str() {
        "tsc" | "arch_sys_counter" => (Severity::Ok, ""),
        "kvm-clock" | "hyperv_clocksource_tsc_page" | "xen" => (
            Severity::Warn,
            "the hypervisor's clock: read without a system call at best, a little slower than the \
             counter, and corrected by the hypervisor",
        ),
        "hpet" | "acpi_pm" | "jiffies" | "refined-jiffies" | "pit" => (
            Severity::Severe,
            "each reading is a system call, and takes microseconds or is a tick old; the kernel \
             falls back to it when it has found the counter unstable (dmesg says why)",
        ),
        _ => {
            (Severity::Warn, "not a clock whose cost is known here: measure it (taut-bench clock)")
        }
    };
    let has_counter = available.split_whitespace().any(|source| source == "tsc");
    let mend = match has_counter {
        true => format!(
            "echo tsc > {SOURCES}/current_clocksource, or boot with clocksource=tsc tsc=reliable"
        ),
        false => "boot with clocksource=tsc tsc=reliable, if the processor's counter is invariant"
            .to_owned(),
    };
    let finding = Finding::new(Area::Clock, name, severity, current).wanted("tsc").mend(mend);
    if note.is_empty() { finding } else { finding.note(note) }
}

fn flags(host: &Host) -> Finding {
    let name = "time-stamp counter";
    let cpuinfo = match host.text("/proc/cpuinfo") {
        Err(reason) => return Finding::unread(Area::Clock, name, &reason),
        Ok(cpuinfo) => cpuinfo,
    };
    if cpu_field(&cpuinfo, "flags").is_none() {
        return Finding::new(Area::Clock, name, Severity::Info, "no flags are told")
            .note("only x86 processors list them; others have one counter for all cores");
    }
    let wanted = ["constant_tsc", "nonstop_tsc"];
    let missing: Vec<&str> =
        wanted.into_iter().filter(|flag| !cpu_has(&cpuinfo, &[flag])).collect();
    let current = match missing.is_empty() {
        true => wanted.join(" "),
        false => format!("without {}", missing.join(" ")),
    };
    Finding::judged(Area::Clock, name, missing.is_empty(), Severity::Warn, current)
        .wanted(wanted.join(" "))
        .mend("another processor, or a virtual machine that passes the flags on")
        .note_unless_ok("the runtime reads the system's clock instead, which takes longer")
}

/// An option that spares a periodic check or a crowd at each tick.
fn boot(host: &Host, option: &str, wanted: &str) -> Finding {
    let name = format!("boot option {option}");
    let current = match host.boot_option(option) {
        Err(reason) => return Finding::unread(Area::Clock, name, &reason),
        Ok(value) => value,
    };
    let is_right = current.as_deref() == Some(wanted);
    let current = current.unwrap_or_else(|| "not given".to_owned());
    let note = match option {
        "tsc" => {
            "the kernel compares the counter with a slower clock twice a second, on each core in \
             turn, unless it trusts it"
        }
        _ => "the ticks of all cores fall together, and wait for the same locks",
    };
    Finding::judged(Area::Clock, name, is_right, Severity::Info, current)
        .wanted(wanted)
        .mend(format!("boot with {option}={wanted}"))
        .note_unless_ok(note)
}
