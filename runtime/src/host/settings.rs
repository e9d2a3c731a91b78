//! The options of a builder that change its thread or its process, and what they are answered with.

use std::fmt::Write as _;
use std::io;

use super::cpu_latency::{self, CpuLatency};
use super::locked::LockedMemory;
use super::numa::{NumaMemory, OnNode};
use super::priority::RealTime;
use super::stack;
use super::topology::Topology;
use crate::builder::Builder;
use crate::config::Config;
use crate::error::{BuildError, BuildErrorKind};
use crate::features::Features;

const FIFO: &str = "SCHED_FIFO";
const ALL_LOCKED: &str = "all memory locked";
const STACK: &str = "stack touched";
const CPU_LATENCY: &str = "CPU latency";
const NODE: &str = "memory of the core's node";

/// What the builder was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostOptions {
    pub(crate) fifo_priority: Option<u8>,
    lock_all_memory: bool,
    prefault_stack_bytes: usize,
    cpu_latency_us: Option<u32>,
    numa_memory: NumaMemory,
}

impl Builder {
    /// Gives the thread the real-time policy `SCHED_FIFO` with this priority, 1 to 99, for the life
    /// of the runtime. Default: the policy that the thread has.
    ///
    /// Together with [`WaitStrategy::Spin`](crate::WaitStrategy::Spin) nothing ordinary ever runs
    /// on the core: leave the kernel another one, and know of
    /// `/proc/sys/kernel/sched_rt_runtime_us`, which by default stops such a thread for 50 ms of
    /// each second. Threads and processes that the thread starts are ordinary.
    pub fn fifo_priority(mut self, priority: u8) -> Self {
        self.config.host.fifo_priority = Some(priority);
        self
    }

    /// Locks all memory of the process, and all that it will ever have, until the last runtime that
    /// locked any has ended. Default: false.
    ///
    /// Everything is unlocked then, also what the program locked by calls of its own.
    pub fn lock_all_memory(mut self, lock: bool) -> Self {
        self.config.host.lock_all_memory = lock;
        self
    }

    /// Touches so many bytes of the thread's stack when the runtime is built, so that their first
    /// use is no page fault. Default: 0. What the thread has room for is seen to.
    pub fn prefault_stack_bytes(mut self, bytes: usize) -> Self {
        self.config.host.prefault_stack_bytes = bytes;
        self
    }

    /// Keeps the processor out of idle states that take longer than this to wake from, in
    /// microseconds, by holding `/dev/cpu_dma_latency` open for the life of the runtime; 0 for none
    /// at all. It counts for all cores of the host. Default: as the host is set.
    pub fn cpu_latency_us(mut self, latency_us: u32) -> Self {
        self.config.host.cpu_latency_us = Some(latency_us);
        self
    }

    /// From which node a pinned thread takes memory. Default: [`NumaMemory::Prefer`], the core's.
    pub fn numa_memory(mut self, memory: NumaMemory) -> Self {
        self.config.host.numa_memory = memory;
        self
    }
}

impl HostOptions {
    /// Refuses what no host could grant.
    pub(crate) fn validate(&self) -> Result<(), BuildError> {
        if let Some(priority) = self.fifo_priority
            && !(1..=99).contains(&priority)
        {
            return Err(BuildError::configuration(
                format!("fifo_priority is {priority}"),
                "SCHED_FIFO has the priorities 1 to 99",
            ));
        }
        if let Some(latency_us) = self.cpu_latency_us
            && i32::try_from(latency_us).is_err()
        {
            return Err(BuildError::configuration(
                format!("cpu_latency_us is {latency_us}"),
                "the kernel takes up to 2147483647; leave it out for no bound",
            ));
        }
        Ok(())
    }
}

/// What a runtime holds of its host; gives it back when dropped, on the runtime's thread.
#[derive(Debug, Default)]
pub(crate) struct Held {
    real_time: Option<RealTime>,
    on_node: Option<OnNode>,
    locked: Option<LockedMemory>,
    cpu_latency: Option<CpuLatency>,
}

