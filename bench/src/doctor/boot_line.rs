//! The kernel's command line that some cores need.
//!
//! Only what belongs to the cores, or is told to be wanted by the checks: what trades power for
//! latency (`idle=poll`, `processor.max_cstate`) is named there, and left to whoever pays for it.

use serde::Serialize;

use super::host::{Host, Unread};
use crate::harness::host::{format_list, parse_whole_list};

/// The options, and which of them this host was not booted with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct BootLine {
    pub(crate) wanted: Vec<String>,
    pub(crate) missing: Vec<String>,
    /// What is wrong with the choice of cores, in sentences.
    pub(crate) warnings: Vec<String>,
}

impl BootLine {
    /// For these cores of a host; no options where they would leave no core for the kernel.
    pub(crate) fn of(host: &Host, cores: &[usize]) -> Self {
        let online = match host.cores("/sys/devices/system/cpu/online") {
            Ok(online) => online,
            Err(reason) => {
                return Self::without(format!("which cores there are is not told: {reason}"));
            }
        };
        let housekeeping: Vec<usize> =
            online.iter().copied().filter(|core| !cores.contains(core)).collect();
        if housekeeping.is_empty() {
            return Self::without(format!(
                "cores {} are all there are: the kernel needs at least one for its own work, for \
                 interrupts and for every other program; name fewer with --cores",
                format_list(cores)
            ));
        }
        let list = format_list(cores);
        let mut wanted = vec![
            format!("isolcpus=managed_irq,domain,{list}"),
            format!("nohz_full={list}"),
            format!("rcu_nocbs={list}"),
            format!("irqaffinity={}", format_list(&housekeeping)),
        ];
        wanted.extend(
            ["nmi_watchdog=0", "skew_tick=1", "transparent_hugepage=madvise"].map(str::to_owned),
        );
        let clocksource = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        // Never for a counter that the kernel has given up: it would be trusted all the same.
        if host.text(clocksource).is_ok_and(|source| source == "tsc") {
            wanted.push("tsc=reliable".to_owned());
        }
        let (missing, unread) = missing(host, &wanted);
        let mut warnings: Vec<String> = unread
            .map(|reason| format!("what the host was booted with is not told: {reason}"))
            .into_iter()
            .collect();
        if cores.contains(&0) {
            warnings.push(
                "core 0 keeps the time of all others and takes what has no place elsewhere; most \
                 kernels refuse it for nohz_full: give the kernel core 0 and take another one"
                    .to_owned(),
            );
        }
        Self { wanted, missing, warnings }
    }

    fn without(warning: String) -> Self {
        Self { warnings: vec![warning], ..Self::default() }
    }
}

/// Those that the host was not booted with, and why that is not known.
fn missing(host: &Host, wanted: &[String]) -> (Vec<String>, Option<Unread>) {
    let mut missing = Vec::new();
    for option in wanted {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match host.boot_option(name) {
            Err(reason) => return (wanted.to_vec(), Some(reason)),
            Ok(given) if given.as_deref().is_some_and(|given| means(given, value)) => {}
            Ok(_) => missing.push(option.clone()),
        }
    }
    (missing, None)
}

/// Whether two values are the same but for the order and the spelling of their parts.
fn means(given: &str, wanted: &str) -> bool {
    let split = |value: &str| {
        let is_core = |part: &&str| part.starts_with(|letter: char| letter.is_ascii_digit());
        let (cores, mut words): (Vec<&str>, Vec<&str>) = value.split(',').partition(is_core);
        words.sort_unstable();
        (parse_whole_list(&cores.join(",")), words.join(","))
    };
    split(given) == split(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::fixture::Tree;

    #[test]
    fn a_tuned_host_misses_nothing() {
        let tree = Tree::tuned("boot-tuned");
        let line = BootLine::of(&tree.host(), &[4, 5, 6, 7]);
        assert_eq!(
            line.wanted[..4],
            [
                "isolcpus=managed_irq,domain,4-7",
                "nohz_full=4-7",
                "rcu_nocbs=4-7",
                "irqaffinity=0-3"
            ]
        );
        assert!(line.wanted.contains(&"tsc=reliable".to_owned()));
        assert_eq!((line.missing, line.warnings), (Vec::new(), Vec::new()));
    }

    #[test]
    fn options_for_other_cores_are_missing_and_core_0_is_warned_of() {
        let tree = Tree::tuned("boot-other");
        let line = BootLine::of(&tree.host(), &[0, 4]);
        assert_eq!(line.missing, line.wanted[..4], "the others belong to no core");
        assert!(line.warnings[0].starts_with("core 0 keeps the time"), "{line:?}");
    }

    #[test]
    fn no_line_leaves_the_kernel_without_a_core() {
        let tree = Tree::tuned("boot-all");
        let line = BootLine::of(&tree.host(), &[0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(line.wanted, Vec::<String>::new());
        assert!(line.warnings[0].contains("at least one"), "{line:?}");
    }

    #[test]
    fn what_is_not_told_is_missing_and_a_counter_that_was_given_up_is_not_trusted() {
        let tree = Tree::tuned("boot-unread");
        tree.remove("/proc/cmdline");
        let clocksource = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        tree.write(clocksource, "hpet");
        let line = BootLine::of(&tree.host(), &[4]);
        assert_eq!(line.missing, line.wanted);
        assert!(!line.wanted.contains(&"tsc=reliable".to_owned()));
        assert!(line.warnings[0].contains("/proc/cmdline is not there"), "{line:?}");
        tree.remove("/sys/devices/system/cpu/online");
        assert!(BootLine::of(&tree.host(), &[4]).wanted.is_empty());
    }

    #[test]
    fn values_are_compared_by_what_they_mean() {
        assert!(means("domain,managed_irq,4,5-7", "managed_irq,domain,4-7"));
        assert!(means("4,5", "4-5") && means("0", "0") && means("madvise", "madvise"));
        assert!(!means("domain,4-7", "managed_irq,domain,4-7") && !means("4-6", "4-7"));
    }
}
