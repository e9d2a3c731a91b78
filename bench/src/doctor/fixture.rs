//! Made-up hosts: trees of `/proc`, `/sys` and `/dev` in a folder that goes with the test.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use taut::BuildErrorKind;

use super::host::{Host, RingRefusal, System};
use crate::harness::environment::FeatureRow;
use crate::sys::ethtool::Coalescing;

/// What the kernel of a made-up host answers.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    pub(crate) ring: Result<Vec<FeatureRow>, RingRefusal>,
    /// Or the number of the error.
    pub(crate) coalescing: Result<Coalescing, i32>,
    pub(crate) is_writable: bool,
}

impl System for Answers {
    fn ring(&self) -> Result<Vec<FeatureRow>, RingRefusal> {
        self.ring.clone()
    }

    fn coalescing(&self, _: &str) -> io::Result<Coalescing> {
        self.coalescing.map_err(io::Error::from_raw_os_error)
    }

    fn is_writable(&self, path: &Path) -> bool {
        self.is_writable && path.exists()
    }
}

/// A host whose files are in a folder of their own, which is removed in the end.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
    pub(crate) answers: Answers,
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

impl Tree {
    /// A host without a single file; the name is the test's.
    pub(crate) fn empty(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("taut-doctor-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        let granted = FeatureRow {
            name: "driver".to_owned(),
            asked: true,
            granted: true,
            reason: "io_uring".to_owned(),
        };
        let coalescing = Ok(Coalescing { rx_usecs: 0, rx_frames: 1, adaptive_rx: false });
        Self { root, answers: Answers { ring: Ok(vec![granted]), coalescing, is_writable: true } }
    }