impl Held {
    /// What has to be there before the pools are mapped. For a thread that is pinned already.
    pub(crate) fn before_pools(
        config: &Config,
        pinned: bool,
        features: &mut Features,
    ) -> Result<Self, BuildError> {
        let mut held = Self::default();
        let asked = config.host.numa_memory;
        let node = match choose_node(config, pinned) {
            Node::NotAsked(why) => {
                features.not_asked(NODE, why);
                return Ok(held);
            }
            Node::Chosen(node) => OnNode::new(node, asked == NumaMemory::Bind),
            Node::Unknown(why) => Err(io::Error::other(why)),
        };
        let remedy = "a container's seccomp filter may forbid set_mempolicy without CAP_SYS_NICE; \
                      or numa_memory(NumaMemory::Inherit)";
        held.on_node = match node {
            Err(error) if asked == NumaMemory::Prefer => {
                features.refuse(NODE, format!("{error}; {remedy}"));
                None
            }
            node => demand(config, features, NODE, "", remedy, node)?,
        };
        Ok(held)
    }

    /// The rest, once all that the runtime needs is there. The priority is last: until then the
    /// thread is as ordinary as the others that are being set up.
    pub(crate) fn after_pools(
        &mut self,
        config: &Config,
        features: &mut Features,
    ) -> Result<(), BuildError> {
        let options = &config.host;
        match options.cpu_latency_us.and_then(|us| i32::try_from(us).ok()) {
            None => features.not_asked(CPU_LATENCY, "Builder::cpu_latency_us"),
            Some(us) => {
                let remedy = format!("it takes the right to write {}", cpu_latency::DEVICE);
                let detail = format!("at most {us} us");
                let held = CpuLatency::new(us);
                self.cpu_latency = demand(config, features, CPU_LATENCY, &detail, &remedy, held)?;
            }
        }
        match options.lock_all_memory {
            false => features.not_asked(ALL_LOCKED, "Builder::lock_all_memory"),
            true => {
                let remedy = "raise `ulimit -l` (RLIMIT_MEMLOCK), or give CAP_IPC_LOCK";
                let held = LockedMemory::of_the_process();
                self.locked = demand(config, features, ALL_LOCKED, "", remedy, held)?;
            }
        }
        match options.prefault_stack_bytes {
            0 => features.not_asked(STACK, "Builder::prefault_stack_bytes"),
            bytes => {
                let remedy = "give the thread a larger stack, or touch less of it";
                let detail = format!("{bytes} bytes");
                demand(config, features, STACK, &detail, remedy, stack::touch(bytes))?;
            }
        }
        match options.fifo_priority {
            None => features.not_asked(FIFO, "Builder::fifo_priority"),
            Some(priority) => {
                let remedy = "raise `ulimit -r` (RLIMIT_RTPRIO), or give CAP_SYS_NICE";
                let detail = format!("priority {priority}");
                let held = RealTime::new(priority);
                self.real_time = demand(config, features, FIFO, &detail, remedy, held)?;
            }
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // First, so that the rest of the end is as ordinary as the start.
        self.real_time.take();
    }
}

enum Node {
    NotAsked(&'static str),
    Chosen(usize),
    Unknown(String),
}

fn choose_node(config: &Config, pinned: bool) -> Node {
    let asked = config.host.numa_memory;
    let core = match config.core {
        Some(core) if pinned => core,
        _ if asked == NumaMemory::Bind => {
            return Node::Unknown("the thread is pinned to no core, and so has no node".to_owned());
        }
        _ => return Node::NotAsked("the thread is pinned to no core"),
    };
    if asked == NumaMemory::Inherit {
        return Node::NotAsked("NumaMemory::Inherit");
    }
    match Topology::of_this_host() {
        Ok(host) if host.nodes_with_memory() <= 1 => Node::NotAsked("the host has one node"),
        Ok(host) => match host.node_of(core) {
            Some(node) => Node::Chosen(node),
            None => Node::Unknown(format!("the kernel names no node of core {core}")),
        },
        Err(error) => Node::Unknown(error.to_string()),
    }
}

/// Notes what became of an option. One that is not granted is an error, or a row in the features
/// where degraded mode is allowed.
pub(crate) fn demand<T>(
    config: &Config,
    features: &mut Features,
    name: &'static str,
    detail: &str,
    remedy: &str,
    outcome: io::Result<T>,
) -> Result<Option<T>, BuildError> {
    match outcome {
        Ok(held) => {
            features.grant_demanded(name, detail.to_owned());
            Ok(Some(held))
        }
        Err(error) if config.degraded_allowed => {
            features.refuse_demanded(name, format!("{error}; {remedy}"));
            Ok(None)
        }
        Err(error) => {
            let mut what = format!("the host does not grant {name}");
            if !detail.is_empty() {
                let _ = write!(what, " ({detail})");
            }
            let remedy = format!("{remedy}; or allow_degraded(true)");
            Err(BuildError::new(BuildErrorKind::NotGranted, what, remedy, Some(error)))
        }
    }
}
