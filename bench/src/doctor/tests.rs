//! The doctor on made-up hosts: one that is tuned, and that one with a thing wrong at a time.

use taut::BuildErrorKind;

use super::diagnosis::Diagnosis;
use super::finding::{Area, Finding, Severity};
use super::fixture::Tree;
use crate::harness::environment::FeatureRow;
use crate::sys::ethtool::Coalescing;

const CPU: &str = "/sys/devices/system/cpu";

fn diagnosis(tree: &Tree) -> Diagnosis {
    Diagnosis::of(&tree.host(), vec![4, 5, 6, 7], true)
}

/// The finding of that name about cores 4 to 7.
fn finding(tree: &Tree, name: &str) -> Finding {
    let all = diagnosis(tree).findings;
    let found = all.iter().find(|finding| finding.name == name);
    found.unwrap_or_else(|| panic!("no {name:?} in {all:#?}")).clone()
}

fn severity(tree: &Tree, name: &str) -> Severity {
    finding(tree, name).severity
}

fn current(finding: &Finding) -> &str {
    finding.current.as_deref().unwrap()
}

fn mend(finding: &Finding) -> &str {
    finding.mend.as_deref().unwrap()
}

fn note(finding: &Finding) -> &str {
    finding.note.as_deref().unwrap()
}

#[test]
fn a_tuned_host_has_nothing_to_mend() {
    let diagnosis = diagnosis(&Tree::tuned("tuned"));
    let wrong: Vec<&Finding> = diagnosis
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Info || finding.mend.is_some())
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(diagnosis.counts.ok > 20 && !diagnosis.is_severe());
    assert!(diagnosis.boot_line.missing.is_empty());
}

#[test]
fn isolcpus_without_nohz_full_leaves_the_tick() {
    let tree = Tree::tuned("tick");
    tree.write("/proc/cmdline", "isolcpus=4-7");
    tree.write(&format!("{CPU}/nohz_full"), "(null)\n");
    assert_eq!(severity(&tree, "isolated"), Severity::Ok);
    let tick = finding(&tree, "nohz_full");
    assert_eq!((tick.severity, current(&tick)), (Severity::Warn, "none"));
    assert!(note(&tick).contains("isolcpus alone does nothing for the tick"), "{tick:?}");
    assert!(mend(&tick).contains("nohz_full=4-7"));
    let callbacks = finding(&tree, "rcu_nocbs");
    assert_eq!((callbacks.severity, mend(&callbacks)), (Severity::Warn, "boot with rcu_nocbs=4-7"));
    tree.remove(&format!("{CPU}/nohz_full"));
    let tick = finding(&tree, "nohz_full");
    assert_eq!(current(&tick), "not in this kernel");
    assert!(mend(&tick).contains("CONFIG_NO_HZ_FULL"));
}

#[test]
fn a_host_that_isolates_nothing_is_not_told_about_isolcpus_alone() {
    let tree = Tree::tuned("not-isolated");
    tree.write("/proc/cmdline", "quiet").write(&format!("{CPU}/isolated"), "\n");
    tree.write(&format!("{CPU}/nohz_full"), "6-7\n");
    assert_eq!(current(&finding(&tree, "isolated")), "none");
    let tick = finding(&tree, "nohz_full");
    assert_eq!((tick.severity, current(&tick)), (Severity::Warn, "6-7"));
    assert!(!note(&tick).contains("isolcpus"), "{tick:?}");
    tree.write("/sys/fs/cgroup/cpuset.cpus.isolated", "4-7\n");
    assert_eq!(severity(&tree, "isolated"), Severity::Ok, "an isolated partition does as well");
    tree.write(&format!("{CPU}/nohz_full"), "4-7\n");
    assert_eq!(severity(&tree, "rcu_nocbs"), Severity::Ok, "nohz_full implies it");
}

#[test]
fn siblings_are_judged_by_what_they_do() {
    let tree = Tree::tuned("siblings");
    // Cores 0 to 3 are the other threads of 4 to 7.
    for core in 4..8 {
        let path = format!("{CPU}/cpu{core}/topology/thread_siblings_list");
        tree.write(&path, &format!("{},{core}\n", core - 4));
    }
    let siblings = finding(&tree, "SMT siblings");
    assert_eq!(siblings.severity, Severity::Warn);
    assert!(current(&siblings).starts_with("0-3 "), "{siblings:?}");
    assert!(mend(&siblings).contains("echo 0 > /sys/devices/system/cpu/cpu3/online"));
    tree.write(&format!("{CPU}/isolated"), "0-7\n");
    assert_eq!(severity(&tree, "SMT siblings"), Severity::Ok);
    tree.write(&format!("{CPU}/cpu4/topology/thread_siblings_list"), "4-5\n");
    let both = finding(&tree, "SMT siblings");
    assert!(current(&both).contains("threads of each other's"), "{both:?}");
}

