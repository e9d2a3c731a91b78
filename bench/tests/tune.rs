//! `scripts/tune.sh` on a made-up tree of `/proc` and `/sys`: nothing of this host is touched.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::folder;

const THP: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
const WORKQUEUES: &str = "/sys/devices/virtual/workqueue/cpumask";
const PAGES: &str = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages";

/// A host that is as distributions leave it, with eight cores.
struct Tree {
    folder: PathBuf,
}

impl Tree {
    fn new(name: &str) -> Self {
        let tree = Self { folder: folder(&format!("tune-{name}")) };
        for (path, text) in [
            (THP, "[always] madvise never"),
            ("/sys/kernel/mm/ksm/run", "1"),
            (WORKQUEUES, "ff"),
            (PAGES, "3"),
            ("/sys/devices/system/node/node0/cpulist", "0-7"),
            ("/sys/devices/system/cpu/present", "0-7"),
            ("/sys/devices/system/cpu/online", "0-7"),
            ("/sys/devices/system/cpu/isolated", ""),
            ("/proc/sys/kernel/timer_migration", "1"),
            ("/proc/sys/kernel/nmi_watchdog", "1"),
            ("/proc/sys/kernel/numa_balancing", "0"),
            ("/proc/sys/vm/stat_interval", "1"),
            ("/proc/irq/default_smp_affinity", "ff"),
            ("/proc/irq/5/smp_affinity_list", "0-7"),
            ("/proc/irq/30/smp_affinity_list", "0-7"),
            ("/proc/irq/30/eth0/file", ""),
            ("/proc/irq/31/smp_affinity_list", "3"),
            ("/proc/irq/31/nvme0/file", ""),
            ("/sys/class/net/eth0/mtu", "1500"),
        ] {
            tree.write(path, text);
        }
        for core in 0..8 {
            tree.write(&governor(core), "powersave");
        }
        tree
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.join("root").join(path.trim_start_matches('/'))
    }

    fn record(&self) -> PathBuf {
        self.folder.join("record")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap().trim_end().to_owned()
    }

    /// Every file with its bytes.
    fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut contents = BTreeMap::new();
        let mut folders = vec![self.path("/")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                match entry.path() {
                    path if path.is_dir() => folders.push(path),
                    path => drop(contents.insert(path.clone(), fs::read(path).unwrap())),
                }
            }
        }
        contents
    }

    fn tune(&self, line: &str) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/tune.sh");
        let path = std::env::var("PATH").unwrap_or_default();
        Command::new("bash")
            .arg(script)
            .args(line.split_whitespace())
            .env("TAUT_TUNE_ROOT", self.path("/").to_str().unwrap().trim_end_matches('/'))
            .env("TAUT_TUNE_STATE", self.record())
            .env("PATH", format!("{}:{path}", self.folder.join("bin").display()))
            .output()
            .unwrap()
    }

    /// Runs it, and holds it to its exit status; what it said.
    #[track_caller]
    fn tune_ends(&self, line: &str, status: i32) -> String {
        let output = self.tune(line);
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        let text = text.concat();
        assert_eq!(output.status.code(), Some(status), "{line}: {text}");
        text
    }

    /// A file of choices shows the chosen one among the others after it was written.
    fn show_choices(&self) {
        let chosen = self.read(THP);
        if !chosen.contains('[') {
            let all = ["always", "madvise", "never"];
            let shown = all.map(|one| match one == chosen {
                true => format!("[{one}]"),
                false => one.to_owned(),
            });
            self.write(THP, &shown.join(" "));
        }
    }

    /// An `ethtool` for eth0, whose values are in two files.
    fn install_ethtool(&self) {
        let program = self.folder.join("bin/ethtool");
        let values = self.folder.join("values");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::create_dir_all(&values).unwrap();
        fs::write(values.join("adaptive-rx"), "on\n").unwrap();
        fs::write(values.join("rx-usecs"), "50\n").unwrap();
        let text = format!(
            "#!/bin/sh\ncd {}\n[ \"$2\" = eth0 ] || exit 1\ncase $1 in\n-c)\n\
             echo \"Coalesce parameters for eth0:\"\n\
             echo \"Adaptive RX: $(cat adaptive-rx)  TX: n/a\"\n\
             echo \"rx-usecs:\t$(cat rx-usecs)\" ;;\n-C) echo \"$4\" > \"$3\" ;;\nesac\n",
            values.display()
        );
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn nic(&self, name: &str) -> String {
        let text = fs::read_to_string(self.folder.join("values").join(name)).unwrap();
        text.trim_end().to_owned()
    }
}

fn governor(core: usize) -> String {
    format!("/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor")
}

