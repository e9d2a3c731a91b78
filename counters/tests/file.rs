//! Making a file, what counts in it, and what is left of both.

mod common;

use std::fs;
use std::sync::atomic::Ordering::Relaxed;

use common::{SPECS, file, name, options, snapshot};
use taut_counters::{
    Buckets, CounterFile, CounterFileErrorKind as ErrorKind, CounterFileOptions, CounterReader,
    Kind,
};

#[test]
fn a_user_s_values_are_read_by_their_labels() {
    let file = file("values");
    let (sent, open) = (file.counter("sent", "orders").unwrap(), file.gauge("open", "").unwrap());
    sent.add(5);
    sent.increment();
    open.set(9);
    open.subtract(2);
    open.add(1);
    let snapshot = snapshot(&file);
    let value = snapshot.value(0, "sent").unwrap();
    assert_eq!((value.number(), value.kind(), value.unit()), (Some(6), Kind::Counter, "orders"));
    assert_eq!(snapshot.number(0, "open"), Some(8));
    assert_eq!(snapshot.value(0, "open").unwrap().kind(), Kind::Gauge);
    assert_eq!(snapshot.value(0, "none").map(|value| value.label()), None);
}

#[test]
fn a_distribution_is_read_with_its_quantiles_and_what_was_too_high() {
    let file = file("distribution");
    let recording = file.recording("wire", "ns", Buckets::new(1, 1_000_000, 3).unwrap()).unwrap();
    (1..=1000).for_each(|value| recording.record(value));
    recording.record(u64::MAX);
    let snapshot = snapshot(&file);
    let wire = snapshot.distribution(0, "wire").unwrap();
    assert_eq!((wire.len(), wire.above()), (1001, 1));
    assert_eq!(wire.value_at_quantile(0.5), 501);
    assert!(wire.max() >= 1_000_000 && wire.max() < 1_001_000);
}

#[test]
fn a_label_has_one_writer_and_goes_on_with_the_next() {
    let file = file("writers");
    let sent = file.counter("sent", "").unwrap();
    sent.add(3);
    let refused = file.counter("sent", "").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InUse);
    drop(sent);
    let of_another_kind = file.gauge("sent", "").unwrap_err();
    assert_eq!(of_another_kind.kind(), ErrorKind::InUse);
    let sent = file.counter("sent", "").unwrap();
    sent.increment();
    assert_eq!(sent.get(), 4);
    assert_eq!(snapshot(&file).values().len(), 1);
}

#[test]
fn no_two_blocks_or_values_share_a_cache_line() {
    let file = file("lines");
    let blocks: Vec<_> = (0..8).map(|_| file.block("core", SPECS).unwrap()).collect();
    let counters: Vec<_> = (0..8).map(|i| file.counter(&format!("c{i}"), "").unwrap()).collect();
    let line = |word: &std::sync::atomic::AtomicU64| std::ptr::from_ref(word).addr() / 64;
    let mut lines: Vec<usize> = Vec::new();
    for block in &blocks {
        let mut own: Vec<usize> = block.words().iter().map(line).collect();
        own.dedup();
        lines.extend(own);
    }
    let in_blocks = lines.len();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), in_blocks);
    for (index, counter) in counters.iter().enumerate() {
        counter.add(index as u64 + 1);
    }
    // Where they lie in the file is where they lie in memory, up to a page.
    let bytes = fs::read(file.path()).unwrap();
    let found = |value: u64| {
        let at = bytes.chunks_exact(64).position(|line| {
            line[..8] == value.to_ne_bytes() && line[8..].iter().all(|byte| *byte == 0)
        });
        at.is_some()
    };
    assert!((1..=8).all(found), "each alone at the start of a line");
}