#[test]
fn a_core_that_is_offline_is_severe_and_has_no_topology() {
    let tree = Tree::tuned("offline");
    tree.write(&format!("{CPU}/online"), "0-6\n").remove(&format!("{CPU}/cpu7/topology"));
    let online = finding(&tree, "online");
    assert_eq!(online.severity, Severity::Severe);
    assert_eq!(mend(&online), "echo 1 > /sys/devices/system/cpu/cpu7/online");
    assert_eq!(severity(&tree, "SMT siblings"), Severity::Ok);
    assert!(diagnosis(&tree).is_severe());
}

#[test]
fn irqs_on_the_cores_are_named_and_those_that_may_come_too() {
    let tree = Tree::tuned("irqs");
    tree.irq(40, "eth0-rx-1", "0-7", "5").irq(41, "nvme1", "0-7", "1");
    let here = finding(&tree, "IRQs on the cores");
    assert_eq!((here.severity, current(&here)), (Severity::Warn, "1: 40 eth0-rx-1"));
    assert!(mend(&here).contains("for irq in 40; do echo 0-3 >"), "{here:?}");
    let later = finding(&tree, "IRQs that may come");
    assert_eq!((later.severity, current(&later)), (Severity::Info, "1: 41 nvme1"));
    tree.remove("/proc/irq/41/effective_affinity_list");
    assert_eq!(current(&finding(&tree, "IRQs on the cores")), "2: 40 eth0-rx-1, 41 nvme1");
    tree.write("/proc/irq/default_smp_affinity", "ff\n");
    assert_eq!(mend(&finding(&tree, "default IRQ affinity")), "boot with irqaffinity=0-3");
    for number in 50..70 {
        tree.irq(number, "queue", "4", "4");
    }
    assert!(current(&finding(&tree, "IRQs on the cores")).ends_with(", and 14 more"));
}

#[test]
fn irqbalance_is_found_by_its_name_and_spares_isolated_cores() {
    let tree = Tree::tuned("irqbalance");
    tree.write("/proc/812/comm", "irqbalance\n");
    let balancer = finding(&tree, "irqbalance");
    assert_eq!((balancer.severity, current(&balancer)), (Severity::Info, "runs as process 812"));
    tree.write(&format!("{CPU}/isolated"), "4\n");
    assert_eq!(severity(&tree, "irqbalance"), Severity::Warn);
}

#[test]
fn deep_sleep_is_told_unless_somebody_holds_it_off() {
    let tree = Tree::tuned("idle");
    tree.write(&format!("{CPU}/cpu6/cpuidle/state2/disable"), "0\n");
    let deepest = finding(&tree, "deepest idle state");
    assert_eq!((deepest.severity, current(&deepest)), (Severity::Ok, "C6, wakes up in 133 us"));
    assert!(note(&deepest).contains("while a program holds"));
    tree.write("/dev/cpu_dma_latency", "\x00\x10\x00\x00");
    let deepest = finding(&tree, "deepest idle state");
    assert_eq!(deepest.severity, Severity::Warn);
    assert!(note(&deepest).contains("cores 6 pay"), "{deepest:?}");
    for core in 4..8 {
        tree.remove(&format!("{CPU}/cpu{core}/cpuidle"));
    }
    assert_eq!(severity(&tree, "deepest idle state"), Severity::Info);
}

#[test]
fn latency_requests_need_a_device_that_the_user_may_write() {
    let mut tree = Tree::tuned("requests");
    assert!(current(&finding(&tree, "latency requests")).contains("holds it at 0 us"));
    tree.answers.is_writable = false;
    assert_eq!(severity(&tree, "latency requests"), Severity::Warn);
    tree.remove("/dev/cpu_dma_latency");
    assert_eq!(severity(&tree, "latency requests"), Severity::Info);
}

