//! `taut-stat` on files of this process, of one that is killed, and on what is no such file.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use taut::counter_file::{CounterFile, CounterFileOptions};
use taut::latency::{Limits, Recorder};
use taut::{Runtime, WaitStrategy, spawn, yield_now};

fn stat(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taut-stat"));
    command.args(line.split_whitespace());
    command
}

fn run(line: &str) -> Output {
    stat(line).output().expect("the program of this package starts")
}

fn lines(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn object(output: &Output) -> Value {
    let text = lines(output);
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test-stat-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A folder of its own, so that the files of others are not looked at.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = Path::new(taut::counter_file::DIRECTORY).join(name());
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> CounterFile {
        let options = CounterFileOptions {
            name: name.to_owned(),
            directory: self.0.clone(),
            ..Default::default()
        };
        CounterFile::create(options).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Has the cores end, also where a test panics.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The value of a label in the object of a process.
fn value(object: &Value, owner: &str, label: &str) -> Value {
    let owners = object["owners"].as_array().unwrap();
    let owner = owners.iter().find(|one| one["name"] == owner).unwrap();
    let values = owner["values"].as_array().unwrap();
    values.iter().find(|value| value["label"] == label).unwrap().clone()
}

#[test]
fn what_two_cores_and_their_user_count_is_shown_in_each_form() {
    let folder = Folder::new();
    let file = folder.file("engine");
    let orders = file.counter("orders_sent", "orders").unwrap();
    let (decode, _) = Recorder::in_file(&file, "decode", Limits::default()).unwrap();
    orders.add(12_345);
    (1..=100).for_each(|latency_ns| decode.record_ns(latency_ns));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _ends = Stop(&stop);
        for name in ["feed", "gateway"] {
            let core = || {
                let builder = Runtime::builder().counter_file(&file);
                let builder = builder.wait(WaitStrategy::Spin).turn_budget(Duration::ZERO);
                builder.build().unwrap().block_on(async {
                    while !stop.load(Ordering::Relaxed) {
                        spawn(yield_now()).await.unwrap();
                    }
                });
            };
            thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, core).unwrap();
        }
        let directory = folder.0.display();
        let looks = || object(&run(&format!("--once --json --directory {directory}")));
        let mut looked = looks();
        while looked["owners"].as_array().unwrap().len() < 3
            || ["feed", "gateway"].iter().any(|core| value(&looked, core, "state")["value"] != 1)
        {
            looked = looks();
        }
        assert_eq!((&looked["schema"], &looked["name"]), (&1.into(), &"engine".into()));
        assert_eq!(looked["pid"], std::process::id());
        assert_eq!(looked["alive"], true);
        assert_eq!(looked["format_version"], "1.0");
        for core in ["feed", "gateway"] {
            let turns = value(&looked, core, "turns");
            assert_eq!(turns["kind"], "counter");
            assert!(turns["per_second"].as_f64().unwrap() > 0.0, "{turns}");
            assert_eq!(value(&looked, core, "tasks_live_max")["kind"], "maximum");
        }
        let of_process = &looked["owners"][0];
        assert_eq!(of_process["values"][0]["value"], 12_345);
        assert_eq!(of_process["distributions"][0]["p50"], 50);
        assert_eq!(of_process["distributions"][0]["max"], 100);
        let unhealthy = looked["unhealthy"].as_array().unwrap();
        let over = unhealthy.iter().filter(|found| found["label"] == "turns_over_budget");
        assert_eq!(over.count(), 2, "each core has turns over a budget of nothing: {unhealthy:?}");

        let table = lines(&run(&format!("engine --once --directory {directory}")));
        let header = table.lines().find(|line| line.contains("gateway")).unwrap();
        assert!(header.contains("feed"), "{table}");
        assert!(table.contains("12,345") && table.contains("since the last look"), "{table}");
        assert!(table.contains("! feed: turns_over_budget: "), "{table}");
        assert!(!table.contains('\u{1b}'), "no colours without a terminal");

        let plain = lines(&run(&format!("{} --once --plain", file.path().display())));
        assert!(plain.contains("               12,345 - orders_sent\n"), "{plain}");
        assert!(plain.contains("                   50 - decode p50\n"), "{plain}");
        assert!(
            plain.lines().any(|line| line.ends_with(" - turns [1 feed]")
                || line.ends_with(" - turns [1 gateway]"))
        );
    });
}

