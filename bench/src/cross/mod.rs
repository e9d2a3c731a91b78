//! Our own subjects in the role `cores`: what a message from one core to another takes.
//!
//! `taut-bench cross KIND --cores A,B` reads requests from standard input and answers each with the
//! times of its batches; see `bench/SUBJECTS.md`. The main thread has core A and the clock, a
//! second thread (of `shm-spsc`, a second process) has core B and answers it.
//!
//! | file | idea |
//! |---|---|
//! | `request` | what is asked for, and the loop that times it |
//! | `partner` | the thread on the other core |
//! | `tally` | system calls, allocations and faults of both while it is timed |
//! | `scatter` | memory that lies somewhere else each time |
//! | `ends` | what all rings have in common |
//! | `raw_ring` | the least that a ring needs |
//! | `floor` | the same by raw atomics |
//! | `futex` | a wake by a raw futex |
//! | `rings` | the rings of the runtime |
//! | `shared` | those between two processes |
//!
//! Invariant: each request makes its rings anew, in other memory than the one before: which cache
//! lines a ring gets decides a fifth of its latency, and must not decide a run.

pub(crate) mod ends;
mod floor;
mod futex;
mod partner;
pub(crate) mod raw_ring;
mod request;
mod rings;
mod scatter;
mod shared;
mod tally;

use clap::{Args, ValueEnum};

use crate::harness::cores;
use crate::harness::host::parse_whole_list;
use crate::subject::{Announcement, answer_lines, spaced};
use partner::Partner;
use request::Request;
pub(crate) use shared::{FarOptions, run_far};
use tally::Tally;

/// The kinds of subject, by the names of their series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CrossKind {
    /// Two raw atomic words, each in a cache line of its own.
    Floor,
    /// A thread that sleeps in a raw futex, woken by one that spins.
    FutexWake,
    /// A ring with one sender by its forms that don't wait, between plain threads.
    SpscTry,
    /// A ring with one sender between two runtimes on io_uring, both spinning.
    SpscSpin,
    /// The same on epoll.
    SpscSpinEpoll,
    /// A ring with many senders, of which one sends.
    MpscSpin,
    /// A ring to many receivers that waits for the slowest of them, with one receiver.
    Broadcast,
    /// The same, but it waits for nobody.
    BroadcastLossy,
    /// A ring with one sender between two processes, each with a runtime on io_uring that spins.
    ShmSpsc,
    /// A ring with one sender whose receiver's core sleeps in the kernel, on io_uring.
    SpscPark,
    /// The same on epoll.
    SpscParkEpoll,
}

impl CrossKind {
    pub(crate) const ALL: [Self; 11] = [
        Self::Floor,
        Self::SpscTry,
        Self::SpscSpin,
        Self::SpscSpinEpoll,
        Self::MpscSpin,
        Self::Broadcast,
        Self::BroadcastLossy,
        Self::ShmSpsc,
        Self::FutexWake,
        Self::SpscPark,
        Self::SpscParkEpoll,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::FutexWake => "futex-wake",
            Self::SpscTry => "spsc-try",
            Self::SpscSpin => "spsc-spin",
            Self::SpscSpinEpoll => "spsc-spin-epoll",
            Self::MpscSpin => "mpsc-spin",
            Self::Broadcast => "broadcast",
            Self::BroadcastLossy => "broadcast-lossy",
            Self::ShmSpsc => "shm-spsc",
            Self::SpscPark => "spsc-park",
            Self::SpscParkEpoll => "spsc-park-epoll",
        }
    }
}

/// The command line of `cross`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Which subject.
    kind: CrossKind,

    /// The two cores that it runs on.
    #[arg(long, value_name = "A,B")]
    cores: String,
}

/// Does what a request asks for.
type Work = Box<dyn FnMut(&Request, &mut Tally) -> Result<Vec<u64>, String>>;

