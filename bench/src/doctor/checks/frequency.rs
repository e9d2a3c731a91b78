//! Whether the cores run at one frequency, the highest.

use super::super::finding::{Area, Finding, Severity};
use super::super::host::{Host, Unread};
use crate::harness::host::format_list;

const CPU: &str = "/sys/devices/system/cpu";

pub(super) fn check(host: &Host, cores: &[usize]) -> Vec<Finding> {
    vec![
        per_core(
            host,
            cores,
            &Setting {
                name: "governor",
                file: "cpufreq/scaling_governor",
                wanted: &["performance"],
                absent: "the kernel does not set the frequency: firmware or a hypervisor does",
            },
        ),
        per_core(
            host,
            cores,
            &Setting {
                name: "energy preference",
                file: "cpufreq/energy_performance_preference",
                wanted: &["performance", "0"],
                absent: "the frequency driver has no such setting",
            },
        ),
        per_core(
            host,
            cores,
            &Setting {
                name: "energy bias",
                file: "power/energy_perf_bias",
                wanted: &["0", "performance"],
                absent: "the processor has no such setting, or does not show it",
            },
        ),
        turbo(host),
    ]
}

/// A file that every core has.
struct Setting {
    name: &'static str,
    file: &'static str,
    /// The first is how to write it.
    wanted: &'static [&'static str],
    absent: &'static str,
}

fn per_core(host: &Host, cores: &[usize], setting: &Setting) -> Finding {
    let path = |core: &usize| format!("{CPU}/cpu{core}/{}", setting.file);
    let mut wrong: Vec<(usize, String)> = Vec::new();
    let mut absent: Option<Unread> = None;
    for core in cores {
        match host.text(&path(core)) {
            Ok(value) if setting.wanted.contains(&value.as_str()) => {}
            Ok(value) => wrong.push((*core, value)),
            Err(reason) if reason.is_missing() => absent = Some(reason),
            Err(reason) => return Finding::unread(Area::Frequency, setting.name, &reason),
        }
    }
    if let (Some(reason), true) = (absent, wrong.is_empty()) {
        return Finding::new(Area::Frequency, setting.name, Severity::Info, "not there")
            .note(format!("{}: {reason}", setting.absent));
    }
    let list: Vec<usize> = wrong.iter().map(|(core, _)| *core).collect();
    let current = match wrong.first() {
        None => setting.wanted[0].to_owned(),
        Some((_, value)) => format!("{value} on {}", format_list(&list)),
    };
    let files: Vec<String> = list.iter().map(path).collect();
    Finding::judged(Area::Frequency, setting.name, wrong.is_empty(), Severity::Warn, current)
        .wanted(setting.wanted[0])
        .mend(format!("echo {} | tee {}", setting.wanted[0], files.join(" ")))
        .note_unless_ok("a core that slows down when idle takes milliseconds to be fast again")
}

/// Noted, not judged: more speed, less evenness.
fn turbo(host: &Host) -> Finding {
    let name = "turbo";
    let sources =
        [(format!("{CPU}/intel_pstate/no_turbo"), 0), (format!("{CPU}/cpufreq/boost"), 1)];
    for (path, on) in sources {
        match host.number(&path) {
            Ok(value) => {
                let state = if value == on { "on" } else { "off" };
                return Finding::new(Area::Frequency, name, Severity::Info, state).note(
                    "faster while few cores are busy; the frequency then depends on the others",
                );
            }
            Err(reason) if reason.is_missing() => {}
            Err(reason) => return Finding::unread(Area::Frequency, name, &reason),
        }
    }
    Finding::new(Area::Frequency, name, Severity::Info, "not told")
        .note("neither intel_pstate/no_turbo nor cpufreq/boost is there")
}