#[test]
fn undo_leaves_every_byte_as_it_was_before_init() {
    let tree = Tree::new("round");
    let before = tree.contents();
    tree.tune_ends("check --cores 4-7", 1);
    assert_eq!(tree.contents(), before);
    let text = tree.tune_ends("init --cores 4-7", 0);
    assert!(text.contains("nmi_watchdog: 1 -> 0"), "{text}");
    assert_eq!(tree.read(THP), "madvise");
    tree.show_choices();
    for (path, expected) in [
        (governor(3).as_str(), "powersave"),
        (&governor(4), "performance"),
        (WORKQUEUES, "f"),
        (PAGES, "32"),
        ("/proc/irq/default_smp_affinity", "f"),
        ("/proc/irq/30/smp_affinity_list", "0-3"),
        ("/proc/irq/31/smp_affinity_list", "3"),
        ("/proc/irq/5/smp_affinity_list", "0-7"),
        ("/proc/sys/kernel/timer_migration", "0"),
        ("/proc/sys/vm/stat_interval", "10"),
        ("/sys/kernel/mm/ksm/run", "0"),
    ] {
        assert_eq!(tree.read(path), expected, "{path}");
    }
    let text = tree.tune_ends("check --cores 4-7", 0);
    assert!(text.contains(" as wanted, 0 not"), "{text}");
    let text = tree.tune_ends("undo", 0);
    let order: Vec<usize> =
        ["nr_hugepages", "scaling_governor", "timer_migration", "transparent_hugepage"]
            .map(|name| text.find(name).unwrap())
            .into();
    assert!(order.is_sorted(), "the last change first: {text}");
    tree.show_choices();
    assert_eq!(tree.contents(), before);
    assert!(!tree.record().exists());
    assert!(tree.tune_ends("undo", 0).contains("nothing"));
}

#[test]
fn a_dry_run_tells_everything_and_writes_nothing() {
    let tree = Tree::new("dry");
    let before = tree.contents();
    let text = tree.tune_ends("init --cores 4-7 --dry-run", 0);
    assert!(text.contains("would   /proc/irq/30/smp_affinity_list: 0-7 -> 0-3\n"), "{text}");
    assert_eq!(tree.contents(), before);
    assert!(!tree.record().exists());
    tree.tune_ends("init --cores 4-7", 0);
    tree.show_choices();
    let (tuned, record) = (tree.contents(), fs::read(tree.record()).unwrap());
    let text = tree.tune_ends("undo --dry-run", 0);
    assert!(text.contains("would   /proc/irq/30/smp_affinity_list: 0-3 -> 0-7\n"), "{text}");
    assert_eq!(tree.contents(), tuned);
    assert_eq!(fs::read(tree.record()).unwrap(), record);
}

#[test]
fn a_second_init_keeps_the_values_of_before_the_first() {
    let tree = Tree::new("twice");
    let before = tree.contents();
    tree.tune_ends("init --cores 6-7", 0);
    tree.show_choices();
    let record = fs::read(tree.record()).unwrap();
    tree.tune_ends("init --cores 6-7", 0);
    assert_eq!(fs::read(tree.record()).unwrap(), record, "nothing was to be set");
    tree.tune_ends("init --cores 4-7", 0);
    assert_eq!(tree.read("/proc/irq/30/smp_affinity_list"), "0-3");
    assert_eq!(tree.read(PAGES), "32");
    tree.tune_ends("undo", 0);
    tree.show_choices();
    assert_eq!(tree.contents(), before);
}

#[test]
fn what_somebody_else_changed_is_told_and_left_alone() {
    let tree = Tree::new("foreign");
    tree.tune_ends("init --cores 4-7", 0);
    tree.show_choices();
    tree.write("/proc/sys/vm/stat_interval", "30");
    tree.write(&governor(5), "ondemand");
    tree.write("/sys/kernel/mm/ksm/run", "1");
    let text = tree.tune_ends("check --cores 4-7", 1);
    assert!(text.contains("cpu5/cpufreq/scaling_governor: ondemand, wanted performance"), "{text}");
    assert!(!text.contains("stat_interval"), "30 is as good: {text}");
    let text = tree.tune_ends("undo", 1);
    assert!(text.contains("foreign /proc/sys/vm/stat_interval: 30 is of somebody else"), "{text}");
    assert!(text.contains("2 not"), "KSM is back by itself: {text}");
    assert_eq!(tree.read("/proc/sys/vm/stat_interval"), "30");
    assert_eq!(tree.read(&governor(5)), "ondemand");
    assert_eq!(tree.read(&governor(4)), "powersave");
    assert!(!tree.record().exists(), "there is nothing left to restore");
}

#[test]
fn check_knows_without_cores_what_init_has_set() {
    let tree = Tree::new("recorded");
    tree.tune_ends("init --cores 4-7", 0);
    tree.show_choices();
    tree.tune_ends("check", 0);
    tree.write("/proc/irq/30/smp_affinity_list", "0-7");
    let text = tree.tune_ends("check", 1);
    assert!(text.contains("not     /proc/irq/30/smp_affinity_list: 0-7, wanted 0-3"), "{text}");
}

