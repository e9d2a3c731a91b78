//! Whether devices interrupt the cores, and what else has interrupted them since boot.

use super::super::finding::{Area, Finding, Severity};
use super::super::host::{Host, Unread};
use super::isolation::isolated;
use super::{common, list_or_none, sending_away, without};
use crate::harness::host::{format_list, interrupt_columns, interrupt_rows};

/// As many IRQs as a line names.
const NAMED_MAX: usize = 8;

/// The kernel's own interrupts that disturb a core, and what each is.
const KINDS: [(&str, &str); 4] =
    [("LOC", "timer"), ("RES", "rescheduling"), ("CAL", "function calls"), ("TLB", "TLB")];

pub(super) fn check(host: &Host, cores: &[usize]) -> Vec<Finding> {
    let mut findings = of_devices(host, cores);
    findings.push(new_ones(host, cores));
    findings.push(balancer(host, cores));
    findings.extend(since_boot(host, cores));
    findings
}

/// One IRQ with a handler.
struct Irq {
    number: String,
    device: String,
    /// Cores that it may be sent to.
    allowed: Vec<usize>,
    /// The one that it is sent to, or those, where the kernel tells.
    effective: Vec<usize>,
}

impl Irq {
    /// `None` where it has no handler, and so never fires.
    fn read(host: &Host, number: &str) -> Result<Option<Self>, Unread> {
        let folder = format!("/proc/irq/{number}");
        let devices = host.folders(&folder);
        if devices.is_empty() {
            return Ok(None);
        }
        let allowed = host.cores(&format!("{folder}/smp_affinity_list"))?;
        let effective = match host.cores(&format!("{folder}/effective_affinity_list")) {
            Ok(list) if !list.is_empty() => list,
            Err(reason) if !reason.is_missing() => return Err(reason),
            // Older kernels don't tell: it may be any of them.
            _ => allowed.clone(),
        };
        Ok(Some(Self { number: number.to_owned(), device: devices.join(" "), allowed, effective }))
    }
}

fn of_devices(host: &Host, cores: &[usize]) -> Vec<Finding> {
    let name = "IRQs on the cores";
    let mut irqs = Vec::new();
    let mut unread = Vec::new();
    let numbers = match host.names("/proc/irq") {
        Err(reason) => return vec![Finding::unread(Area::Interrupts, name, &reason)],
        Ok(names) => names.into_iter().filter(|name| name.parse::<u32>().is_ok()),
    };
    for number in numbers {
        match Irq::read(host, &number) {
            Ok(irq) => irqs.extend(irq),
            Err(reason) => unread.push(reason),
        }
    }
    let disturbs = |irq: &&Irq| !common(&irq.effective, cores).is_empty();
    let here: Vec<&Irq> = irqs.iter().filter(disturbs).collect();
    let may_come = |irq: &&Irq| !disturbs(irq) && !common(&irq.allowed, cores).is_empty();
    let later: Vec<&Irq> = irqs.iter().filter(may_come).collect();
    let mut findings = vec![
        Finding::judged(Area::Interrupts, name, here.is_empty(), Severity::Warn, names(&here))
            .wanted("none")
            .mend(moves(host, &here, cores))
            .note_unless_ok("each takes the core for microseconds, and its softirq for more"),
        Finding::judged(
            Area::Interrupts,
            "IRQs that may come",
            later.is_empty(),
            Severity::Info,
            names(&later),
        )
        .wanted("none")
        .mend(moves(host, &later, cores))
        .note_unless_ok("they are sent elsewhere now, but the cores are in their affinity"),
    ];
    if let Some(reason) = unread.first() {
        let note = format!("{reason}; {} IRQs in all are not judged", unread.len());
        let finding = Finding::unread(Area::Interrupts, "other IRQs", reason);
        findings.push(finding.note(note));
    }
    findings
}

