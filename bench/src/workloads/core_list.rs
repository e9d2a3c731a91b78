//! The option `--cores` of the workloads between cores.

use clap::Args;

use crate::harness::cores::Cores;
use crate::harness::host;
use crate::harness::options::Common;

/// Where a workload between cores runs.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct CoreList {
    /// The cores to use, as 2,3 or 2-5; by default the two that a run would choose.
    #[arg(long, value_name = "LIST", conflicts_with_all = ["server_core", "client_core"])]
    cores: Option<String>,
}

impl CoreList {
    /// The cores, at least `least` and at most `most` of them, and the common options with the
    /// first two in their places.
    pub(crate) fn chosen(
        &self,
        least: usize,
        most: usize,
        common: &Common,
    ) -> Result<(Vec<usize>, Common), String> {
        let mut common = common.clone();
        let allowed = Cores::choose(common.server_core, common.client_core)?;
        let cores = match &self.cores {
            Some(text) => host::parse_whole_list(text)
                .map_err(|error| format!("--cores {text}: {error}; write 2,3 or 2-5"))?,
            None => {
                let mut both = vec![allowed.server, allowed.client];
                both.dedup();
                both
            }
        };
        if let Some(core) = cores.iter().find(|core| !allowed.allowed.contains(core)) {
            return Err(format!(
                "--cores: core {core} is not among the cores that this process may use ({}): name \
                 some of those, or widen them with taskset or the container's cpuset",
                host::format_list(&allowed.allowed)
            ));
        }
        if cores.len() < least {
            return Err(format!(
                "a message between cores needs {least} different ones, and {}",
                match (self.cores.is_some(), allowed.allowed.len()) {
                    (false, 1) => "this process may use one: use a host with more".to_owned(),
                    _ => format!("{} was named: write --cores 2,3", host::format_list(&cores)),
                }
            ));
        }
        if cores.len() > most {
            return Err(format!(
                "--cores {} names {} cores, and there is work for {most}",
                host::format_list(&cores),
                cores.len()
            ));
        }
        common.server_core = Some(cores[0]);
        common.client_core = Some(cores[1]);
        Ok((cores, common))
    }
}