#[test]
fn isolated_cores_are_the_default_and_pages_are_only_raised() {
    let tree = Tree::new("isolated");
    tree.write("/sys/devices/system/cpu/isolated", "7");
    tree.write(PAGES, "100");
    tree.tune_ends("init", 0);
    assert_eq!(tree.read(PAGES), "100");
    assert_eq!(tree.read(&governor(7)), "performance");
    assert_eq!(tree.read("/proc/irq/30/smp_affinity_list"), "0-6");
    tree.tune_ends("undo", 0);
    tree.show_choices();
    tree.write("/sys/devices/system/cpu/isolated", "");
    let text = tree.tune_ends("init", 0);
    assert!(text.contains("only what is of the whole host"), "{text}");
    assert_eq!(tree.read(&governor(7)), "powersave");
    assert_eq!(tree.read("/sys/kernel/mm/ksm/run"), "0");
}

#[test]
fn masks_of_many_cores_keep_their_groups() {
    let tree = Tree::new("masks");
    for name in ["present", "online"] {
        tree.write(&format!("/sys/devices/system/cpu/{name}"), "0-39");
    }
    tree.write(WORKQUEUES, "ff,ffffffff");
    tree.write("/proc/irq/default_smp_affinity", "0f,00000000");
    let before = tree.contents();
    tree.tune_ends("init --cores 30-35", 0);
    tree.show_choices();
    assert_eq!(tree.read(WORKQUEUES), "f0,3fffffff");
    let others = tree.read("/proc/irq/default_smp_affinity");
    assert_eq!(others, "f0,3fffffff", "all others, where none of its own is left");
    tree.tune_ends("check --cores 30-35", 0);
    tree.tune_ends("undo", 0);
    tree.show_choices();
    assert_eq!(tree.contents(), before);
}

#[test]
fn a_file_that_refuses_or_is_not_there_is_told_and_the_rest_goes_on() {
    let tree = Tree::new("refusing");
    // Nobody may write there, root neither.
    fs::remove_file(tree.path(&governor(4))).unwrap();
    symlink("/proc/version", tree.path(&governor(4))).unwrap();
    fs::remove_file(tree.path("/proc/sys/kernel/numa_balancing")).unwrap();
    let text = tree.tune_ends("init --cores 4-7", 1);
    assert!(text.contains("absent  /proc/sys/kernel/numa_balancing\n"), "{text}");
    let failed = text.lines().find(|line| line.starts_with("FAILED")).unwrap();
    assert!(
        failed.contains("cpu4/cpufreq/scaling_governor") && failed.contains("can't be written")
    );
    assert!(["error", "denied"].iter().any(|word| failed.ends_with(word)), "{failed}");
    assert!(text.ends_with(" 1 not\n"), "{text}");
    assert_eq!(tree.read(&governor(7)), "performance", "after the one that failed");
    assert_eq!(tree.read(PAGES), "32");
    tree.tune_ends("undo", 0);
    assert_eq!(tree.read(&governor(7)), "powersave");
}

#[test]
fn an_interface_is_only_touched_when_it_is_named() {
    let tree = Tree::new("nic");
    tree.install_ethtool();
    tree.tune_ends("init --cores 4-7", 0);
    tree.show_choices();
    assert_eq!((tree.nic("adaptive-rx"), tree.nic("rx-usecs")), ("on".into(), "50".into()));
    tree.tune_ends("init --cores 4-7 --nic eth0", 0);
    assert_eq!((tree.nic("adaptive-rx"), tree.nic("rx-usecs")), ("off".into(), "0".into()));
    tree.tune_ends("check --cores 4-7 --nic eth0", 0);
    tree.tune_ends("undo", 0);
    assert_eq!((tree.nic("adaptive-rx"), tree.nic("rx-usecs")), ("on".into(), "50".into()));
    let text = tree.tune_ends("init --nic eth9", 2);
    assert!(text.contains("no such interface"), "{text}");
}

#[test]
fn a_wrong_command_line_or_record_ends_with_status_2_and_changes_nothing() {
    let tree = Tree::new("wrong");
    let before = tree.contents();
    for (line, words) in [
        ("", "usage"),
        ("tune", "tune is not understood"),
        ("init undo", "init or undo"),
        ("init --cores", "--cores needs a value"),
        ("init --cores 4-", "no list of cores"),
        ("init --cores 7-4", "no list of cores"),
        ("init --cores 4,99999999999999999999", "no list of cores"),
        ("init --cores 7-8", "no core 8; it has 0-7"),
        ("init --cores 0-7", "at least one"),
        ("init --nic a/b", "no such interface"),
    ] {
        let text = tree.tune_ends(line, 2);
        assert!(text.contains(words), "{line}: {text}");
    }
    for wrong in ["/etc/passwd\tx\ty", "/proc/../etc/passwd\tx\ty", "/proc/sys/vm\tx", "text"] {
        fs::write(tree.record(), format!("{wrong}\n")).unwrap();
        for command in ["init", "check", "undo"] {
            let text = tree.tune_ends(command, 2);
            assert!(text.contains("is no record of this program"), "{wrong}: {text}");
        }
    }
    fs::remove_file(tree.record()).unwrap();
    fs::create_dir(tree.record()).unwrap();
    let text = tree.tune_ends("init --cores 7", 2);
    assert!(text.contains("can't be written"), "{text}");
    assert_eq!(tree.contents(), before);
}
