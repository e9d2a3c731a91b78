//! What every peer does alike to be measured by `taut-bench` (the contract is
//! `bench/SUBJECTS.md`): its command line, its core, its announcement, its end, what it has
//! received, and the loop that answers requests for works.
//!
//! Nothing in here runs while something is measured, except two readings of the clock a batch, and
//! a store that nobody waits for at each receive.

pub mod cores;
mod feed;
#[path = "../../../src/order/text.rs"]
pub mod order;
pub mod orders;
mod works;

use std::fmt::Display;
use std::io::{self, BufRead, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::exit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde_json::{Value, json};

pub use feed::serve_feed;
pub use works::{Executor, Work, batches, blocking, serve_works, task, yield_by_waking};

/// What is asked of the kernel for the socket of [`datagrams`]; it grants what the host allows.
const DATAGRAM_BUFFER_BYTES: usize = 4 << 20;

/// What [`received`] has added up.
static RECEIVED: AtomicU64 = AtomicU64::new(0);

/// What a peer says about itself: the library's version and, in words, every setting that was
/// chosen for it.
#[derive(Debug)]
pub struct About {
    /// Such as `tokio 1.54.1`: see [`version_of`].
    pub version: String,
    /// In words, for the report.
    pub settings: String,
}

/// The command line, understood.
#[derive(Debug)]
pub struct Command {
    /// One of the modes that were given to [`start`].
    pub mode: &'static str,
    /// The core that this thread is pinned to by now.
    pub core: usize,
    /// The second core of the role `cores`, which is the other thread's to pin to.
    pub other_core: usize,
}

/// Reads the command line `MODE --core N`, where a mode is one of `modes` (a mode of two words is
/// two arguments), and pins this thread and all that it starts to the core. Modes that begin with
/// `cores` have `--cores A,B` instead; this thread gets the first of them.
///
/// It is to be called first. Bad arguments and a core that can't be had end the process.
#[must_use]
pub fn start(modes: &'static [&'static str]) -> Command {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((mode, core, other_core)) = understood(&arguments, modes) else {
        fail(format_args!("usage: {} --core N, or --cores A,B", modes.join("|")));
    };
    pin_to(core);
    allow_many_connections();
    Command { mode, core, other_core }
}

/// Pins the calling thread; where that can't be done the process ends.
fn pin_to(core: usize) {
    let mut only = CpuSet::new();
    if core >= CpuSet::MAX_CPU {
        fail(format_args!("no core {core}: the highest is {}", CpuSet::MAX_CPU - 1));
    }
    only.set(core);
    if let Err(error) = sched_setaffinity(None, &only) {
        fail(format_args!("can't pin to core {core}: {error}"));
    }
}

fn understood(
    arguments: &[String],
    modes: &[&'static str],
) -> Option<(&'static str, usize, usize)> {
    let [words @ .., option, cores] = arguments else { return None };
    let words = words.join(" ");
    let mode = modes.iter().find(|mode| **mode == words)?;
    let (core, other_core) = match (option.as_str(), mode.starts_with("cores")) {
        ("--core", false) => (cores.as_str(), cores.as_str()),
        ("--cores", true) => cores.split_once(',')?,
        _ => return None,
    };
    Some((mode, core.parse().ok()?, other_core.parse().ok()?))
}

/// The soft limit of open files is 1024 on most systems, the harness opens up to 10 000
/// connections. Where the hard limit is lower, accepting says so.
fn allow_many_connections() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        fail(format_args!("can't raise the limit of open files: {error}"));
    }
}

/// One sentence on stderr, and the end of the process with status 1.
pub fn fail(problem: impl Display) -> ! {
    eprintln!("{problem}");
    exit(1);
}

/// The value, or the end of the process with a sentence that starts with `what` was tried.
pub fn require<T>(what: &str, result: Result<T, impl Display>) -> T {
    result.unwrap_or_else(|error| fail(format_args!("{what}: {error}")))
}

/// A connection that was accepted, or `None` where it was lost on the way and the next one is to be
/// waited for. Any other error ends the process: a server that can't accept is not measured.
pub fn accepted<T>(result: io::Result<T>) -> Option<T> {
    match result {
        Ok(connection) => Some(connection),
        Err(error) if is_passing(error.kind()) => None,
        Err(error) => fail(format_args!("can't accept a connection: {error}")),
    }
}

fn is_passing(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}

