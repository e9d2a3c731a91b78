//! What the kernel tells about this host, read from `/proc` and `/sys`.
//!
//! Everything is optional: a file that is absent or unreadable is `None`, never an error, since a
//! report must come out of every container.

use std::fs;
use std::path::Path;

use taut::cores::CoreList;

/// A small file's text without the white space around it; `None` where it can't be read.
pub(crate) fn read(path: impl AsRef<Path>) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// The cores in the kernel's list notation: `0-2,5`; none where it is something else.
pub(crate) fn parse_list(list: &str) -> Vec<usize> {
    list.parse::<CoreList>().unwrap_or_default().into()
}

/// The cores of a list that must hold nothing else, sorted, each once.
pub(crate) fn parse_whole_list(list: &str) -> Result<Vec<usize>, String> {
    let mut cores = Vec::from(list.parse::<CoreList>().map_err(|error| error.to_string())?);
    cores.sort_unstable();
    cores.dedup();
    Ok(cores)
}

/// The kernel's list notation of sorted cores.
pub(crate) fn format_list(cores: &[usize]) -> String {
    CoreList::from(cores.to_vec()).to_string()
}

/// The cores that share their execution units with this one, itself included.
pub(crate) fn siblings(core: usize) -> Vec<usize> {
    read(format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"))
        .map_or_else(|| vec![core], |list| parse_list(&list))
}

/// One field of the first processor in `/proc/cpuinfo`.
pub(crate) fn cpu_field(cpuinfo: &str, name: &str) -> Option<String> {
    cpuinfo.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

/// Whether the processor names all of these flags.
pub(crate) fn cpu_has(cpuinfo: &str, flags: &[&str]) -> bool {
    let known = cpu_field(cpuinfo, "flags").unwrap_or_default();
    flags.iter().all(|flag| known.split_whitespace().any(|word| word == *flag))
}

/// How many interrupts of every kind each of these cores has taken since boot; 0 where the kernel
/// does not tell.
pub(crate) fn interrupts<const N: usize>(cores: &[usize; N]) -> [u64; N] {
    count_interrupts(&fs::read_to_string("/proc/interrupts").unwrap_or_default(), cores)
}

fn count_interrupts<const N: usize>(table: &str, cores: &[usize; N]) -> [u64; N] {
    let columns = interrupt_columns(table, cores);
    let mut counts = [0; N];
    for (_, row) in interrupt_rows(table) {
        for (count, column) in counts.iter_mut().zip(columns) {
            *count += column.and_then(|column| row[column].parse::<u64>().ok()).unwrap_or(0);
        }
    }
    counts
}

/// Where each of these cores stands in the rows of `/proc/interrupts`.
pub(crate) fn interrupt_columns<const N: usize>(
    table: &str,
    cores: &[usize; N],
) -> [Option<usize>; N] {
    let head: Vec<&str> = table.lines().next().unwrap_or_default().split_whitespace().collect();
    cores.map(|core| head.iter().position(|name| *name == format!("CPU{core}")))
}

/// The rows of `/proc/interrupts` by their names, with one word for each core.
pub(crate) fn interrupt_rows(table: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    let cores = table.lines().next().unwrap_or_default().split_whitespace().count();
    table.lines().skip(1).filter_map(move |line| {
        let mut words = line.split_whitespace();
        let name = words.next()?.trim_end_matches(':');
        let row: Vec<&str> = words.take(cores).collect();
        // A row without one number for each core counts something of the whole host.
        (row.len() == cores).then_some((name, row))
    })
}

/// A core's time since boot, in the kernel's clock ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CoreTime {
    all: u64,
    stolen: u64,
}

impl CoreTime {
    pub(crate) fn now(core: usize) -> Option<Self> {
        Self::parse(&read("/proc/stat")?, core)
    }

    /// The core's line of `/proc/stat`.
    pub(crate) fn parse(stat: &str, core: usize) -> Option<Self> {
        let name = format!("cpu{core}");
        let mut words = stat
            .lines()
            .map(str::split_whitespace)
            .find_map(|mut words| (words.next() == Some(&name)).then_some(words))?;
        // user, nice, system, idle, iowait, irq, softirq, steal; guest time is within user time.
        let times: Vec<u64> =
            words.by_ref().take(8).map(|word| word.parse().unwrap_or(0)).collect();
        Some(Self { all: times.iter().sum(), stolen: times.get(7).copied().unwrap_or(0) })
    }

    /// The percentage of the time since `earlier` that the hypervisor gave to somebody else.
    pub(crate) fn stolen_percent_since(&self, earlier: &Self) -> f64 {
        let all = self.all.saturating_sub(earlier.all).max(1);
        100.0 * self.stolen.saturating_sub(earlier.stolen) as f64 / all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_lists_are_read_and_written() {
        assert_eq!(parse_list("0-2,5,7-8\n"), [0, 1, 2, 5, 7, 8]);
        assert!(parse_list("").is_empty());
        assert_eq!(format_list(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
        assert_eq!(format_list(&[]), "");
    }

    #[test]
    fn a_list_that_is_none_is_told_and_fills_no_memory() {
        assert_eq!(parse_whole_list("5,0-2,1\n"), Ok(vec![0, 1, 2, 5]));
        assert_eq!(parse_whole_list(""), Ok(Vec::new()));
        for wrong in ["a", "0-", "3-1", "-1", "0-99999999999", "18446744073709551616", "1;2"] {
            let error = parse_whole_list(&format!("0,{wrong}")).unwrap_err();
            assert!(error.contains(wrong), "{error}");
            assert!(parse_list(&format!("0,{wrong}")).is_empty(), "{wrong}");
        }
    }

    #[test]
    fn flags_are_whole_words() {
        let cpuinfo = "model name\t: A CPU\nflags\t\t: fpu constant_tsc nonstop_tsc\n";
        assert!(cpu_has(cpuinfo, &["constant_tsc", "nonstop_tsc"]));
        assert!(!cpu_has(cpuinfo, &["tsc"]));
        assert_eq!(cpu_field(cpuinfo, "model name").as_deref(), Some("A CPU"));
    }

    #[test]
    fn interrupts_are_summed_over_the_rows_that_have_a_column_for_each_core() {
        let table = "            CPU0       CPU2\n  0:  5  7  IO-APIC  2-edge  timer\n \
                     LOC:  100  200  Local timer interrupts\n ERR:  9\n MIS:  9\n";
        assert_eq!(count_interrupts(table, &[2, 0, 1]), [207, 105, 0]);
        assert_eq!(count_interrupts("", &[0]), [0]);
    }

    #[test]
    fn stolen_time_is_a_share_of_the_whole() {
        let stat = |stolen| format!("cpu  9 9\ncpu1 100 0 100 700 0 0 0 {stolen} 0 0\ncpu10 1\n");
        let earlier = CoreTime::parse(&stat(0), 1).unwrap();
        let later = CoreTime::parse(&stat(100), 1).unwrap();
        assert_eq!(later.stolen_percent_since(&earlier), 100.0);
        assert_eq!(CoreTime::parse(&stat(0), 3), None);
        assert_eq!(earlier.stolen_percent_since(&earlier), 0.0);
    }
}
