//! Whether the cores are there, may be used, and are not half of one with work of its own.

use super::super::finding::{Area, Finding, Severity};
use super::super::host::Host;
use super::isolation::isolated;
use super::{common, without};
use crate::harness::host::format_list;

const CPU: &str = "/sys/devices/system/cpu";

pub(super) fn check(host: &Host, cores: &[usize]) -> Vec<Finding> {
    vec![online(host, cores), threads_of_a_core(host, cores)]
}

fn online(host: &Host, cores: &[usize]) -> Finding {
    match host.cores(&format!("{CPU}/online")) {
        Err(reason) => Finding::unread(Area::Cores, "online", &reason),
        Ok(online) => {
            let offline = without(cores, &online);
            let enable: Vec<String> =
                offline.iter().map(|core| format!("echo 1 > {CPU}/cpu{core}/online")).collect();
            let current = format_list(&online);
            Finding::judged(Area::Cores, "online", offline.is_empty(), Severity::Severe, current)
                .wanted(format!("{} among them", format_list(cores)))
                .mend(enable.join("; "))
                .note_unless_ok(format!("no program runs on {}", format_list(&offline)))
        }
    }
}

/// SMT siblings that take execution units from the cores.
fn threads_of_a_core(host: &Host, cores: &[usize]) -> Finding {
    let name = "SMT siblings";
    let mut siblings = Vec::new();
    for core in cores {
        match host.cores(&format!("{CPU}/cpu{core}/topology/thread_siblings_list")) {
            // An offline core has no topology; that it is offline is told above.
            Err(reason) if reason.is_missing() && is_offline(host, *core) => {}
            Err(reason) => return Finding::unread(Area::Cores, name, &reason),
            Ok(list) => siblings.extend(without(&list, &[*core])),
        }
    }
    siblings.sort_unstable();
    siblings.dedup();
    let both = common(&siblings, cores);
    let beside = without(&siblings, cores);
    let idle = common(&beside, isolated(host).as_deref().unwrap_or_default());
    let disturbing = without(&beside, &idle);
    if !both.is_empty() {
        return Finding::new(
            Area::Cores,
            name,
            Severity::Warn,
            format!("{} are threads of each other's physical cores", format_list(&both)),
        )
        .wanted("one thread of each physical core")
        .mend(format!(
            "name one of each pair with --cores, and take the other one offline, or {NO_SMT}"
        ))
        .note("two busy threads of a core share its execution units and caches");
    }
    let is_right = disturbing.is_empty();
    let current = match (siblings.is_empty(), is_right) {
        (true, _) => "none online".to_owned(),
        (false, true) => format!("{}, isolated", format_list(&siblings)),
        (false, false) => format!("{} take work from the scheduler", format_list(&disturbing)),
    };
    let disable: Vec<String> =
        disturbing.iter().map(|core| format!("echo 0 > {CPU}/cpu{core}/online")).collect();
    Finding::judged(Area::Cores, name, is_right, Severity::Warn, current)
        .wanted("offline, or isolated and unused")
        .mend(format!("{}; or {NO_SMT}", disable.join("; ")))
        .note_unless_ok("what runs on the sibling slows the core by up to a half, at any moment")
}

const NO_SMT: &str = "boot with nosmt";

fn is_offline(host: &Host, core: usize) -> bool {
    host.cores(&format!("{CPU}/online")).is_ok_and(|online| !online.contains(&core))
}
