//! Stamps the compiler's version, the git commit, the target and the profile into the binary, so
//! that a report says what was measured even where the binary was copied to another host. None of
//! them is needed to build.

use std::path::Path;
use std::process::Command;

fn main() {
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    stamp("TAUT_BENCH_RUSTC", output(&compiler, &["--version"]));
    stamp("TAUT_BENCH_COMMIT", commit());
    stamp("TAUT_BENCH_TARGET", std::env::var("TARGET").ok());
    stamp("TAUT_BENCH_PROFILE", profile());
    // A path that does not exist would make cargo run this script every time.
    for path in ["src", "../runtime/src", "../net/src", "../taut/src", "../Cargo.lock"] {
        watch(path);
    }
    if let Some(log) = output("git", &["rev-parse", "--git-path", "logs/HEAD"]) {
        watch(&log);
    }
}

/// `release` also stands for every profile that inherits from it, so the level goes with it.
fn profile() -> Option<String> {
    let [name, level] = ["PROFILE", "OPT_LEVEL"].map(std::env::var);
    Some(format!("{}, opt-level {}", name.ok()?, level.ok()?))
}

fn commit() -> Option<String> {
    let commit = output("git", &["rev-parse", "--short=12", "HEAD"])?;
    let changed = output("git", &["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit} with uncommitted changes") })
}

fn stamp(name: &str, value: Option<String>) {
    println!("cargo:rustc-env={name}={}", value.unwrap_or_else(|| "unknown".to_owned()));
}

fn watch(path: &str) {
    if Path::new(path).exists() {
        println!("cargo:rerun-if-changed={path}");
    }
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
