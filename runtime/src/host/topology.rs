//! Which cores this host has, who may use them, and which node they belong to.
//!
//! Read from `/sys` when it is asked for, since cores go offline and cpusets change. What the host
//! does not tell (a container without `/sys`) is taken from the thread's affinity.

use std::path::Path;
use std::{fs, io};

use super::list::CoreList;
use crate::pin;

const SYSTEM: &str = "/sys/devices/system";

/// See the module's documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Topology {
    present: CoreList,
    online: CoreList,
    isolated: CoreList,
    /// Where this thread may run.
    allowed: CoreList,
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    number: usize,
    cores: CoreList,
    has_memory: bool,
}

impl Topology {
    /// # Errors
    ///
    /// Where the kernel does not tell where the calling thread may run.
    pub(crate) fn of_this_host() -> io::Result<Self> {
        Ok(Self::read(Path::new(SYSTEM), pin::allowed()?))
    }

    fn read(system: &Path, allowed: CoreList) -> Self {
        let cores = |name| read_list(&system.join("cpu").join(name));
        let online = cores("online").unwrap_or_else(|| allowed.clone());
        let present = cores("present").unwrap_or_else(|| online.clone());
        let isolated = cores("isolated").unwrap_or_default();
        Self { present, online, isolated, allowed, nodes: read_nodes(&system.join("node")) }
    }

    /// The cores that the kernel keeps its own work and other threads off, and that can be used.
    pub(crate) fn isolated(&self) -> CoreList {
        self.isolated.iter().copied().filter(|core| self.online.contains(core)).collect()
    }

    /// The cores of a node that can be used; `None` where there is no such node.
    pub(crate) fn node(&self, number: usize) -> Option<CoreList> {
        let node = self.nodes.iter().find(|node| node.number == number)?;
        Some(node.cores.iter().copied().filter(|core| self.refusal(*core).is_none()).collect())
    }

    pub(crate) fn node_of(&self, core: usize) -> Option<usize> {
        self.nodes.iter().find(|node| node.cores.contains(&core)).map(|node| node.number)
    }

    pub(crate) fn nodes(&self) -> CoreList {
        self.nodes.iter().map(|node| node.number).collect()
    }

    pub(crate) fn nodes_with_memory(&self) -> usize {
        self.nodes.iter().filter(|node| node.has_memory).count()
    }

    /// Why a runtime can't be pinned to this core, and what to do; `None` where it can.
    ///
    /// A core outside of the thread's affinity is refused, as whoever narrowed it meant it. Not so
    /// an isolated one: the kernel takes those out of the affinity of every process at boot, and
    /// the way onto them is to be pinned there.
    pub(crate) fn refusal(&self, core: usize) -> Option<String> {
        let Self { present, online, isolated, allowed, .. } = self;
        if !present.contains(&core) {
            return Some(format!(
                "does not exist: this host has the cores {present}; choose among them"
            ));
        }
        if !online.contains(&core) {
            return Some(format!(
                "is offline: write 1 to {SYSTEM}/cpu/cpu{core}/online, or choose among {online}"
            ));
        }
        if !allowed.contains(&core) && !isolated.contains(&core) {
            return Some(format!(
                "is outside of the cores that this process may use ({allowed}): choose among \
                 those, or widen them with taskset or the cpuset of its cgroup or container"
            ));
        }
        None
    }
}

fn read_list(path: &Path) -> Option<CoreList> {
    fs::read_to_string(path).ok()?.parse().ok()
}

fn read_nodes(folder: &Path) -> Vec<Node> {
    let numbers = read_list(&folder.join("online")).unwrap_or_default();
    let with_memory = read_list(&folder.join("has_memory")).unwrap_or_else(|| numbers.clone());
    let node = |number: &usize| Node {
        number: *number,
        cores: read_list(&folder.join(format!("node{number}/cpulist"))).unwrap_or_default(),
        has_memory: with_memory.contains(number),
    };
    numbers.iter().map(node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> CoreList {
        text.parse().unwrap()
    }

    /// Six cores on two nodes: 5 is offline, 3 and 4 are isolated, and this thread may use 0 to 2.
    fn six_cores() -> Topology {
        let node = |number, cores| Node { number, cores: list(cores), has_memory: true };
        Topology {
            present: list("0-5"),
            online: list("0-4"),
            isolated: list("3-5"),
            allowed: list("0-1"),
            nodes: vec![node(0, "0-2"), node(1, "3-4")],
        }
    }

    #[test]
    fn each_refusal_says_what_there_is_and_what_to_do() {
        let topology = six_cores();
        let refusal = |core| topology.refusal(core).unwrap();
        assert!(refusal(6).contains("does not exist") && refusal(6).contains("0-5"));
        assert!(refusal(5).contains("offline") && refusal(5).contains("cpu5/online"));
        assert!(refusal(2).contains("may use (0-1)") && refusal(2).contains("taskset"));
        assert_eq!(topology.refusal(1), None);
    }

    #[test]
    fn isolated_cores_can_be_used_though_no_affinity_has_them() {
        let topology = six_cores();
        assert_eq!(topology.refusal(3), None);
        assert_eq!(*topology.isolated(), [3, 4]);
    }

    #[test]
    fn a_node_has_those_of_its_cores_that_can_be_used() {
        let topology = six_cores();
        assert_eq!(*topology.node(0).unwrap(), [0, 1]);
        assert_eq!(*topology.node(1).unwrap(), [3, 4]);
        assert_eq!(topology.node(2), None);
        assert_eq!(topology.node_of(4), Some(1));
        assert_eq!(topology.node_of(9), None);
    }

    #[test]
    fn what_the_kernel_tells_is_read_and_what_it_does_not_is_the_affinity() {
        let folder = std::env::temp_dir().join(format!("taut-topology-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("cpu/present", "0-5\n");
        write("cpu/online", "0-4\n");
        write("cpu/isolated", "3-5\n");
        write("node/online", "0-1\n");
        write("node/has_memory", "0-1\n");
        write("node/node0/cpulist", "0-2\n");
        write("node/node1/cpulist", "3-4\n");
        assert_eq!(Topology::read(&folder, list("0-1")), six_cores());
        fs::remove_dir_all(&folder).unwrap();

        let bare = Topology::read(&folder, list("0-1"));
        assert_eq!((bare.refusal(1), bare.nodes_with_memory()), (None, 0));
        assert!(bare.refusal(2).is_some());
    }

    #[test]
    fn this_host_has_the_cores_that_it_runs_on() {
        let topology = Topology::of_this_host().unwrap();
        assert!(topology.allowed.iter().all(|core| topology.refusal(*core).is_none()));
        assert!(!topology.allowed.is_empty());
    }
}