#[test]
fn a_core_that_is_stuck_is_said_and_one_that_sleeps_is_not() {
    let folder = Folder::new();
    let file = folder.file("stuck");
    thread::scope(|scope| {
        // Dropped when this ends, also by a panic: so both cores end.
        let (_free, freed) = std::sync::mpsc::channel::<()>();
        let (_wake, woken) = taut::channel::shared::channel::<()>(1);
        let core = |name: &str| thread::Builder::new().name(name.to_owned());
        let build = || Runtime::builder().wait(WaitStrategy::Park).counter_file(&file).build();
        let stuck = move || {
            build().unwrap().block_on(async { assert!(freed.recv().is_err()) });
        };
        core("stuck").spawn_scoped(scope, stuck).unwrap();
        let asleep = move || {
            build().unwrap().block_on(async { assert!(woken.recv().await.is_err()) });
        };
        core("asleep").spawn_scoped(scope, asleep).unwrap();

        let line = format!("stuck --once --json --directory {}", folder.0.display());
        let mut looked = object(&run(&line));
        while looked["owners"].as_array().unwrap().len() < 2
            || value(&looked, "stuck", "state")["value"] != 1
            || value(&looked, "asleep", "state")["value"] != 2
        {
            looked = object(&run(&line));
        }
        // Once more, so that both looks of it were after the beginning.
        let looked = object(&run(&line));
        let owners = looked["owners"].as_array().unwrap();
        let owner = owners.iter().find(|owner| owner["name"] == "stuck").unwrap();
        let unhealthy = looked["unhealthy"].as_array().unwrap();
        let stuck: Vec<_> =
            unhealthy.iter().filter(|found| found["label"] == "heartbeat_ns").collect();
        assert_eq!(stuck.len(), 1, "{looked}");
        assert_eq!(stuck[0]["owner"], owner["owner"]);
        assert!(stuck[0]["reason"].as_str().unwrap().contains("the loop is stuck"));
    });
}

#[test]
fn nothing_to_look_at_is_status_2_and_a_sentence() {
    let folder = Folder::new();
    let directory = folder.0.display();
    let newer = folder.0.join("taut-newer.counters");
    {
        let file = folder.file("older");
        let mut bytes = std::fs::read(file.path()).unwrap();
        bytes[8..12].copy_from_slice(&9_u32.to_ne_bytes());
        std::fs::write(&newer, bytes).unwrap();
    }
    for (line, word) in [
        (format!("--directory {directory}"), "no living process"),
        (format!("nobody --directory {directory}"), "nobody"),
        (format!("4194303 --directory {directory}"), "no living process 4194303"),
        (format!("newer --directory {directory}"), "version 9.0"),
        ("/dev/null".to_owned(), "no counter file"),
        ("/none/taut-x.counters".to_owned(), "can't be opened"),
        ("--interval 5".to_owned(), "no duration"),
        ("--json --plain".to_owned(), "--plain"),
    ] {
        let output = run(&line);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {said}");
        assert!(said.contains(word), "{line}: {said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_file_without_cores_and_a_copy_of_a_dead_process_are_shown() {
    let folder = Folder::new();
    let file = folder.file("empty");
    let looked = object(&run(&format!("{} --once --json", file.path().display())));
    assert_eq!((&looked["alive"], looked["owners"].as_array().unwrap().len()), (&true.into(), 0));
    let copy = folder.0.join("copy");
    std::fs::copy(file.path(), &copy).unwrap();
    // Without --once: there is nothing to wait for.
    let looked = object(&run(&format!("{} --json", copy.display())));
    assert_eq!(looked["alive"], false);
    let table = lines(&run(&copy.display().to_string()));
    assert!(table.contains("has ended"), "{table}");
}

/// The process that the next tests look at: this very test, in a process of its own.
const WRITER: &str = "TAUT_STAT_TEST_WRITER";

#[test]
fn a_process_that_is_killed_is_watched_to_its_end_and_its_file_cleaned_up() {
    let test = "a_process_that_is_killed_is_watched_to_its_end_and_its_file_cleaned_up";
    if let Ok(directory) = std::env::var(WRITER) {
        let folder = Folder(directory.into());
        let file = folder.file("killed");
        let counter = file.counter("count", "").unwrap();
        println!("writing");
        std::io::stdout().flush().unwrap();
        loop {
            counter.increment();
        }
    }
    let folder = Folder::new();
    let directory = folder.0.display();
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(WRITER, &folder.0)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(writer.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("writing")));

    let watching = format!("--json --interval 1ms --directory {directory}");
    let mut watcher = stat(&watching).stdout(Stdio::piped()).spawn().unwrap();
    let mut shown = BufReader::new(watcher.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&shown.next().unwrap().unwrap()).unwrap();
    for _ in 0..20 {
        let looked = next();
        assert_eq!((&looked["alive"], &looked["pid"]), (&true.into(), &writer.id().into()));
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    while next()["alive"] == true {}
    assert!(watcher.wait().unwrap().success());

    let removed = lines(&run(&format!("--clean --directory {directory}")));
    assert!(removed.contains("taut-killed.counters"), "{removed}");
    assert_eq!(lines(&run(&format!("--clean --directory {directory}"))), "");
}

#[test]
fn whoever_stops_reading_ends_it_quietly() {
    let folder = Folder::new();
    let _file = folder.file("unread");
    let line = format!("--plain --interval 1ms --directory {}", folder.0.display());
    let mut watcher = stat(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(watcher.stdout.take());
    let output = watcher.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
