//! Which core does what.
//!
//! Invariant: a thread that is to be measured runs on the core that the report names, or the run
//! does not count. The kernel's word is read back after each pinning.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::host;

/// The two cores of a run and what they were chosen from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) client: usize,
    pub(crate) allowed: Vec<usize>,
}

impl Cores {
    /// Takes the cores that were asked for, and chooses those that were not.
    pub(crate) fn choose(server: Option<usize>, client: Option<usize>) -> Result<Self, String> {
        let allowed = allowed().map_err(|error| {
            format!("the kernel would not tell which cores this process may use: {error}")
        })?;
        let isolated =
            host::parse_list(&host::read("/sys/devices/system/cpu/isolated").unwrap_or_default());
        Self::among(allowed, &isolated, host::siblings, server, client)
    }

    fn among(
        allowed: Vec<usize>,
        isolated: &[usize],
        siblings: impl Fn(usize) -> Vec<usize>,
        server: Option<usize>,
        client: Option<usize>,
    ) -> Result<Self, String> {
        for (option, core) in [("--server-core", server), ("--client-core", client)] {
            if let Some(core) = core.filter(|core| !allowed.contains(core)) {
                return Err(format!(
                    "{option} {core} is not among the cores that this process may use ({}): name \
                     one of those, or widen them with taskset or the container's cpuset",
                    host::format_list(&allowed)
                ));
            }
        }
        // Isolated cores first, then the highest: the kernel's own work gathers on the lowest.
        let mut candidates = allowed.clone();
        candidates.sort_by_key(|core| (!isolated.contains(core), std::cmp::Reverse(*core)));
        let beside = |other: Option<usize>| {
            let taken = other.map(&siblings).unwrap_or_default();
            let free = |core: &&usize| !taken.contains(core) && Some(**core) != other;
            let different = |core: &&usize| Some(**core) != other;
            candidates
                .iter()
                .find(free)
                .or_else(|| candidates.iter().find(different))
                .or_else(|| candidates.first())
                .copied()
                .ok_or_else(|| "this process may use no core at all".to_owned())
        };
        let client = match client {
            Some(core) => core,
            None => beside(server)?,
        };
        let server = match server {
            Some(core) => core,
            None => beside(Some(client))?,
        };
        Ok(Self { server, client, allowed })
    }

    /// What is wrong with the choice, in sentences.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.allowed.len() < 2 {
            warnings.push(
                "this process may use only one core: client and server take turns on it, and the \
                 figures are those of the scheduler; use a host with at least 2 CPUs"
                    .to_owned(),
            );
        } else if self.server == self.client {
            warnings.push(format!(
                "client and server share core {}: the figures are those of the scheduler; give \
                 --server-core and --client-core different cores",
                self.server
            ));
        } else if host::siblings(self.server).contains(&self.client) {
            warnings.push(format!(
                "cores {} and {} are two threads of one physical core: each slows the other; \
                 choose cores that are no SMT siblings",
                self.server, self.client
            ));
        }
        warnings
    }
}

/// Pins the calling thread, and reads back that the kernel kept it.
pub(crate) fn pin(core: usize) -> Result<(), String> {
    keep_to(&[core]).map_err(|error| {
        format!(
            "a thread could not be pinned to core {core}: {error}; check that the core is online \
             and in this process's cpuset"
        )
    })
}

/// Lets the calling thread run on any of those cores: one that starts others, which take their own
/// from what it may use.
pub(crate) fn unpin(allowed: &[usize]) -> Result<(), String> {
    keep_to(allowed).map_err(|error| {
        let cores = host::format_list(allowed);
        format!("a thread could not be let go to the cores {cores}: {error}")
    })
}

fn keep_to(cores: &[usize]) -> io::Result<()> {
    let mut wanted = CpuSet::new();
    for &core in cores {
        if core >= CpuSet::MAX_CPU {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        wanted.set(core);
    }
    sched_setaffinity(None, &wanted)?;
    if sched_getaffinity(None)? == wanted { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
}

fn allowed() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(
        allowed: &[usize],
        isolated: &[usize],
        server: Option<usize>,
        client: Option<usize>,
    ) -> Result<(usize, usize), String> {
        // Cores 2n and 2n + 1 are siblings.
        let siblings = |core: usize| vec![core & !1, core | 1];
        let cores = Cores::among(allowed.to_vec(), isolated, siblings, server, client)?;
        Ok((cores.server, cores.client))
    }

    #[test]
    fn siblings_and_the_lowest_cores_are_avoided() {
        assert_eq!(chosen(&[0, 1, 2, 3, 4, 5], &[], None, None), Ok((3, 5)));
        assert_eq!(chosen(&[0, 1], &[], None, None), Ok((0, 1)));
        assert_eq!(chosen(&[0, 1, 2, 3, 4, 5], &[1, 2], None, None), Ok((1, 2)));
    }

    #[test]
    fn what_was_asked_for_is_kept() {
        assert_eq!(chosen(&[0, 1, 2, 3], &[], Some(3), None), Ok((3, 1)));
        assert_eq!(chosen(&[0, 1, 2, 3], &[], None, Some(0)), Ok((3, 0)));
        assert_eq!(chosen(&[0, 1], &[], Some(1), Some(1)), Ok((1, 1)));
    }

    #[test]
    fn one_core_has_to_do_for_both() {
        assert_eq!(chosen(&[4], &[], None, None), Ok((4, 4)));
    }

    #[test]
    fn a_core_that_is_not_allowed_is_an_error_that_names_the_others() {
        let error = chosen(&[0, 1], &[], Some(99), None).unwrap_err();
        assert!(error.contains("--server-core 99") && error.contains("(0-1)"), "{error}");
    }

    #[test]
    fn a_pinned_thread_can_be_let_go() {
        let allowed = allowed().unwrap();
        let back = std::thread::spawn(move || {
            pin(allowed[0]).unwrap();
            assert_eq!(super::allowed().unwrap(), [allowed[0]]);
            unpin(&allowed).unwrap();
            super::allowed().unwrap() == allowed
        });
        assert!(back.join().unwrap());
    }

    #[test]
    fn pinning_beyond_all_cores_is_refused() {
        let error = std::thread::spawn(|| pin(CpuSet::MAX_CPU)).join().unwrap().unwrap_err();
        assert!(error.contains("could not be pinned"), "{error}");
    }
}
