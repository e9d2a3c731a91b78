//! The command line of `doctor`, and the cores that it means.

use std::path::PathBuf;

use clap::Args;

use super::checks::allowed;
use super::host::Host;
use crate::harness::host::{format_list, parse_whole_list};

/// Checks what of this host costs latency, and how to mend it. Changes nothing, needs no root.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// The cores of the engine, as 2,3 or 2-5; by default all that this process may run on.
    #[arg(long, value_name = "LIST")]
    pub(crate) cores: Option<String>,

    /// File to write the findings to; with - they go to standard output, in place of the table.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl Options {
    /// The cores to judge, sorted.
    ///
    /// # Errors
    ///
    /// A list that is none, or names a core that the host does not have.
    pub(crate) fn cores(&self, host: &Host) -> Result<Vec<usize>, String> {
        let Some(list) = &self.cores else {
            return allowed(host).map_err(|reason| {
                format!("{reason}: which cores to judge is not known; name them with --cores")
            });
        };
        let cores = parse_whole_list(list)
            .map_err(|problem| format!("--cores {list}: {problem}; write 2,3 or 2-5"))?;
        if cores.is_empty() {
            return Err("--cores names no core: write 2,3 or 2-5".to_owned());
        }
        // Where the host does not tell, the findings will say so.
        let Ok(present) = host.cores("/sys/devices/system/cpu/present") else { return Ok(cores) };
        match cores.iter().find(|core| !present.contains(core)) {
            None => Ok(cores),
            Some(core) => Err(format!(
                "--cores {list}: this host has no core {core}; it has {}",
                format_list(&present)
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::fixture::Tree;

    fn cores(tree: &Tree, list: Option<&str>) -> Result<Vec<usize>, String> {
        Options { cores: list.map(str::to_owned), json: None }.cores(&tree.host())
    }

    #[test]
    fn cores_are_those_asked_for_else_those_of_the_process() {
        let tree = Tree::tuned("options-cores");
        assert_eq!(cores(&tree, Some("5,2-3,5")), Ok(vec![2, 3, 5]));
        assert_eq!(cores(&tree, None), Ok((0..8).collect()));
    }

    #[test]
    fn a_list_that_can_not_be_meant_is_an_error_that_says_what_can() {
        let tree = Tree::tuned("options-wrong");
        for (list, words) in [
            ("", "names no core"),
            ("two", "\"two\" is no core"),
            ("3-2", "2,3 or 2-5"),
            ("0,8", "no core 8; it has 0-7"),
        ] {
            let error = cores(&tree, Some(list)).unwrap_err();
            assert!(error.contains("--cores") && error.contains(words), "{error}");
        }
        tree.remove("/sys/devices/system/cpu/present");
        assert_eq!(cores(&tree, Some("8")), Ok(vec![8]), "nobody says that there is none");
        tree.remove("/proc/self/status");
        let error = cores(&tree, None).unwrap_err();
        assert!(error.contains("/proc/self/status is not there"), "{error}");
    }
}