/// Adds to what the line `count` is answered with. One thread alone may call it: that makes it two
/// plain moves and an addition.
#[inline]
pub fn received(amount: usize) {
    let total = RECEIVED.load(Ordering::Relaxed) + amount as u64;
    RECEIVED.store(total, Ordering::Relaxed);
}

/// The socket of the role `udp-sink`, which blocks: the kernel chooses its port.
///
/// # Errors
///
/// What binding and asking for its buffer fail with.
pub fn datagrams() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(("127.0.0.1", 0))?;
    set_socket_recv_buffer_size(&socket, DATAGRAM_BUFFER_BYTES)?;
    Ok(socket)
}

/// Announces a server of connections that listens; see [`announce_datagrams`].
pub fn announce_server(listening: SocketAddr, about: &About) {
    listen(&listening.to_string(), about);
}

/// Announces a server of TLS, which shows the certificate in that file; see [`announce_server`].
pub fn announce_encrypted(listening: SocketAddr, certificate: &Path, about: &About) {
    answer_on_a_thread();
    announce(&json!({
        "listening": listening.to_string(),
        "certificate": certificate,
        "version": about.version,
        "settings": about.settings,
    }));
}

/// Announces a server of datagrams, answers each line `count` with what has been [`received`], and
/// ends the process with status 0 as soon as stdin reaches its end.
///
/// A thread waits for the lines and the end. It sleeps in `read` and shares the server's core.
pub fn announce_datagrams(listening: SocketAddr, about: &About) {
    listen(&format!("udp:{listening}"), about);
}

fn answer_on_a_thread() {
    let thread = thread::Builder::new().name("stdin".to_owned()).spawn(answer);
    require("can't start the thread that reads stdin", thread);
}

fn listen(listening: &str, about: &About) {
    answer_on_a_thread();
    announce(&json!({
        "listening": listening,
        "version": about.version,
        "settings": about.settings,
    }));
}

fn answer() {
    for line in io::stdin().lock().lines() {
        let line = require("can't read stdin", line);
        if line != "count" {
            fail(format_args!("a server is asked for its count, not {line:?}"));
        }
        print_line(RECEIVED.load(Ordering::Relaxed));
    }
    exit(0)
}

fn announce(line: &Value) {
    print_line(line);
}

fn print_line(line: impl Display) {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    require("can't write to stdout", written);
}

/// A package of this workspace's lock file with its version, such as `tokio 1.54.1`; the newest
/// where others of its dependencies want an older one, too.
///
/// # Panics
///
/// Where the lock file has no such package.
#[must_use]
pub fn version_of(package: &str) -> String {
    let lock = include_str!("../../Cargo.lock");
    let entry = format!("name = \"{package}\"\nversion = \"");
    let (_, rest) = lock.rsplit_once(&entry).expect("the package is in the lock file");
    let (version, _) = rest.split_once('"').expect("a version ends with a quotation mark");
    format!("{package} {version}")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::{RECEIVED, datagrams, received, understood, version_of};

    fn parsed(line: &str) -> Option<(&'static str, usize, usize)> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        understood(&arguments, &["echo", "echo spin", "micro", "cores"])
    }

    #[test]
    fn a_mode_may_have_two_words() {
        assert_eq!(parsed("echo --core 0"), Some(("echo", 0, 0)));
        assert_eq!(parsed("echo spin --core 12"), Some(("echo spin", 12, 12)));
        assert_eq!(parsed("cores --cores 2,3"), Some(("cores", 2, 3)));
    }

    #[test]
    fn anything_else_is_refused() {
        for line in ["", "echo", "--core 1", "spin --core 1", "echo --core", "echo --core one"] {
            assert_eq!(parsed(line), None, "{line}");
        }
        for line in
            ["micro extra --core 1", "cores --core 1", "cores --cores 1", "echo --cores 1,2"]
        {
            assert_eq!(parsed(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_received_adds_up() {
        received(3);
        received(4);
        assert_eq!(RECEIVED.load(Ordering::Relaxed), 7);
    }

    #[test]
    fn the_socket_for_datagrams_is_on_loopback_and_blocks() {
        let socket = datagrams().expect("a socket");
        let address = socket.local_addr().expect("an address");
        assert!(address.ip().is_loopback() && address.port() != 0, "{address}");
        socket.send_to(b"tick", address).expect("a datagram is sent");
        assert_eq!(socket.recv(&mut [0; 8]).expect("it comes"), 4);
    }

    #[test]
    fn a_version_comes_from_the_lock_file() {
        assert_eq!(version_of("subject"), concat!("subject ", env!("CARGO_PKG_VERSION")));
    }
}
