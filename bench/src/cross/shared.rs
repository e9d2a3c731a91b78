//! A ring between two processes: the far side is one of its own, started by the near one.
//!
//! `taut-bench cross-far --core B` answers each line `WORK PAGE RING...` of its standard input with
//! `ready`, once it has taken its ends of the rings, and with `done` when the near side has dropped
//! those of its own. The rings are memfds, found by their paths under `/proc`. Between lines it
//! sleeps in `read`, and it ends with its standard input.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;

use clap::Args;
use taut::cores::shared_memory::{Kind, Options, Reader, Ring, Writer};
use taut::{Driver, Runtime, WaitStrategy};

use super::ends::{OneWay, Packet, PingPong, Receiving, Sending, echo, sink};
use super::rings::{CAPACITY, runtime};
use super::tally::Marks;
use super::{Offer, Work};
use crate::harness::cores;
use crate::subject::this_program;
use crate::sys;

/// The command line of `cross-far`.
#[derive(Args, Clone, Debug)]
pub(crate) struct FarOptions {
    /// The core that it runs on.
    #[arg(long)]
    core: usize,
}

/// The other process, until this is dropped.
#[derive(Debug)]
struct FarProcess {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl FarProcess {
    fn start(core: usize) -> Result<Self, String> {
        let problem = |error| format!("the process on the far core did not start: {error}");
        let mut command = Command::new(this_program()?);
        command.args(["cross-far", "--core", &core.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        sys::die_with_this_thread(&mut command);
        let mut child = command.spawn().map_err(problem)?;
        // Invariant: both were asked for as pipes.
        let input = child.stdin.take().expect("a piped standard input");
        let output = BufReader::new(child.stdout.take().expect("a piped standard output"));
        let mut far = Self { child, input, output };
        far.expect("ready")?;
        Ok(far)
    }

    fn ask(&mut self, line: &str) -> Result<(), String> {
        writeln!(self.input, "{line}")
            .map_err(|error| format!("the process on the far core is gone: {error}"))?;
        self.expect("ready")
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(_) if line.trim() == word => Ok(()),
            Ok(_) => Err(format!("the process on the far core said {line:?}, not {word}")),
            Err(error) => Err(format!("the process on the far core broke off: {error}")),
        }
    }
}

impl Drop for FarProcess {
    fn drop(&mut self) {
        // Where it has ended already both are errors that say nothing new.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where another process of the same user finds an open file.
fn path_of(file: impl AsFd) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_fd().as_raw_fd())
}

/// A ring for messages of that type, in a file of its own.
fn ring<M>() -> Result<Ring, String> {
    let options = Options::new(Kind::Spsc, size_of::<M>(), CAPACITY);
    Ring::create_unnamed(&options).map_err(|error| error.to_string())
}

/// What the near side offers.
pub(super) fn offer(near: usize, far: usize) -> Result<Offer, String> {
    let runtime = Rc::new(runtime(near, Driver::Uring, WaitStrategy::Spin)?);
    let far = Rc::new(RefCell::new(FarProcess::start(far)?));
    let works = vec![
        ("ping_pong", ping_pong(Rc::clone(&runtime), Rc::clone(&far))),
        ("stream", stream(runtime, far)),
    ];
    let settings = format!(
        "two processes, Uring driver, both cores Spin, a memfd for {CAPACITY}, send and recv of \
         values by await"
    );
    Ok(Offer { settings, works })
}

fn ping_pong(runtime: Rc<Runtime>, far: Rc<RefCell<FarProcess>>) -> Work {
    Box::new(move |request, tally| {
        let (there, back) = (ring::<u64>()?, ring::<u64>()?);
        let marks = Marks::new(syscalls)?;
        let sender = there.writer().map_err(|error| error.to_string())?;
        let receiver = back.reader().map_err(|error| error.to_string())?;
        let mut far = far.borrow_mut();
        let files = [path_of(marks.file()), path_of(&there), path_of(&back)];
        far.ask(&format!("ping_pong {}", files.join(" ")))?;
        let mut exchange = PingPong::new(sender, receiver);
        let times = runtime.block_on(request.timed(&mut exchange, &marks, tally))?;
        drop(exchange);
        far.expect("done")?;
        Ok(times)
    })
}

fn stream(runtime: Rc<Runtime>, far: Rc<RefCell<FarProcess>>) -> Work {
    Box::new(move |request, tally| {
        let there = ring::<Packet>()?;
        let marks = Marks::new(syscalls)?;
        let sender = there.writer().map_err(|error| error.to_string())?;
        let mut far = far.borrow_mut();
        far.ask(&format!("stream {} {}", path_of(marks.file()), path_of(&there)))?;
        let mut exchange = OneWay::<_, Packet>::new(sender, &marks);
        let times = runtime.block_on(request.timed(&mut exchange, &marks, tally))?;
        drop(exchange);
        far.expect("done")?;
        Ok(times)
    })
}

fn syscalls() -> u64 {
    taut::counters().syscalls
}

/// The far side, until its standard input ends.
pub(crate) fn run_far(options: &FarOptions) -> Result<(), String> {
    cores::pin(options.core)?;
    let runtime = runtime(options.core, Driver::Uring, WaitStrategy::Spin)?;
    say("ready")?;
    for line in stdin().lock().lines() {
        let line = line.map_err(|error| format!("standard input broke off: {error}"))?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["ping_pong", page, there, back] => {
                let marks = Marks::open(Path::new(page), syscalls)?;
                let (arrivals, returns) = (reader(there)?, writer(back)?);
                say("ready")?;
                runtime.block_on(echo(arrivals, returns, &marks));
            }
            ["stream", page, there] => {
                let marks = Marks::open(Path::new(page), syscalls)?;
                let arrivals = reader(there)?;
                say("ready")?;
                runtime.block_on(sink::<Packet>(arrivals, &marks));
            }
            _ => return Err(format!("{line:?} is no work between processes")),
        }
        say("done")?;
    }
    Ok(())
}

fn say(word: &str) -> Result<(), String> {
    let mut out = stdout().lock();
    let said = writeln!(out, "{word}").and_then(|()| out.flush());
    said.map_err(|error| format!("the near process is gone: {error}"))
}

fn open(path: &str) -> Result<Ring, String> {
    let file = OpenOptions::new().read(true).write(true).open(path);
    let file = file.map_err(|error| format!("the ring {path} could not be opened: {error}"))?;
    Ring::from_fd(file.into()).map_err(|error| format!("{path}: {error}"))
}

fn reader(path: &str) -> Result<Reader, String> {
    open(path)?.reader().map_err(|error| format!("{path}: {error}"))
}

fn writer(path: &str) -> Result<Writer, String> {
    open(path)?.writer().map_err(|error| format!("{path}: {error}"))
}

/// Plain values in and out, for both types of message.
macro_rules! ends {
    ($message:ty) => {
        impl Sending<$message> for Writer {
            #[inline]
            async fn send(&mut self, message: $message) -> bool {
                Self::send(self, &message).await.is_ok()
            }
        }

        impl Receiving<$message> for Reader {
            #[inline]
            async fn receive(&mut self) -> Option<$message> {
                self.recv().await.ok()
            }
        }
    };
}

ends!(u64);
ends!(Packet);
