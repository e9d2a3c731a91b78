//! What the kernel does to memory while a program runs on it, and what it has for the pools.

use super::super::finding::{Area, Finding, Severity};
use super::super::host::Host;
use super::common;
use super::setting::Setting;

/// What a runtime with the default buffers takes, in pages of 2 MiB: 5 to receive and 1 to send;
/// two more for what the program itself keeps there.
const HUGE_PAGES_PER_CORE: i64 = 8;

const SETTINGS: [Setting; 2] = [
    Setting {
        area: Area::Memory,
        name: "numa_balancing",
        path: "/proc/sys/kernel/numa_balancing",
        is_right: |value| value == 0,
        otherwise: Severity::Warn,
        wanted: "0",
        mend: "sysctl -w kernel.numa_balancing=0",
        note: "the kernel unmaps pages to see who uses them: a page fault each",
    },
    Setting {
        area: Area::Memory,
        name: "KSM",
        path: "/sys/kernel/mm/ksm/run",
        is_right: |value| value != 1,
        otherwise: Severity::Warn,
        wanted: "0",
        mend: "echo 0 > /sys/kernel/mm/ksm/run (2 also takes apart what was merged)",
        note: "equal pages are merged, and copied at the next write to them",
    },
];

pub(super) fn check(host: &Host, cores: &[usize]) -> Vec<Finding> {
    let mut findings = vec![transparent_huge_pages(host)];
    findings.extend(huge_pages(host, cores));
    findings.extend(SETTINGS.iter().map(|setting| setting.check(host)));
    findings.push(swap(host));
    findings
}

fn transparent_huge_pages(host: &Host) -> Finding {
    let name = "transparent huge pages";
    let path = "/sys/kernel/mm/transparent_hugepage/enabled";
    let text = match host.text(path) {
        Err(reason) if reason.is_missing() && host.is_there("/sys/kernel/mm") => {
            return Finding::new(Area::Memory, name, Severity::Info, "not in this kernel")
                .note(reason.to_string());
        }
        Err(reason) => return Finding::unread(Area::Memory, name, &reason),
        Ok(text) => text,
    };
    let chosen = text.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
    let Some(chosen) = chosen else {
        let reason = super::super::host::Unread::garbled(path, &text);
        return Finding::unread(Area::Memory, name, &reason);
    };
    let is_right = ["madvise", "never"].contains(&chosen);
    Finding::judged(Area::Memory, name, is_right, Severity::Warn, chosen)
        .wanted("madvise or never")
        .mend(format!("echo madvise > {path}, or boot with transparent_hugepage=madvise"))
        .note_unless_ok("khugepaged moves pages of running programs, which then fault")
}

/// Free pages of 2 MiB on each node that has one of the cores.
fn huge_pages(host: &Host, cores: &[usize]) -> Vec<Finding> {
    let folder = "/sys/devices/system/node";
    let nodes = match host.names(folder) {
        // A kernel without NUMA has one pool.
        Err(reason) if reason.is_missing() => {
            return vec![free(host, "huge pages", "/sys/kernel/mm/hugepages", cores.len())];
        }
        Err(reason) => return vec![Finding::unread(Area::Memory, "huge pages", &reason)],
        Ok(names) => names.into_iter().filter(|name| {
            name.strip_prefix("node").is_some_and(|number| number.parse::<u32>().is_ok())
        }),
    };
    let mut findings = Vec::new();
    for node in nodes {
        let name = format!("huge pages, {node}");
        match host.cores(&format!("{folder}/{node}/cpulist")) {
            Err(reason) => findings.push(Finding::unread(Area::Memory, name, &reason)),
            Ok(list) => match common(cores, &list).len() {
                0 => {}
                here => {
                    findings.push(free(host, &name, &format!("{folder}/{node}/hugepages"), here));
                }
            },
        }
    }
    findings
}

fn free(host: &Host, name: &str, folder: &str, cores: usize) -> Finding {
    let pool = format!("{folder}/hugepages-2048kB");
    let wanted = HUGE_PAGES_PER_CORE * cores as i64;
    match host.number(&format!("{pool}/free_hugepages")) {
        Err(reason) => Finding::unread(Area::Memory, name, &reason),
        Ok(free) => {
            let current = format!("{free} of 2 MiB free");
            Finding::judged(Area::Memory, name, free >= wanted, Severity::Warn, current)
                .wanted(format!("{wanted} free, {HUGE_PAGES_PER_CORE} for each core"))
                .mend(format!("echo {wanted} > {pool}/nr_hugepages, best early after boot"))
                .note_unless_ok("buffers are on pages of 4 KiB instead: more misses of the TLB")
        }
    }
}

/// Swap, and how eager the kernel is to use it.
fn swap(host: &Host) -> Finding {
    let name = "swap";
    let devices = match host.text("/proc/swaps") {
        Err(reason) if reason.is_missing() && host.is_there("/proc/sys") => {
            return Finding::new(Area::Memory, name, Severity::Ok, "not in this kernel");
        }
        Err(reason) => return Finding::unread(Area::Memory, name, &reason),
        Ok(table) => table.lines().skip(1).count(),
    };
    let swappiness = match host.number("/proc/sys/vm/swappiness") {
        Err(reason) => return Finding::unread(Area::Memory, name, &reason),
        Ok(swappiness) => swappiness,
    };
    let current = match devices {
        0 => format!("none (swappiness {swappiness})"),
        devices => format!("{devices} in use, swappiness {swappiness}"),
    };
    let is_right = devices == 0 || swappiness <= 1;
    Finding::judged(Area::Memory, name, is_right, Severity::Warn, current)
        .wanted("none, or swappiness at most 1")
        .mend("swapoff -a, or sysctl -w vm.swappiness=1")
        .note_unless_ok("memory that is not locked comes back from disk in milliseconds")
}
