//! How the network interfaces hand packets to the cores.
//!
//! Deferring hard interrupts is shown and never recommended: it lets busy polling keep the device
//! quiet, and on some devices it has delayed packets by milliseconds, once in hours.

use super::super::finding::{Area, Finding, Severity};
use super::super::host::Host;
use crate::sys::ethtool::Coalescing;

const NET: &str = "/sys/class/net";

pub(super) fn check(host: &Host, cores: &[usize]) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        ["busy_poll", "busy_read"].iter().map(|name| busy(host, name)).collect();
    let interfaces = match host.names(NET) {
        Err(reason) => {
            findings.push(Finding::unread(Area::Network, "interfaces", &reason));
            return findings;
        }
        Ok(names) => names,
    };
    for interface in interfaces {
        findings.extend(of_interface(host, &interface, cores));
    }
    findings
}

/// Polling by sockets that block; the runtime's `NapiPoll` does not need it.
fn busy(host: &Host, name: &str) -> Finding {
    match host.number(&format!("/proc/sys/net/core/{name}")) {
        Err(reason) => Finding::unread(Area::Network, name, &reason),
        Ok(value) => {
            Finding::judged(Area::Network, name, value > 0, Severity::Info, format!("{value} us"))
                .wanted("50 us, for other programs whose sockets block")
                .mend(format!("sysctl -w net.core.{name}=50"))
                .note_unless_ok("a runtime that spins, or waits by NapiPoll, does without")
        }
    }
}

fn of_interface(host: &Host, interface: &str, cores: &[usize]) -> Vec<Finding> {
    let line = |current: &str| Finding::new(Area::Network, interface, Severity::Info, current);
    if interface == "lo" {
        return vec![line("loopback").note(
            "no interrupts, no queues, no NAPI id: what is measured over it says nothing about a \
             network",
        )];
    }
    let state = match host.text(&format!("{NET}/{interface}/operstate")) {
        Err(reason) => return vec![Finding::unread(Area::Network, interface, &reason)],
        Ok(state) => state,
    };
    if state != "up" && state != "unknown" {
        return vec![line(&format!("{state}: not judged"))];
    }
    let is_virtual = host.link(&format!("{NET}/{interface}")).is_some_and(|target| {
        target.contains("/devices/virtual/") || target.contains("devices/virtual/")
    });
    if is_virtual {
        let note = "its packets reach the cores by the devices below it";
        return vec![line("up, without a device of its own: not judged").note(note)];
    }
    let driver = host.link(&format!("{NET}/{interface}/device/driver"));
    let driver = driver.as_deref().and_then(|path| path.rsplit('/').next()).unwrap_or("unknown");
    let mut findings =
        vec![line(&format!("up, driver {driver}")).note(NAPI_ID), queues(host, interface, cores)];
    findings.extend(coalescing(host, interface));
    findings.push(deferral(host, interface));
    findings
}

const NAPI_ID: &str = "whether the driver gives its queues NAPI ids shows in \
                       SO_INCOMING_NAPI_ID of a connection that came in by it (0: none); some \
                       virtual ones don't, and NapiPoll then does nothing";

fn queues(host: &Host, interface: &str, cores: &[usize]) -> Finding {
    let name = format!("{interface} receive queues");
    let names = match host.names(&format!("{NET}/{interface}/queues")) {
        Err(reason) => return Finding::unread(Area::Network, name, &reason),
        Ok(names) => names,
    };
    let count = names.iter().filter(|name| name.starts_with("rx-")).count();
    let (is_right, current) = (count >= cores.len(), count.to_string());
    Finding::judged(Area::Network, name, is_right, Severity::Info, current)
        .wanted(format!("{}, one for each core", cores.len()))
        .mend(format!("ethtool -L {interface} combined {}, if it has so many", cores.len()))
        .note_unless_ok("cores that receive by one queue wait for one another's packets")
}

fn coalescing(host: &Host, interface: &str) -> Vec<Finding> {
    let name = |what: &str| format!("{interface} {what}");
    let told = match host.system().coalescing(interface) {
        Ok(told) => told,
        Err(error) => {
            let is_fixed = error.raw_os_error() == Some(libc::EOPNOTSUPP);
            let (severity, current, note) = match is_fixed {
                true => (Severity::Info, "nothing to set", "the driver has no such setting".into()),
                false => (Severity::Unknown, "not readable", format!("ethtool -c: {error}")),
            };
            let name = name("coalescing");
            return vec![Finding::new(Area::Network, name, severity, current).note(note)];
        }
    };
    let Coalescing { rx_usecs, rx_frames, adaptive_rx } = told;
    let state = if adaptive_rx { "on" } else { "off" };
    vec![
        Finding::judged(
            Area::Network,
            name("rx-usecs"),
            rx_usecs == 0,
            Severity::Warn,
            format!("{rx_usecs} us, rx-frames {rx_frames}"),
        )
        .wanted("0 us")
        .mend(format!("ethtool -C {interface} rx-usecs 0"))
        .note_unless_ok("a packet waits this long for others before the core hears of it"),
        Finding::judged(Area::Network, name("adaptive-rx"), !adaptive_rx, Severity::Warn, state)
            .wanted("off")
            .mend(format!("ethtool -C {interface} adaptive-rx off"))
            .note_unless_ok("the driver changes the delay with the load, and latency with it"),
    ]
}

/// Told, not judged: see the module's documentation.
fn deferral(host: &Host, interface: &str) -> Finding {
    let name = format!("{interface} IRQ deferral");
    let read = |file: &str| host.number(&format!("{NET}/{interface}/{file}"));
    let (defer, flush) = match (read("napi_defer_hard_irqs"), read("gro_flush_timeout")) {
        (Ok(defer), Ok(flush)) => (defer, flush),
        (Err(reason), _) | (_, Err(reason)) => {
            return Finding::unread(Area::Network, name, &reason);
        }
    };
    let current = format!("napi_defer_hard_irqs {defer}, gro_flush_timeout {flush} ns");
    let note = match (defer, flush) {
        (0, 0) => {
            "off. Preferred busy polling (NapiPoll) can keep the device quiet only with both set; \
             on some devices they have delayed packets for milliseconds, once in hours: a choice \
             for whoever can watch the host for days"
        }
        _ => {
            "on. Known to delay packets for milliseconds on some devices, once in hours, wherever \
             nobody polls: look for it, or set both to 0"
        }
    };
    Finding::new(Area::Network, name, Severity::Info, current).note(note)
}
