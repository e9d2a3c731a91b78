//! How deep the cores sleep, and so how long they take to wake.

use super::super::finding::{Area, Finding, Severity};
use super::super::host::{Host, Unread};
use crate::harness::host::{cpu_has, format_list};

/// A wake-up that takes longer than this shows beside a message of a few microseconds, in us.
const WAKE_UP_US_MAX: i64 = 2;
const QOS: &str = "/dev/cpu_dma_latency";

pub(super) fn check(host: &Host, cores: &[usize]) -> Vec<Finding> {
    let limit_us = limit_us(host);
    vec![request(host, limit_us), states(host, cores, limit_us), boot(host)]
}

/// The longest wake-up that all programs together allow at the moment; the device gives it as four
/// bytes. Opening it asks for nothing until something is written.
fn limit_us(host: &Host) -> Option<i32> {
    let bytes = host.bytes(QOS).ok()?;
    Some(i32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?))
}

/// Whether a program may ask the kernel for quick wake-ups.
fn request(host: &Host, limit_us: Option<i32>) -> Finding {
    let name = "latency requests";
    let held = match limit_us {
        Some(limit) if i64::from(limit) <= WAKE_UP_US_MAX => {
            format!("; a program holds it at {limit} us")
        }
        Some(_) => "; no program holds it low".to_owned(),
        None => String::new(),
    };
    match (host.is_there(QOS), host.is_writable(QOS)) {
        (false, _) => Finding::new(Area::CStates, name, Severity::Info, format!("no {QOS}"))
            .wanted("writable")
            .note("a kernel without cpuidle, or a container without the device"),
        (true, true) => {
            Finding::new(Area::CStates, name, Severity::Ok, format!("{QOS} is writable{held}"))
        }
        (true, false) => {
            let current = format!("{QOS} is not writable for this user{held}");
            Finding::new(Area::CStates, name, Severity::Warn, current)
                .wanted("writable")
                .mend(format!("a udev rule or group that lets the engine write to {QOS}"))
                .note(
                    "a program holds it open at 0 for as long as it runs; the request ends with \
                     the descriptor",
                )
        }
    }
}

/// A state of one core.
struct State {
    name: String,
    wake_up_us: i64,
}

/// The slowest of the enabled states of a core; `None` where it has none.
fn deepest(host: &Host, core: usize) -> Result<Option<State>, Unread> {
    let folder = format!("/sys/devices/system/cpu/cpu{core}/cpuidle");
    let mut deepest: Option<State> = None;
    for state in host.folders(&folder) {
        let name = host.text(&format!("{folder}/{state}/name"))?;
        let wake_up_us = host.number(&format!("{folder}/{state}/latency"))?;
        let is_enabled = host.number(&format!("{folder}/{state}/disable"))? == 0;
        if is_enabled && deepest.as_ref().is_none_or(|deepest| deepest.wake_up_us < wake_up_us) {
            deepest = Some(State { name, wake_up_us });
        }
    }
    Ok(deepest)
}

fn states(host: &Host, cores: &[usize], limit_us: Option<i32>) -> Finding {
    let name = "deepest idle state";
    let mut deepest = Vec::new();
    for core in cores {
        match self::deepest(host, *core) {
            Err(reason) => return Finding::unread(Area::CStates, name, &reason),
            Ok(state) => deepest.extend(state.map(|state| (*core, state))),
        }
    }
    let Some((_, worst)) = deepest.iter().max_by_key(|(_, state)| state.wake_up_us) else {
        return Finding::new(Area::CStates, name, Severity::Info, "no idle states are told").note(
            "cpuidle is off (idle=poll, cpuidle.off), or a hypervisor decides how its cores sleep",
        );
    };
    let slow: Vec<usize> = deepest
        .iter()
        .filter(|(_, state)| state.wake_up_us > WAKE_UP_US_MAX)
        .map(|(core, _)| *core)
        .collect();
    let held = limit_us.is_some_and(|limit| i64::from(limit) <= WAKE_UP_US_MAX);
    let current = format!("{}, wakes up in {} us", worst.name, worst.wake_up_us);
    let finding =
        Finding::judged(Area::CStates, name, slow.is_empty() || held, Severity::Warn, current)
            .wanted(format!("at most {WAKE_UP_US_MAX} us"))
            .mend(format!(
                "hold {QOS} open at 0 while the engine runs, or boot with processor.max_cstate=1 \
                 intel_idle.max_cstate=0, or idle=poll"
            ))
            .note_unless_ok(format!(
                "cores {} pay it whenever they sleep; one that spins never does",
                format_list(&slow)
            ));
    let is_virtual = host.text("/proc/cpuinfo").is_ok_and(|info| cpu_has(&info, &["hypervisor"]));
    match (held && !slow.is_empty(), is_virtual && finding.severity == Severity::Ok) {
        (true, _) => finding.note("not entered while a program holds the latency requests low"),
        (_, true) => Finding { severity: Severity::Info, ..finding }.note(
            "in a virtual machine a core that sleeps is given back to the hypervisor, and the time \
             until it runs again is not told here: compare taut and taut-park of taut-bench echo",
        ),
        _ => finding,
    }
}

/// What the boot line says about it.
fn boot(host: &Host) -> Finding {
    let name = "idle boot options";
    let mut chosen = Vec::new();
    for option in ["idle", "processor.max_cstate", "intel_idle.max_cstate", "cpuidle.off"] {
        match host.boot_option(option) {
            Err(reason) => return Finding::unread(Area::CStates, name, &reason),
            Ok(value) => chosen.extend(value.map(|value| format!("{option}={value}"))),
        }
    }
    let current = if chosen.is_empty() { "none".to_owned() } else { chosen.join(" ") };
    Finding::new(Area::CStates, name, Severity::Info, current)
}
