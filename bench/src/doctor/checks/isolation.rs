//! Whether the kernel keeps its own work off the cores.
//!
//! Three things are needed together, and each by itself does little: `isolcpus` takes a core from
//! the load balancer, `nohz_full` stops its tick while one thread runs there, `rcu_nocbs` moves the
//! callbacks of RCU away.

use super::super::finding::{Area, Finding, Severity};
use super::super::host::{Host, Unread};
use super::{common, list_or_none, sending_away, without};
use crate::harness::host::{format_list, parse_whole_list};

const CPU: &str = "/sys/devices/system/cpu";

pub(super) fn check(host: &Host, cores: &[usize]) -> Vec<Finding> {
    let isolated = isolated(host);
    let nohz_full = host.cores(&format!("{CPU}/nohz_full"));
    let balancer_keeps_off = isolated.as_ref().is_ok_and(|list| !common(list, cores).is_empty());
    vec![
        from_the_balancer(host, isolated, cores),
        the_tick(host, &nohz_full, cores, balancer_keeps_off),
        callbacks_of_rcu(host, nohz_full.as_deref().unwrap_or_default(), cores),
    ]
}

/// The remedy for all three.
fn boot_with(host: &Host, cores: &[usize], option: &str) -> String {
    sending_away(host, cores, |_| format!("boot with {option}{}", format_list(cores)))
}

/// The cores that the load balancer leaves alone, by boot option or as an isolated partition of the
/// control groups.
pub(super) fn isolated(host: &Host) -> Result<Vec<usize>, Unread> {
    let mut cores = host.cores(&format!("{CPU}/isolated"))?;
    cores.extend(host.cores("/sys/fs/cgroup/cpuset.cpus.isolated").unwrap_or_default());
    cores.sort_unstable();
    cores.dedup();
    Ok(cores)
}

fn from_the_balancer(
    host: &Host,
    isolated: Result<Vec<usize>, Unread>,
    cores: &[usize],
) -> Finding {
    let name = "isolated";
    match isolated {
        Err(reason) => Finding::unread(Area::Isolation, name, &reason),
        Ok(isolated) => covered(name, &isolated, cores)
            .mend(boot_with(host, cores, "isolcpus=managed_irq,domain,"))
            .note_unless_ok("the scheduler puts any thread of the host on the cores"),
    }
}

fn the_tick(
    host: &Host,
    nohz_full: &Result<Vec<usize>, Unread>,
    cores: &[usize],
    isolated: bool,
) -> Finding {
    let name = "nohz_full";
    let isolcpus = match isolated {
        true => "isolcpus alone does nothing for the tick: ",
        false => "",
    };
    let tick = format!("{isolcpus}the core is interrupted 100 to 1000 times a second");
    let boot = boot_with(host, cores, "nohz_full=");
    match nohz_full {
        // Every kernel with the option has the file, so this one is without.
        Err(reason) if reason.is_missing() => {
            Finding::new(Area::Isolation, name, Severity::Warn, "not in this kernel")
                .wanted(format_list(cores))
                .mend(format!("a kernel with CONFIG_NO_HZ_FULL=y; then {boot}"))
                .note(format!("{reason}; {tick}"))
        }
        Err(reason) => Finding::unread(Area::Isolation, name, reason),
        Ok(nohz_full) => covered(name, nohz_full, cores).mend(boot).note_unless_ok(tick),
    }
}

fn callbacks_of_rcu(host: &Host, nohz_full: &[usize], cores: &[usize]) -> Finding {
    let name = "rcu_nocbs";
    let option = match host.boot_option(name) {
        Err(reason) => return Finding::unread(Area::Isolation, name, &reason),
        Ok(option) => option,
    };
    let mut offloaded = match option.as_deref() {
        Some("all") => cores.to_vec(),
        // Without a list the kernel only keeps the choice open.
        Some("") | None => Vec::new(),
        Some(list) => match parse_whole_list(list) {
            Ok(list) => list,
            Err(_) => {
                let reason = Unread::garbled("/proc/cmdline", &format!("rcu_nocbs={list}"));
                return Finding::unread(Area::Isolation, name, &reason);
            }
        },
    };
    // The kernel does it for these by itself.
    offloaded.extend(nohz_full);
    offloaded.sort_unstable();
    offloaded.dedup();
    covered(name, &offloaded, cores)
        .mend(boot_with(host, cores, "rcu_nocbs="))
        .note_unless_ok("freed memory of the whole kernel is dealt with on the core")
}

fn covered(name: &str, list: &[usize], cores: &[usize]) -> Finding {
    let is_right = without(cores, list).is_empty();
    Finding::judged(Area::Isolation, name, is_right, Severity::Warn, list_or_none(list))
        .wanted(format!("{} among them", format_list(cores)))
}