#[test]
fn a_governor_is_judged_on_every_core() {
    let tree = Tree::tuned("governor");
    for core in [0, 5, 6] {
        tree.write(&format!("{CPU}/cpu{core}/cpufreq/scaling_governor"), "powersave\n");
    }
    let governor = finding(&tree, "governor");
    assert_eq!((governor.severity, current(&governor)), (Severity::Warn, "powersave on 5-6"));
    assert!(mend(&governor).contains("cpu6/cpufreq/scaling_governor"));
    for core in 4..8 {
        tree.remove(&format!("{CPU}/cpu{core}/cpufreq"));
    }
    assert_eq!(severity(&tree, "governor"), Severity::Info);
}

#[test]
fn a_clock_is_severe_only_where_it_can_not_be_trusted_or_takes_microseconds() {
    let tree = Tree::tuned("clock");
    let file = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    for (source, expected) in [
        ("tsc", Severity::Ok),
        ("kvm-clock", Severity::Warn),
        ("something-new", Severity::Warn),
        ("hpet", Severity::Severe),
        ("acpi_pm", Severity::Severe),
    ] {
        tree.write(file, source);
        assert_eq!(severity(&tree, "clocksource"), expected, "{source}");
    }
    tree.write("/proc/cpuinfo", "flags : fpu constant_tsc hypervisor\n");
    assert_eq!(current(&finding(&tree, "time-stamp counter")), "without nonstop_tsc");
    assert_eq!(severity(&tree, "hypervisor"), Severity::Info);
}

