//! Memory from the node of the runtime's core, also in a process that was told to spread its own.
//!
//! The kernel takes new memory from the node of the core that touches it first, unless the process
//! was started with another policy (`numactl --interleave`). So the policy of the thread is set
//! once it is pinned and before the pools are mapped. Invariant: the thread has the policy that it
//! had before when the last of its runtimes that changed it has ended.

use std::io;

use super::layers::Layers;
use super::sys::{MemoryPolicy, memory_policy, set_memory_policy};

/// From which node the thread of a pinned runtime takes its memory, on hosts that have several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NumaMemory {
    /// From the core's own node, and from others when that has no more. Where the kernel refuses
    /// to be told, the features say so, and the thread's policy stays as it is.
    #[default]
    Prefer,
    /// From the core's own node only: where it has no more, the kernel swaps, or kills the process.
    Bind,
    /// As the process was told, by `numactl` for one.
    Inherit,
}

thread_local! {
    static BEFORE: Layers<MemoryPolicy> = const { Layers::new() };
}

/// The thread's memory comes from one node until this is dropped, on the same thread.
#[derive(Debug)]
pub(super) struct OnNode {
    number: u64,
}

impl OnNode {
    pub(super) fn new(node: usize, only: bool) -> io::Result<Self> {
        let mode = if only { libc::MPOL_BIND } else { libc::MPOL_PREFERRED };
        let policy = MemoryPolicy::on_node(mode, node)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let before = memory_policy()?;
        set_memory_policy(&policy)?;
        Ok(Self { number: BEFORE.with(|layers| layers.add(before)) })
    }
}

impl Drop for OnNode {
    fn drop(&mut self) {
        let before = BEFORE.try_with(|layers| layers.end(self.number)).ok().flatten();
        if let Some(before) = before {
            // A node may have gone since; memory then goes on to come from this one.
            let _ = set_memory_policy(&before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_gets_its_policy_back_in_whatever_order_runtimes_end() {
        std::thread::spawn(|| {
            let Ok(before) = memory_policy() else { return eprintln!("SKIPPED: no NUMA here") };
            let (outer, inner) = (OnNode::new(0, false).unwrap(), OnNode::new(0, true).unwrap());
            let bound = MemoryPolicy::on_node(libc::MPOL_BIND, 0).unwrap();
            assert_eq!(memory_policy().unwrap(), bound);
            drop(outer);
            assert_eq!(memory_policy().unwrap(), bound, "the newer one still counts");
            drop(inner);
            assert_eq!(memory_policy().unwrap(), before);
        })
        .join()
        .unwrap();
    }
}