#[test]
fn a_block_keeps_its_last_values_until_it_is_the_oldest_to_be_used_anew() {
    let options = CounterFileOptions { cores_max: 2, ..options("blocks") };
    let file = CounterFile::create(options).unwrap();
    let first = file.block("feed", SPECS).unwrap();
    first.words()[0].store(7, Relaxed);
    let owner = first.owner();
    let turns = first.recording("turn", "ns", Buckets::new(1, 1000, 1).unwrap()).unwrap();
    turns.record(5);
    drop((first, turns));
    let second = file.block("gateway", SPECS).unwrap();
    assert_ne!(second.owner(), owner, "a fresh one first");
    let left = snapshot(&file);
    assert_eq!((left.name(owner), left.number(owner, "turns")), (Some("feed"), Some(7)));
    assert_eq!(left.distribution(owner, "turn").unwrap().len(), 1);

    let third = file.block("strategy", SPECS).unwrap();
    assert_eq!(third.owner(), owner);
    let anew = snapshot(&file);
    assert_eq!((anew.name(owner), anew.number(owner, "turns")), (Some("strategy"), Some(0)));
    assert!(anew.distribution(owner, "turn").unwrap().is_empty());

    let refused = file.block("one more", SPECS).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Limit);
    assert!(refused.to_string().contains("cores_max of 2"), "{refused}");
}

#[test]
fn each_limit_is_an_error_that_names_it() {
    let options = CounterFileOptions {
        counters_max: 2,
        recorders_max: 2,
        recorder_bytes_max: 64 << 10,
        ..options("limits")
    };
    let file = CounterFile::create(options).unwrap();
    let _held = [file.counter("a", "").unwrap(), file.counter("b", "").unwrap()];
    let refused = file.gauge("c", "").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Limit);
    assert!(refused.to_string().contains("counters_max of 2"), "{refused}");

    let (small, large) =
        (Buckets::new(1, 100, 1).unwrap(), Buckets::new(1, 60_000_000_000, 3).unwrap());
    let refused = file.recording("large", "ns", large).unwrap_err();
    assert!(refused.to_string().contains("recorder_bytes_max of 65536"), "{refused}");
    let _held = ["d", "e"].map(|label| file.recording(label, "ns", small).unwrap());
    let refused = file.recording("f", "ns", small).unwrap_err();
    assert!(refused.to_string().contains("recorders_max of 2"), "{refused}");
}

#[test]
fn all_that_the_limits_allow_fits() {
    let recorder_bytes = 8192;
    let options = CounterFileOptions {
        cores_max: 3,
        counters_max: 5,
        recorders_max: 4,
        recorder_bytes_max: 4 * recorder_bytes,
        ..options("full")
    };
    let file = CounterFile::create(options).unwrap();
    let buckets = Buckets::new(1, 1 << 20, 1).unwrap();
    assert!((buckets.counts() as u64 + 1) * 8 <= recorder_bytes);
    // In turns, so that every change of alignment leaves a gap.
    let mut held: Vec<Box<dyn std::fmt::Debug>> = Vec::new();
    for index in 0..5 {
        held.push(Box::new(file.counter(&format!("c{index}"), "").unwrap()));
        if index < 4 {
            held.push(Box::new(file.recording(&format!("r{index}"), "", buckets).unwrap()));
        }
        if index < 3 {
            held.push(Box::new(file.block("core", SPECS).unwrap()));
        }
    }
    let snapshot = snapshot(&file);
    assert_eq!(snapshot.values().len(), 5 + 4 + 3 * (SPECS.len() + 1));
    assert_eq!(snapshot.damaged_records(), 0);
}

#[test]
fn a_name_or_label_that_can_t_be_is_refused() {
    for name in ["", "a/b", "a b", "é", &"x".repeat(65), "a\0b"] {
        let options = CounterFileOptions { name: name.to_owned(), ..Default::default() };
        assert_eq!(CounterFile::create(options).unwrap_err().kind(), ErrorKind::Name, "{name:?}");
    }
    let file = file("labels");
    for label in ["", &"x".repeat(65), "a\u{1b}[2J", "a\0b", "a\nb"] {
        assert_eq!(file.counter(label, "").unwrap_err().kind(), ErrorKind::Name, "{label:?}");
    }
    assert_eq!(file.counter("a", &"u".repeat(17)).unwrap_err().kind(), ErrorKind::Name);
    let _longest = file.counter(&"é".repeat(32), &"u".repeat(16)).unwrap();
    assert!(snapshot(&file).value(0, &"é".repeat(32)).is_some());
}

