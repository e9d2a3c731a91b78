//! Which cores the process may run on, and how much of them its control group gets.

use super::super::finding::{Area, Finding, Severity};
use super::super::host::{Host, Unread};
use super::without;
use crate::harness::host::{format_list, parse_whole_list};

pub(super) fn check(host: &Host, cores: &[usize]) -> Vec<Finding> {
    vec![affinity(host, cores), quota(host)]
}

/// The cores that this process may run on, as the kernel has them now.
pub(crate) fn allowed(host: &Host) -> Result<Vec<usize>, Unread> {
    let path = "/proc/self/status";
    let status = host.text(path)?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let list = list.ok_or_else(|| Unread::garbled(path, &status))?;
    parse_whole_list(list).map_err(|_| Unread::garbled(path, list))
}

fn affinity(host: &Host, cores: &[usize]) -> Finding {
    let name = "cpuset and affinity";
    let allowed = match allowed(host) {
        Err(reason) => return Finding::unread(Area::Limits, name, &reason),
        Ok(allowed) => allowed,
    };
    let outside = without(cores, &allowed);
    let wanted = format!("{} among them", format_list(cores));
    if outside.is_empty() {
        return Finding::new(Area::Limits, name, Severity::Ok, format_list(&allowed))
            .wanted(wanted);
    }
    let cpuset = cpuset(host);
    // A process may widen its affinity up to its cpuset, and a runtime does when it is pinned.
    let is_only_affinity = cpuset.as_ref().is_some_and(|list| without(cores, list).is_empty());
    let current = match &cpuset {
        Some(cpuset) => {
            format!("affinity {}, cpuset {}", format_list(&allowed), format_list(cpuset))
        }
        None => format!("affinity {}, cpuset not readable", format_list(&allowed)),
    };
    let (severity, mend) = match is_only_affinity {
        true => (Severity::Warn, format!("start it with taskset -c {}", format_list(cores))),
        false => (
            Severity::Severe,
            format!(
                "widen the cpuset of the container, slice or control group to {}, or taskset",
                format_list(cores)
            ),
        ),
    };
    let note = match is_only_affinity {
        true => "a thread that is pinned there leaves the affinity that it was started with",
        false => {
            "a thread can't be pinned there, nor, from Linux 6.12 on, the kernel's threads of its \
             ring (SQPOLL, io-wq)"
        }
    };
    Finding::new(Area::Limits, name, severity, current)
        .wanted(wanted)
        .mend(mend)
        .note(format!("{} outside: {note}", format_list(&outside)))
}

/// The folders of a controller that the process is in, its own first; version 2 has the empty name.
fn groups(host: &Host, controller: &str) -> Vec<String> {
    let table = host.text("/proc/self/cgroup").unwrap_or_default();
    let mine = table.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        controllers.split(',').any(|name| name == controller).then_some((controllers, path))
    });
    let Some((controllers, path)) = mine else { return Vec::new() };
    let mount = match controller {
        // Beside the controllers of version 1.
        "" if host.is_there("/sys/fs/cgroup/unified") => "/sys/fs/cgroup/unified".to_owned(),
        "" => "/sys/fs/cgroup".to_owned(),
        _ => format!("/sys/fs/cgroup/{controllers}"),
    };
    // In a namespace of its own the path may lead above what is mounted: the root is left then.
    let path = if path.contains("..") { "" } else { path.trim_matches('/') };
    let mut groups = vec![format!("{mount}/{path}")];
    let mut rest = path;
    while let Some((parent, _)) = rest.rsplit_once('/') {
        groups.push(format!("{mount}/{parent}"));
        rest = parent;
    }
    groups.push(mount);
    groups
}

fn cpuset(host: &Host) -> Option<Vec<usize>> {
    let files = [("", "cpuset.cpus.effective"), ("cpuset", "cpuset.effective_cpus")];
    files.iter().find_map(|(controller, file)| {
        groups(host, controller)
            .iter()
            .find_map(|group| host.cores(&format!("{group}/{file}")).ok())
    })
}

/// How many cores' time a group may take.
struct Quota {
    group: String,
    quota_us: u64,
    period_us: u64,
}

/// The tightest limit of the groups that the process is in.
fn tightest(host: &Host) -> Option<Quota> {
    let version_2 = groups(host, "").into_iter().filter_map(|group| {
        let text = host.text(&format!("{group}/cpu.max")).ok()?;
        let (quota, period) = text.split_once(' ')?;
        Some(Quota { group, quota_us: quota.parse().ok()?, period_us: period.parse().ok()? })
    });
    let version_1 = groups(host, "cpu").into_iter().filter_map(|group| {
        let read = |file: &str| host.number(&format!("{group}/{file}")).ok()?.try_into().ok();
        let (quota_us, period_us) = (read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?);
        Some(Quota { group, quota_us, period_us })
    });
    let cores = |quota: &Quota| quota.quota_us as f64 / quota.period_us.max(1) as f64;
    version_2.chain(version_1).min_by(|a, b| cores(a).total_cmp(&cores(b)))
}

/// A limit on time stops every thread of the group until the period ends.
fn quota(host: &Host) -> Finding {
    let name = "CPU quota";
    if let Err(reason) = host.text("/proc/self/cgroup") {
        return Finding::unread(Area::Limits, name, &reason);
    }
    match tightest(host) {
        None => Finding::new(Area::Limits, name, Severity::Ok, "none seen").wanted("none"),
        Some(Quota { group, quota_us, period_us }) => {
            let current = format!("{quota_us} us of each {period_us} us, by {group}");
            let online = host.cores("/sys/devices/system/cpu/online").unwrap_or_default().len();
            let is_enough = online > 0 && quota_us >= period_us.saturating_mul(online as u64);
            Finding::judged(Area::Limits, name, is_enough, Severity::Severe, current)
                .wanted("none, or the time of all cores")
                .mend("no CPU limit for the container (requests do no harm), CPUQuota= in the unit")
                .note_unless_ok(
                    "a core that spins uses up the quota, and all threads then stand still until \
                     the period ends",
                )
        }
    }
}
