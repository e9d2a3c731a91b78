//! What the tests share: names of their own, and bytes that pass for a file.

#![allow(dead_code, reason = "every test file uses its own part")]

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use taut_counters::{CounterFile, CounterFileOptions, CounterReader, Kind, Snapshot, Spec};

pub(crate) const SPECS: &[Spec] = &[
    Spec { label: "turns", kind: Kind::Counter, unit: "" },
    Spec { label: "tasks_live", kind: Kind::Gauge, unit: "" },
    Spec { label: "heartbeat_ns", kind: Kind::Timestamp, unit: "ns" },
];

/// A name that nobody else uses.
pub(crate) fn name(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test-{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn options(what: &str) -> CounterFileOptions {
    CounterFileOptions { name: name(what), ..Default::default() }
}

pub(crate) fn file(what: &str) -> CounterFile {
    CounterFile::create(options(what)).unwrap()
}

pub(crate) fn snapshot(file: &CounterFile) -> Snapshot {
    CounterReader::open(file.path()).unwrap().snapshot().unwrap()
}

/// A file of these bytes under a name that is removed with it.
pub(crate) struct Bytes(pub(crate) PathBuf);

impl Bytes {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let path = PathBuf::from("/dev/shm").join(name("bytes"));
        fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