#[test]
fn a_folder_that_writes_pages_back_is_refused_unless_it_is_asked_for() {
    // The folder of the build is on a disk; where it is on tmpfs there is nothing to refuse.
    let directory = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let options = CounterFileOptions { directory, ..options("disk") };
    match CounterFile::create(options.clone()) {
        Ok(file) => eprintln!("SKIPPED: {} is on tmpfs", file.path().display()),
        Err(refused) => {
            assert_eq!(refused.kind(), ErrorKind::FileSystem, "{refused}");
            assert!(refused.to_string().contains("/dev/shm"), "{refused}");
        }
    }
    // Some file systems have no unnamed files, or none that are reserved: that is refused, too.
    match CounterFile::create(CounterFileOptions { any_file_system: true, ..options }) {
        Ok(file) => {
            file.counter("a", "").unwrap().increment();
            assert_eq!(snapshot(&file).number(0, "a"), Some(1));
        }
        Err(refused) => assert_eq!(refused.kind(), ErrorKind::FileSystem, "{refused}"),
    }
}

#[test]
fn a_folder_that_is_missing_is_refused() {
    let options = CounterFileOptions { directory: "/dev/shm/none".into(), ..options("missing") };
    assert_eq!(CounterFile::create(options).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn the_name_of_a_living_process_is_refused() {
    let options = options("alive");
    let first = CounterFile::create(options.clone()).unwrap();
    let refused = CounterFile::create(options.clone()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InUse);
    assert!(first.path().exists());
    drop(first);
    CounterFile::create(options).unwrap();
}

#[test]
fn the_file_goes_with_the_last_that_counts_in_it() {
    let file = file("last");
    let path = file.path().to_owned();
    let counter = file.counter("a", "").unwrap();
    drop(file);
    assert!(path.exists());
    drop(counter);
    assert!(!path.exists());
}

#[test]
fn a_file_that_is_kept_is_read_after_its_end_and_replaced_by_the_next() {
    let options = CounterFileOptions { keep: true, ..options("kept") };
    let file = CounterFile::create(options.clone()).unwrap();
    file.counter("a", "").unwrap().add(2);
    let path = file.path().to_owned();
    drop(file);
    let mut reader = CounterReader::open(&path).unwrap();
    assert!(!reader.has_writer());
    let left = reader.snapshot().unwrap();
    assert!(left.is_closed());
    assert_eq!(left.number(0, "a"), Some(2));

    let next = CounterFile::create(CounterFileOptions { keep: false, ..options }).unwrap();
    assert!(snapshot(&next).values().is_empty());
    assert_eq!(reader.snapshot().unwrap().number(0, "a"), Some(2), "the old one is still open");
    drop(next);
    assert!(!path.exists());
}

#[test]
fn what_is_no_counter_file_is_not_replaced() {
    let options = options("foreign");
    let path = options.directory.join(format!("taut-{}.counters", options.name));
    fs::write(&path, "somebody's letters").unwrap();
    let refused = CounterFile::create(options).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotACounterFile);
    assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's letters");
    fs::remove_file(path).unwrap();
}

#[test]
fn of_many_that_want_the_name_of_a_dead_process_one_gets_it() {
    let options = CounterFileOptions { keep: true, ..options("race") };
    let path = CounterFile::create(options.clone()).unwrap().path().to_owned();
    let options = CounterFileOptions { keep: false, ..options };
    let gone = std::sync::Barrier::new(8);
    let made = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let file = CounterFile::create(options.clone());
                    gone.wait();
                    file.is_ok()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(|made| *made).count()
    });
    assert_eq!(made, 1);
    assert!(!path.exists());
}

#[test]
fn the_default_name_has_the_process_id() {
    let name = CounterFileOptions::default().name;
    assert!(name.ends_with(&format!("-{}", std::process::id())), "{name}");
}

#[test]
fn files_of_living_processes_are_found_in_their_folder() {
    let folder = std::path::Path::new("/dev/shm").join(name("folder"));
    fs::create_dir(&folder).unwrap();
    let options = |name: &str, keep| CounterFileOptions {
        name: name.to_owned(),
        directory: folder.clone(),
        keep,
        ..Default::default()
    };
    let alive = CounterFile::create(options("alive", false)).unwrap();
    drop(CounterFile::create(options("dead", true)).unwrap());
    fs::write(folder.join("taut-none.counters"), "none").unwrap();
    let found = CounterReader::open_all(&folder).unwrap();
    let names: Vec<String> = found.iter().map(CounterReader::name).collect();
    assert_eq!(names, ["alive"]);
    assert_eq!(found[0].pid(), u64::from(std::process::id()));
    drop(alive);
    fs::remove_dir_all(folder).unwrap();
}
