//! What the kernel counted for another process and those that it started: seen from outside, so the
//! same for every subject.
//!
//! Cost: a few hundred microseconds for each thread, outside of the timed path.

use std::fs;
use std::path::PathBuf;

use crate::harness::counters::Counters;
use crate::sys;

/// The counts of all threads together; zero where the kernel does not tell.
pub(crate) fn of_process(id: u32) -> Counters {
    let cpu_ns = processes(id).into_iter().map(sys::process_cpu_ns).sum();
    let mut counters = Counters { cpu_ns, ..Counters::default() };
    for task in tasks(id) {
        let status = fs::read_to_string(task.join("status")).unwrap_or_default();
        counters.voluntary_switches += field(&status, "voluntary_ctxt_switches:");
        counters.involuntary_switches += field(&status, "nonvoluntary_ctxt_switches:");
        let stat = fs::read_to_string(task.join("stat")).unwrap_or_default();
        counters.page_faults += faults(&stat);
    }
    counters
}

/// The folders of all threads.
pub(crate) fn tasks(id: u32) -> Vec<PathBuf> {
    processes(id).into_iter().flat_map(own_tasks).collect()
}

fn own_tasks(id: u32) -> Vec<PathBuf> {
    fs::read_dir(format!("/proc/{id}/task"))
        .map(|folder| folder.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default()
}

/// The process and its children; no subject has grandchildren.
fn processes(id: u32) -> Vec<u32> {
    let mut all = vec![id];
    for task in own_tasks(id) {
        let children = fs::read_to_string(task.join("children")).unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
    }
    all
}

fn field(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

/// Minor and major faults: fields 10 and 12, counted from behind the name, which may hold blanks.
fn faults(stat: &str) -> u64 {
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let words: Vec<&str> = after_name.split_whitespace().collect();
    let number = |index: usize| words.get(index).and_then(|word| word.parse().ok()).unwrap_or(0);
    number(7) + number(9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_run_and_faulted() {
        let before = of_process(std::process::id());
        let pages = std::hint::black_box(vec![1_u8; 8 << 20]);
        std::thread::park_timeout(std::time::Duration::from_millis(1));
        let since = of_process(std::process::id()).since(&before);
        assert!(since.cpu_ns > 0 && since.page_faults > 100 && since.voluntary_switches > 0);
        drop(pages);
    }

    #[test]
    fn faults_are_found_behind_a_name_with_blanks() {
        let stat = "7 (a ) name) R 1 7 7 0 -1 4194304 250 0 3 0 0 0 0 0 20 0 1 0";
        assert_eq!(faults(stat), 253);
        assert_eq!(faults(""), 0);
    }

    #[test]
    fn a_process_that_is_gone_counts_nothing() {
        assert_eq!(of_process(u32::MAX >> 1), Counters::default());
    }
}