/// What one kind of subject offers.
struct Offer {
    settings: String,
    works: Vec<(&'static str, Work)>,
}

/// Answers until standard input ends.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let &[here, there] = parse_whole_list(&options.cores)?.as_slice() else {
        return Err(format!("--cores {}: name two different cores", options.cores));
    };
    cores::pin(here)?;
    let mut offer = offer(options.kind, here, there)?;
    let mut works: Vec<String> = offer.works.iter().map(|(name, _)| (*name).to_owned()).collect();
    works.push(tally::COUNTS.to_owned());
    Announcement {
        works,
        version: format!("taut-bench {}", env!("CARGO_PKG_VERSION")),
        settings: offer.settings.clone(),
        ..Announcement::default()
    }
    .print()?;
    let mut tally = Tally::default();
    answer_lines(|line| answer(&mut offer, &mut tally, line))
}

fn offer(kind: CrossKind, here: usize, there: usize) -> Result<Offer, String> {
    if kind == CrossKind::ShmSpsc {
        return shared::offer(here, there);
    }
    let partner = Partner::start(there)?;
    match kind {
        CrossKind::Floor => Ok(floor::offer(partner)),
        CrossKind::FutexWake => Ok(futex::offer(partner)),
        CrossKind::SpscTry => Ok(rings::without_runtime(partner)),
        kind => rings::offer(kind, here, partner),
    }
}

fn answer(offer: &mut Offer, tally: &mut Tally, line: &str) -> Result<String, String> {
    if line.trim() == tally::COUNTS {
        return Ok(spaced(&tally.take()));
    }
    let (name, request) = Request::parse(line)?;
    let mut works = offer.works.iter_mut();
    let work = works.find(|(known, _)| *known == name);
    let (_, work) = work.ok_or_else(|| format!("{line:?} asks for none of the works"))?;
    Ok(spaced(&work(&request, tally)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On threads of their own: a subject pins the one that it runs on.
    fn on_a_thread<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(call).join().unwrap()
    }

    fn do_everything(kind: CrossKind, near: usize, far: usize) -> Result<(), String> {
        cores::pin(near)?;
        let mut offer = offer(kind, near, far)?;
        let mut tally = Tally::default();
        for index in 0..offer.works.len() {
            let name = offer.works[index].0;
            let times = answer(&mut offer, &mut tally, &format!("{name} 3 2 1000"))?;
            assert_eq!(times.split_whitespace().count(), 3, "{name}");
            let counts = answer(&mut offer, &mut tally, tally::COUNTS)?;
            assert!(counts.starts_with("8 "), "{name} counts its operations: {counts}");
        }
        Ok(())
    }

    #[test]
    fn every_kind_that_this_host_has_does_every_work_that_it_offers() {
        let cores = cores::Cores::choose(None, None).unwrap();
        if cores.server == cores.client {
            println!("skipped: this process may use one core, and two threads that spin need two");
            return;
        }
        // Its far side is this program, which a test is not; the workload's own test runs it.
        for kind in CrossKind::ALL.into_iter().filter(|kind| *kind != CrossKind::ShmSpsc) {
            let done = on_a_thread(move || do_everything(kind, cores.server, cores.client));
            if let Err(reason) = done {
                assert!(!kind.name().contains("epoll"), "every host has epoll: {reason}");
                println!("skipped: {}: {reason}", kind.name());
            }
        }
    }

    #[test]
    fn a_line_that_is_no_request_is_an_error_that_repeats_it() {
        let nothing = || Offer { settings: String::new(), works: Vec::new() };
        for line in ["", "ping_pong", "ping_pong 1 1", "ping_pong 1 x 0", "ping_pong 1 1 0"] {
            let error = answer(&mut nothing(), &mut Tally::default(), line).unwrap_err();
            assert!(error.contains(&format!("{line:?}")), "{error}");
        }
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        for kind in CrossKind::ALL {
            let value = kind.to_possible_value().map(|value| value.get_name().to_owned());
            assert_eq!(value.as_deref(), Some(kind.name()));
        }
    }
}