fn names(irqs: &[&Irq]) -> String {
    if irqs.is_empty() {
        return "none".to_owned();
    }
    let named = irqs.iter().take(NAMED_MAX).map(|irq| format!("{} {}", irq.number, irq.device));
    let more = match irqs.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("{}: {}{more}", irqs.len(), named.collect::<Vec<_>>().join(", "))
}

/// The command that moves them.
fn moves(host: &Host, irqs: &[&Irq], cores: &[usize]) -> String {
    let numbers: Vec<&str> = irqs.iter().map(|irq| irq.number.as_str()).collect();
    sending_away(host, cores, |others| {
        format!(
            "scripts/tune.sh init --cores {}, or: for irq in {}; do echo {} > \
             /proc/irq/$irq/smp_affinity_list; done (one that refuses is managed by its driver: \
             boot with isolcpus=managed_irq,...)",
            format_list(cores),
            numbers.join(" "),
            format_list(others)
        )
    })
}

/// Where the interrupts of a device that comes up later go.
fn new_ones(host: &Host, cores: &[usize]) -> Finding {
    let name = "default IRQ affinity";
    match host.mask("/proc/irq/default_smp_affinity") {
        Err(reason) => Finding::unread(Area::Interrupts, name, &reason),
        Ok(mask) => {
            let is_right = common(&mask, cores).is_empty();
            let mend = sending_away(host, cores, |others| {
                format!("boot with irqaffinity={}", format_list(others))
            });
            Finding::judged(Area::Interrupts, name, is_right, Severity::Warn, list_or_none(&mask))
                .wanted(format!("without {}", format_list(cores)))
                .mend(mend)
                .note_unless_ok("a device that is brought up later interrupts the cores")
        }
    }
}

fn balancer(host: &Host, cores: &[usize]) -> Finding {
    let name = "irqbalance";
    let processes = match host.names("/proc") {
        Err(reason) => return Finding::unread(Area::Interrupts, name, &reason),
        Ok(names) => names,
    };
    let is_it = |id: &String| {
        id.parse::<u32>().is_ok()
            && host.text(&format!("/proc/{id}/comm")).is_ok_and(|name| name == "irqbalance")
    };
    let Some(id) = processes.iter().find(|id| is_it(id)) else {
        return Finding::new(Area::Interrupts, name, Severity::Ok, "not seen to run");
    };
    let spared = isolated(host).is_ok_and(|list| without(cores, &list).is_empty());
    let severity = if spared { Severity::Info } else { Severity::Warn };
    Finding::new(Area::Interrupts, name, severity, format!("runs as process {id}"))
        .wanted("not running, or the cores banned")
        .mend(format!(
            "systemctl disable --now irqbalance, or IRQBALANCE_BANNED_CPULIST={} in its settings",
            format_list(cores)
        ))
        .note(match spared {
            true => "it spares isolated cores unless it is told otherwise",
            false => "it moves interrupts to the cores, against what was set by hand",
        })
}

/// The kernel's own interrupts of each core: read them before and after a run.
fn since_boot(host: &Host, cores: &[usize]) -> Vec<Finding> {
    let name = "since boot";
    let table = match host.text("/proc/interrupts") {
        Err(reason) => return vec![Finding::unread(Area::Interrupts, name, &reason)],
        Ok(table) => table,
    };
    let of_core = |core: &usize| {
        let [column] = interrupt_columns(&table, &[*core]);
        let count = |kind: &str| {
            let mut rows = interrupt_rows(&table);
            let (_, row) = rows.find(|(name, _)| *name == kind)?;
            row.get(column?)?.parse::<u64>().ok()
        };
        let counts: Vec<String> = KINDS
            .iter()
            .filter_map(|(kind, what)| Some(format!("{what} {}", count(kind)?)))
            .collect();
        let name = format!("{name}, core {core}");
        match counts.is_empty() {
            true => Finding::new(Area::Interrupts, name, Severity::Unknown, "not told")
                .note("/proc/interrupts has no such column or rows"),
            false => Finding::new(Area::Interrupts, name, Severity::Info, counts.join(", ")),
        }
    };
    cores.iter().map(of_core).collect()
}