#[test]
fn memory_is_judged_on_the_nodes_of_the_cores() {
    let tree = Tree::tuned("memory");
    tree.write("/sys/devices/system/node/node0/cpulist", "0-3\n");
    let node = "/sys/devices/system/node/node1";
    tree.write(&format!("{node}/cpulist"), "4-7\n");
    tree.write(&format!("{node}/hugepages/hugepages-2048kB/free_hugepages"), "31\n");
    let pages = finding(&tree, "huge pages, node1");
    assert_eq!((pages.severity, current(&pages)), (Severity::Warn, "31 of 2 MiB free"));
    assert!(mend(&pages).starts_with("echo 32 > /sys/devices/system/node/node1/"));
    assert!(diagnosis(&tree).findings.iter().all(|one| one.name != "huge pages, node0"));
    tree.write("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
    assert_eq!(severity(&tree, "transparent huge pages"), Severity::Warn);
    tree.write("/proc/swaps", "Filename\n/dev/sdb partition 1 0 -2\n");
    assert_eq!(current(&finding(&tree, "swap")), "1 in use, swappiness 60");
    assert_eq!(severity(&tree, "swap"), Severity::Warn);
}

#[test]
fn settings_of_the_kernel_have_their_own_words_and_remedies() {
    let tree = Tree::tuned("noise");
    for (name, path, value, mend) in [
        ("nmi_watchdog", "/proc/sys/kernel/nmi_watchdog", "1", "kernel.nmi_watchdog=0"),
        ("vm.stat_interval", "/proc/sys/vm/stat_interval", "1", "vm.stat_interval=10"),
        ("timer_migration", "/proc/sys/kernel/timer_migration", "1", "kernel.timer_migration=0"),
        ("numa_balancing", "/proc/sys/kernel/numa_balancing", "1", "kernel.numa_balancing=0"),
        ("KSM", "/sys/kernel/mm/ksm/run", "1", "echo 0 > /sys/kernel/mm/ksm/run"),
        ("workqueue cpumask", "/sys/devices/virtual/workqueue/cpumask", "ff", "echo f > /sys"),
    ] {
        tree.write(path, value);
        let finding = finding(&tree, name);
        assert_eq!(finding.severity, Severity::Warn, "{name}");
        assert!(self::mend(&finding).contains(mend), "{finding:?}");
        tree.remove(path);
        assert!(severity(&tree, name) < Severity::Warn, "{name}");
    }
    tree.write("/proc/sys/kernel/sched_rt_runtime_us", "950000");
    assert_eq!(severity(&tree, "real-time limit"), Severity::Info);
    tree.write("/proc/sys/kernel/osrelease", "6.6.1");
    assert_eq!(severity(&tree, "real-time limit"), Severity::Warn);
    tree.write("/proc/sys/kernel/osrelease", "5.15.0-91");
    assert_eq!(severity(&tree, "kernel"), Severity::Warn);
}

#[test]
fn an_interface_tells_its_delays_and_deferral_is_never_recommended() {
    let mut tree = Tree::tuned("network");
    tree.answers.coalescing = Ok(Coalescing { rx_usecs: 50, rx_frames: 0, adaptive_rx: true });
    let delay = finding(&tree, "eth0 rx-usecs");
    assert_eq!((delay.severity, mend(&delay)), (Severity::Warn, "ethtool -C eth0 rx-usecs 0"));
    assert_eq!(severity(&tree, "eth0 adaptive-rx"), Severity::Warn);
    tree.write("/sys/class/net/eth0/napi_defer_hard_irqs", "2\n");
    let deferral = finding(&tree, "eth0 IRQ deferral");
    assert_eq!((deferral.severity, &deferral.mend), (Severity::Info, &None));
    assert!(note(&deferral).starts_with("on. Known to delay packets"), "{deferral:?}");
    tree.answers.coalescing = Err(libc::EOPNOTSUPP);
    assert_eq!(severity(&tree, "eth0 coalescing"), Severity::Info);
    tree.answers.coalescing = Err(libc::EPERM);
    assert_eq!(severity(&tree, "eth0 coalescing"), Severity::Unknown);
    for queue in 3..8 {
        tree.remove(&format!("/sys/class/net/eth0/queues/rx-{queue}"));
    }
    assert_eq!(current(&finding(&tree, "eth0 receive queues")), "3");
    assert!(note(&finding(&tree, "lo")).contains("no NAPI id"));
    tree.write("/sys/class/net/eth0/operstate", "down\n");
    assert_eq!(current(&finding(&tree, "eth0")), "down: not judged");
}

#[test]
fn a_refused_ring_is_told_apart_by_who_refuses() {
    let mut tree = Tree::tuned("ring");
    for (kind, sysctl, words) in [
        (BuildErrorKind::DisabledBySysctl, "2", "refused by the sysctl"),
        (BuildErrorKind::DeniedBySeccomp, "0", "refused by a seccomp filter"),
        (BuildErrorKind::KernelTooOld, "0", "this kernel can't"),
    ] {
        tree.refuse_ring(kind, "the reason");
        tree.write("/proc/sys/kernel/io_uring_disabled", sysctl);
        let ring = finding(&tree, "a runtime's ring");
        assert_eq!((ring.severity, current(&ring)), (Severity::Warn, words), "epoll works");
        assert!(note(&ring).starts_with("the reason. The runtime works on epoll"), "{ring:?}");
    }
    let row = |name: &str, granted| FeatureRow {
        name: name.to_owned(),
        asked: true,
        granted,
        reason: "because".to_owned(),
    };
    tree.answers.ring = Ok(vec![row("driver", true), row("absolute timeouts", false)]);
    let refused = finding(&tree, "absolute timeouts");
    assert_eq!((refused.severity, current(&refused)), (Severity::Warn, "refused: because"));
    tree.write("/proc/self/status", "Seccomp:\t2\nCpus_allowed_list:\t0-7\n");
    assert_eq!(severity(&tree, "seccomp filter"), Severity::Info);
}

#[test]
fn limits_are_those_of_the_process_unless_a_capability_lifts_them() {
    let tree = Tree::tuned("limits");
    tree.write(
        "/proc/self/limits",
        "Limit\nMax open files  1024  4096  files\nMax locked memory  8388608  8388608  bytes\n\
         Max realtime priority  0  0\n",
    );
    for name in ["nofile", "memlock", "rtprio"] {
        assert_eq!(severity(&tree, name), Severity::Warn, "{name}");
    }
    let locking = 1_u64 << 14 | 1 << 23;
    let status = format!("CapEff:\t{locking:016x}\nCpus_allowed_list:\t0-7\n");
    tree.write("/proc/self/status", &status);
    assert_eq!(severity(&tree, "nofile"), Severity::Warn);
    assert_eq!(current(&finding(&tree, "memlock")), "8388608, but CAP_IPC_LOCK needs no limit");
    assert_eq!(severity(&tree, "rtprio"), Severity::Ok);
}

#[test]
fn a_core_outside_of_the_cpuset_is_severe_and_one_outside_of_the_affinity_is_not() {
    let tree = Tree::tuned("cpuset");
    tree.write("/proc/self/status", "Cpus_allowed_list:\t0-3\n");
    let affinity = finding(&tree, "cpuset and affinity");
    assert_eq!(
        (affinity.severity, mend(&affinity)),
        (Severity::Warn, "start it with taskset -c 4-7")
    );
    let group = "/sys/fs/cgroup/engine.slice/engine.service";
    tree.write(&format!("{group}/cpuset.cpus.effective"), "0-3\n");
    let cpuset = finding(&tree, "cpuset and affinity");
    assert_eq!(cpuset.severity, Severity::Severe);
    assert_eq!(current(&cpuset), "affinity 0-3, cpuset 0-3");
    tree.remove(&format!("{group}/cpuset.cpus.effective"));
    assert!(current(&finding(&tree, "cpuset and affinity")).ends_with("not readable"));
    tree.write("/proc/self/cgroup", "4:memory:/x\n3:cpuset:/engine\n");
    tree.write("/sys/fs/cgroup/cpuset/cpuset.effective_cpus", "0-7\n");
    assert_eq!(severity(&tree, "cpuset and affinity"), Severity::Warn, "version 1, its root");
}

#[test]
fn a_quota_that_stops_a_spinning_core_is_severe() {
    let tree = Tree::tuned("quota");
    tree.write("/sys/fs/cgroup/engine.slice/cpu.max", "200000 100000\n");
    let quota = finding(&tree, "CPU quota");
    assert_eq!(quota.severity, Severity::Severe);
    assert!(current(&quota).ends_with("by /sys/fs/cgroup/engine.slice"), "{quota:?}");
    tree.write("/sys/fs/cgroup/engine.slice/cpu.max", "800000 100000\n");
    assert_eq!(severity(&tree, "CPU quota"), Severity::Ok, "all eight cores");
    tree.write("/proc/self/cgroup", "2:memory:/\n0::/engine\n");
    tree.write("/sys/fs/cgroup/unified/engine/cpu.max", "50000 100000\n");
    assert_eq!(severity(&tree, "CPU quota"), Severity::Severe, "both versions side by side");
    tree.write("/proc/self/cgroup", "2:cpu,cpuacct:/\n");
    tree.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n");
    tree.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    assert_eq!(severity(&tree, "CPU quota"), Severity::Severe);
    tree.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    assert_eq!(severity(&tree, "CPU quota"), Severity::Ok);
}

#[test]
fn stolen_time_is_told_of_the_core_that_lost_most() {
    let tree = Tree::tuned("stolen");
    tree.write("/proc/stat", "cpu 1\ncpu4 0 0 0 99 0 0 0 1\ncpu5 0 0 0 95 0 0 0 5\n");
    let stolen = finding(&tree, "stolen time");
    assert_eq!(stolen.severity, Severity::Warn);
    assert!(current(&stolen).starts_with("5.00 % of core 5's"), "{stolen:?}");
}

#[test]
fn two_cores_of_a_virtual_machine_lack_what_they_lack() {
    let tree = Tree::tuned("two-cores");
    for (path, text) in [
        ("/proc/cmdline", "quiet mitigations=auto"),
        ("/proc/cpuinfo", "flags : constant_tsc nonstop_tsc hypervisor\n"),
        ("/proc/self/status", "Cpus_allowed_list:\t0-1\n"),
        ("/proc/irq/default_smp_affinity", "3\n"),
        ("/sys/devices/system/cpu/online", "0-1\n"),
        ("/sys/devices/system/cpu/present", "0-1\n"),
        ("/sys/devices/system/cpu/isolated", "\n"),
        ("/sys/devices/virtual/workqueue/cpumask", "3\n"),
    ] {
        tree.write(path, text);
    }
    tree.remove(&format!("{CPU}/nohz_full"));
    tree.irq(30, "virtio0", "0-1", "0");
    let diagnosis = Diagnosis::of(&tree.host(), vec![0, 1], false);
    let is = |name: &str| {
        let found = diagnosis.findings.iter().find(|finding| finding.name == name);
        found.unwrap_or_else(|| panic!("no {name}")).clone()
    };
    for name in ["isolated", "nohz_full", "rcu_nocbs", "IRQs on the cores", "workqueue cpumask"] {
        assert_eq!(is(name).severity, Severity::Warn, "{name}");
    }
    for name in ["isolated", "nohz_full", "rcu_nocbs", "IRQs on the cores", "workqueue cpumask"] {
        let mend = is(name).mend.unwrap();
        assert!(mend.contains("no other is left for the kernel"), "{mend}");
    }
    assert_eq!(diagnosis.boot_line.wanted, Vec::<String>::new());
    assert!(!diagnosis.is_severe());
    let text = diagnosis.text();
    assert!(text.starts_with("doctor · cores 0-1, all that this process may use\n"), "{text}");
    assert!(text.contains("the kernel needs at least one for its own work"), "{text}");
}

#[test]
fn a_host_without_any_file_is_told_line_by_line() {
    let tree = Tree::empty("nothing");
    let diagnosis = diagnosis(&tree);
    assert!(diagnosis.counts.unknown > 20, "{:?}", diagnosis.counts);
    for finding in &diagnosis.findings {
        let is_told = finding.current.is_some() || note(finding).contains(" is not there");
        assert!(is_told, "{finding:?}");
        assert_ne!(finding.severity, Severity::Severe, "what is not known is not judged");
    }
    for area in Area::ALL {
        assert!(diagnosis.findings.iter().any(|finding| finding.area == area), "{area:?}");
    }
}

/// Each file in turn, gone and with contents that mean nothing: the doctor goes on, and says so
/// somewhere if it reads that file at all.
#[test]
fn no_file_alone_stops_the_doctor_or_is_passed_over() {
    let tree = Tree::tuned("garbage");
    let sound = diagnosis(&tree);
    let mut unnoticed = Vec::new();
    for path in tree.files() {
        let text = String::from_utf8(tree.host().bytes(&path).unwrap()).unwrap();
        tree.remove(&path);
        let without = diagnosis(&tree);
        for garbage in ["", "\u{0}\u{ff}-,-[", "4-99999999999999999999"] {
            tree.write(&path, garbage);
            let with = diagnosis(&tree);
            assert!(!with.text().is_empty() && with.json().is_ok());
        }
        tree.write(&path, &text);
        if without == sound {
            unnoticed.push(path);
        }
    }
    // Those that belong to other cores, or to IRQs that never fire.
    unnoticed.retain(|path| (0..4).all(|core| !path.starts_with(&format!("{CPU}/cpu{core}/"))));
    unnoticed.retain(|path| !path.contains("/irq/5/") && !path.contains("rps_cpus"));
    // Those whose absence means what they say on this host.
    let group = "/sys/fs/cgroup/engine.slice/engine.service";
    let same = [
        "/proc/1/comm",
        "/proc/irq/30/effective_affinity_list",
        "/proc/irq/31/effective_affinity_list",
        "/sys/class/net/lo/operstate",
        "/sys/devices/system/clocksource/clocksource0/available_clocksource",
        "/sys/devices/system/cpu/present",
        &format!("{group}/cpu.max"),
        &format!("{group}/cpuset.cpus.effective"),
    ];
    assert_eq!(unnoticed, same);
    assert_eq!(diagnosis(&tree), sound);
}

#[test]
fn the_table_is_grouped_by_area_with_the_worst_first() {
    let tree = Tree::tuned("table");
    tree.write("/proc/sys/vm/stat_interval", "1").remove("/proc/sys/kernel/sched_rt_period_us");
    tree.write("/proc/sys/kernel/hung_task_timeout_secs", "120");
    let diagnosis = diagnosis(&tree);
    let noise = |finding: &&Finding| finding.area == Area::KernelNoise;
    let severities: Vec<&str> =
        diagnosis.findings.iter().filter(noise).map(|one| one.severity.name()).collect();
    assert_eq!(severities, ["warn", "unknown", "info", "ok", "ok", "ok"]);
    let text = diagnosis.text();
    let order: Vec<Option<usize>> =
        Area::ALL.iter().map(|area| text.find(&format!("\n\n{}\n", area.title()))).collect();
    assert!(order.is_sorted() && order.iter().all(Option::is_some), "{order:?}\n{text}");
    assert!(text.contains("mend    sysctl -w vm.stat_interval=10\n"), "{text}");
    assert!(text.lines().all(|line| !line.ends_with(' ')));
    let last = text.lines().last().unwrap();
    let counts = diagnosis.counts;
    let expected = format!("0 severe, 1 warn, 1 unknown, {} info, {} ok", counts.info, counts.ok);
    assert_eq!(last, expected);
}
