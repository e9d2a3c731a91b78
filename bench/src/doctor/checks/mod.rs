//! The checks, one file an area: each reads the host and returns its lines of the table.

mod clock;
mod control_groups;
mod cores;
mod frequency;
mod idle;
mod interrupts;
mod isolation;
mod limits;
mod machine;
mod memory;
mod network;
mod ring;
mod setting;

pub(super) use control_groups::allowed;

use super::finding::Finding;
use super::host::Host;

/// All findings about a host as seen by programs on these cores.
pub(crate) fn all(host: &Host, cores: &[usize]) -> Vec<Finding> {
    let mut findings = machine::check(host, cores);
    findings.extend(cores::check(host, cores));
    findings.extend(isolation::check(host, cores));
    findings.extend(interrupts::check(host, cores));
    findings.extend(idle::check(host, cores));
    findings.extend(frequency::check(host, cores));
    findings.extend(clock::check(host));
    findings.extend(memory::check(host, cores));
    findings.extend(setting::kernel_noise(host, cores));
    findings.extend(network::check(host, cores));
    findings.extend(ring::check(host));
    findings.extend(limits::check(host));
    findings.extend(control_groups::check(host, cores));
    findings
}

/// Those of `cores` that are not among `others`.
fn without(cores: &[usize], others: &[usize]) -> Vec<usize> {
    cores.iter().copied().filter(|core| !others.contains(core)).collect()
}

/// Those of `cores` that are among `others` too.
fn common(cores: &[usize], others: &[usize]) -> Vec<usize> {
    cores.iter().copied().filter(|core| others.contains(core)).collect()
}

/// A remedy that sends work to the other cores; where there are none, what has to come first.
fn sending_away(host: &Host, cores: &[usize], mend: impl FnOnce(&[usize]) -> String) -> String {
    let online = host.cores("/sys/devices/system/cpu/online").unwrap_or_default();
    match without(&online, cores).as_slice() {
        [] => "name fewer cores with --cores: no other is left for the kernel".to_owned(),
        others => mend(others),
    }
}

/// The kernel's list, or a word for an empty one.
fn list_or_none(cores: &[usize]) -> String {
    match crate::harness::host::format_list(cores) {
        empty if empty.is_empty() => "none".to_owned(),
        list => list,
    }
}