    pub(crate) fn host(&self) -> Host {
        Host::under(&self.root, Box::new(self.answers.clone()))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    pub(crate) fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn link(&self, path: &str, target: &str) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    /// Removes a file or a folder.
    pub(crate) fn remove(&self, path: &str) -> &Self {
        let path = self.path(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
        self
    }

    pub(crate) fn refuse_ring(&mut self, kind: BuildErrorKind, message: &str) {
        self.answers.ring = Err(RingRefusal { kind, message: message.to_owned() });
    }

    /// Every file of the tree.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    let path = entry.path();
                    let path = path.strip_prefix(&self.root).unwrap().to_str().unwrap();
                    files.push(format!("/{path}"));
                }
            }
        }
        files.sort();
        files
    }

    /// Eight cores of one node, of which 4 to 7 are all that they can be.
    pub(crate) fn tuned(name: &str) -> Self {
        let tree = Self::empty(name);
        tree.write(
            "/proc/cmdline",
            "root=/dev/sda isolcpus=managed_irq,domain,4-7 nohz_full=4-7 rcu_nocbs=4-7 \
             irqaffinity=0-3 nmi_watchdog=0 skew_tick=1 transparent_hugepage=madvise tsc=reliable",
        );
        tree.write("/proc/version", "Linux version 6.12.8 (x) #1 SMP PREEMPT_DYNAMIC");
        tree.write(
            "/proc/cpuinfo",
            "processor : 0\nmodel name : A CPU\nflags : fpu constant_tsc nonstop_tsc\n",
        );
        let line = |name: &str| format!("{name} 100 0 100 9000 0 0 0 0 0 0\n");
        let cores: String = (0..8).map(|core| line(&format!("cpu{core}"))).collect();
        tree.write("/proc/stat", &(line("cpu") + &cores));
        tree.write("/proc/swaps", "Filename Type Size Used Priority\n");
        tree.write("/dev/cpu_dma_latency", "\0\0\0\0");
        tree.sysctls();
        tree.process();
        tree.processors();
        tree.interrupts();
        tree.memory();
        tree.network();
        tree
    }

    fn sysctls(&self) {
        for (name, value) in [
            ("kernel/osrelease", "6.12.8"),
            ("kernel/nmi_watchdog", "0"),
            ("kernel/hung_task_timeout_secs", "0"),
            ("kernel/timer_migration", "0"),
            ("kernel/numa_balancing", "0"),
            ("kernel/sched_rt_runtime_us", "-1"),
            ("kernel/sched_rt_period_us", "1000000"),
            ("kernel/io_uring_disabled", "0"),
            ("vm/stat_interval", "10"),
            ("vm/swappiness", "60"),
            ("net/core/busy_poll", "50"),
            ("net/core/busy_read", "50"),
        ] {
            self.write(&format!("/proc/sys/{name}"), &format!("{value}\n"));
        }
    }

    fn process(&self) {
        self.write(
            "/proc/self/status",
            "Name:\tx\nCapEff:\t0000000000000000\nSeccomp:\t0\nCpus_allowed_list:\t0-7\n",
        );
        self.write(
            "/proc/self/limits",
            "Limit  Soft Limit  Hard Limit  Units\nMax open files  1048576  1048576  files\n\
             Max locked memory  unlimited  unlimited  bytes\nMax realtime priority  99  99\n",
        );
        self.write("/proc/self/cgroup", "0::/engine.slice/engine.service\n");
        let group = "/sys/fs/cgroup/engine.slice/engine.service";
        self.write(&format!("{group}/cpu.max"), "max 100000\n");
        self.write(&format!("{group}/cpuset.cpus.effective"), "0-7\n");
    }

    fn processors(&self) {
        let cpu = "/sys/devices/system/cpu";
        for (name, value) in [
            ("present", "0-7"),
            ("online", "0-7"),
            ("isolated", "4-7"),
            ("nohz_full", "4-7"),
            ("vulnerabilities/meltdown", "Not affected"),
            ("cpufreq/boost", "0"),
        ] {
            self.write(&format!("{cpu}/{name}"), &format!("{value}\n"));
        }
        for core in 0..8 {
            for (name, value) in [
                ("topology/thread_siblings_list", core.to_string()),
                ("cpufreq/scaling_governor", "performance".to_owned()),
                ("cpufreq/energy_performance_preference", "performance".to_owned()),
                ("power/energy_perf_bias", "0".to_owned()),
                ("cpuidle/state0/name", "POLL".to_owned()),
                ("cpuidle/state0/latency", "0".to_owned()),
                ("cpuidle/state0/disable", "0".to_owned()),
                ("cpuidle/state1/name", "C1".to_owned()),
                ("cpuidle/state1/latency", "2".to_owned()),
                ("cpuidle/state1/disable", "0".to_owned()),
                ("cpuidle/state2/name", "C6".to_owned()),
                ("cpuidle/state2/latency", "133".to_owned()),
                ("cpuidle/state2/disable", "1".to_owned()),
            ] {
                self.write(&format!("{cpu}/cpu{core}/{name}"), &format!("{value}\n"));
            }
        }
        let clocksource = "/sys/devices/system/clocksource/clocksource0";
        self.write(&format!("{clocksource}/current_clocksource"), "tsc\n");
        self.write(&format!("{clocksource}/available_clocksource"), "tsc hpet acpi_pm\n");
    }

    /// An IRQ with a handler.
    pub(crate) fn irq(&self, number: u32, device: &str, allowed: &str, effective: &str) -> &Self {
        let folder = format!("/proc/irq/{number}");
        self.write(&format!("{folder}/smp_affinity_list"), &format!("{allowed}\n"));
        self.write(&format!("{folder}/effective_affinity_list"), &format!("{effective}\n"));
        fs::create_dir_all(self.path(&format!("{folder}/{device}"))).unwrap();
        self
    }

    fn interrupts(&self) {
        self.irq(30, "eth0-rx-0", "0-3", "2").irq(31, "nvme0", "0-3", "1");
        // One that nothing is connected to never fires, wherever it points.
        self.write("/proc/irq/5/smp_affinity_list", "0-7\n");
        self.write("/proc/irq/default_smp_affinity", "0f\n");
        let head: String = (0..8).map(|core| format!(" CPU{core}")).collect();
        let row = |name: &str| format!(" {name}: 1 2 3 4 5 6 7 8 of a kind\n");
        let rows: String = ["LOC", "RES", "CAL", "TLB"].map(row).concat();
        self.write("/proc/interrupts", &format!("{head}\n{rows}"));
        self.write("/proc/1/comm", "systemd\n");
    }

    fn memory(&self) {
        self.write("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
        self.write("/sys/kernel/mm/ksm/run", "0\n");
        let node = "/sys/devices/system/node/node0";
        self.write(&format!("{node}/cpulist"), "0-7\n");
        self.write(&format!("{node}/hugepages/hugepages-2048kB/free_hugepages"), "512\n");
        self.write("/sys/devices/virtual/workqueue/cpumask", "0f\n");
    }

    fn network(&self) {
        self.write("/sys/class/net/lo/operstate", "unknown\n");
        let device = "/sys/devices/pci0000:00/0000:00:03.0/net/eth0";
        self.link("/sys/class/net/eth0", "../../devices/pci0000:00/0000:00:03.0/net/eth0");
        self.write(&format!("{device}/operstate"), "up\n");
        self.write(&format!("{device}/napi_defer_hard_irqs"), "0\n");
        self.write(&format!("{device}/gro_flush_timeout"), "0\n");
        self.link(&format!("{device}/device/driver"), "../../bus/pci/drivers/ice");
        for queue in 0..8 {
            self.write(&format!("{device}/queues/rx-{queue}/rps_cpus"), "00\n");
        }
    }
}
