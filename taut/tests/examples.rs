//! The examples run, on each driver: each ends by itself, asserts its own result and prints it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Examples that serve until they are stopped, or need an address.
const ENDLESS: [&str; 3] = ["autobahn", "echo_server", "hot_client"];

fn names() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let names = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    names.filter(|name| !ENDLESS.contains(&name.as_str())).collect()
}

/// Where cargo puts examples: beside the folder of this test's own program.
fn program(name: &str) -> PathBuf {
    let target = std::env::current_exe().unwrap();
    let program = target.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(program.exists(), "run `cargo test -p taut`, which builds the examples, too");
    program
}

fn run_all(driver: &str) {
    let names = names();
    assert!(names.len() >= 7, "{names:?}");
    // Where examples that write files by default may do so.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(driver);
    std::fs::create_dir_all(&folder).unwrap();
    for name in names {
        let mut command = Command::new(program(&name));
        let output = command.env("TAUT_DRIVER", driver).current_dir(&folder).output().unwrap();
        let (printed, failed) = (output.stdout, String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{name} on {driver}: {}\n{failed}", output.status);
        assert!(!printed.is_empty(), "{name} prints nothing");
    }
}

#[test]
fn every_example_succeeds_on_io_uring() {
    // `Auto` would do, but a host without io_uring is told of in `common`, by other tests.
    if taut::Runtime::builder().driver(taut::Driver::Uring).build().is_ok() {
        run_all("uring");
    }
}

#[test]
fn every_example_succeeds_on_epoll() {
    run_all("epoll");
}
