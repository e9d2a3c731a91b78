//! What a user may name cores by.

use std::ops::{Range, RangeInclusive};

use super::error::CoresError;
use crate::host::{CoreList, Topology};

/// Cores by number, by the kernel's notation, by NUMA node, or those that the kernel isolates.
///
/// ```
/// use taut_runtime::cores::{CoreSelection, isolated, node};
///
/// let _: [CoreSelection; 8] = [
///     2.into(),
///     [2, 3, 4].into(),
///     vec![2, 3, 4].into(),
///     (2..5).into(),
///     "2-4,8".into(),
///     "isolated".into(), // from a file of settings; the same as the next
///     isolated(),
///     node(1),
/// ];
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreSelection(Choice);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Choice {
    Listed(CoreList),
    Text(String),
    Isolated,
    Node(usize),
}

/// The cores that the kernel isolates, as `/sys/devices/system/cpu/isolated` has them: by
/// `isolcpus=` at boot.
pub fn isolated() -> CoreSelection {
    CoreSelection(Choice::Isolated)
}

/// The cores of a NUMA node that this process may use.
pub fn node(number: usize) -> CoreSelection {
    CoreSelection(Choice::Node(number))
}

impl CoreSelection {
    /// The numbers of the cores. Those that are listed are not looked at yet.
    pub(super) fn resolve(self, host: &Topology) -> Result<Vec<usize>, CoresError> {
        let cores = match self.0 {
            Choice::Listed(cores) => cores,
            Choice::Text(text) if text.trim() == "isolated" => isolated_of(host)?,
            Choice::Text(text) => {
                let remedy = "write 2,3 or 2-5, or isolated";
                text.parse().map_err(|error| CoresError::choice(format!("{error}: {remedy}")))?
            }
            Choice::Isolated => isolated_of(host)?,
            Choice::Node(number) => node_of(host, number)?,
        };
        if cores.is_empty() {
            return Err(CoresError::choice("no core was chosen: name at least one".to_owned()));
        }
        Ok(cores.into())
    }
}

fn isolated_of(host: &Topology) -> Result<CoreList, CoresError> {
    let cores = host.isolated();
    if cores.is_empty() {
        return Err(CoresError::choice(
            "this host isolates no core (/sys/devices/system/cpu/isolated names none that is \
             online): boot it with isolcpus=, or name the cores"
                .to_owned(),
        ));
    }
    Ok(cores)
}

fn node_of(host: &Topology, number: usize) -> Result<CoreList, CoresError> {
    match host.node(number) {
        None => Err(CoresError::choice(format!(
            "there is no NUMA node {number}: this host has the nodes {}",
            host.nodes()
        ))),
        Some(cores) if cores.is_empty() => Err(CoresError::choice(format!(
            "NUMA node {number} has no core that this process may use: widen them with taskset or \
             the cpuset of its cgroup or container, or choose another node"
        ))),
        Some(cores) => Ok(cores),
    }
}

impl From<CoreList> for CoreSelection {
    fn from(cores: CoreList) -> Self {
        Self(Choice::Listed(cores))
    }
}

impl From<usize> for CoreSelection {
    fn from(core: usize) -> Self {
        vec![core].into()
    }
}

impl From<Vec<usize>> for CoreSelection {
    fn from(cores: Vec<usize>) -> Self {
        CoreList::from(cores).into()
    }
}

impl From<&[usize]> for CoreSelection {
    fn from(cores: &[usize]) -> Self {
        cores.to_vec().into()
    }
}

impl From<&Vec<usize>> for CoreSelection {
    fn from(cores: &Vec<usize>) -> Self {
        cores.clone().into()
    }
}

impl<const N: usize> From<[usize; N]> for CoreSelection {
    fn from(cores: [usize; N]) -> Self {
        cores.to_vec().into()
    }
}

impl<const N: usize> From<&[usize; N]> for CoreSelection {
    fn from(cores: &[usize; N]) -> Self {
        cores.to_vec().into()
    }
}

impl From<Range<usize>> for CoreSelection {
    fn from(cores: Range<usize>) -> Self {
        cores.collect::<CoreList>().into()
    }
}

impl From<RangeInclusive<usize>> for CoreSelection {
    fn from(cores: RangeInclusive<usize>) -> Self {
        cores.collect::<CoreList>().into()
    }
}

impl From<&str> for CoreSelection {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<String> for CoreSelection {
    fn from(text: String) -> Self {
        Self(Choice::Text(text))
    }
}
