//! Our own subjects in the role `micro`: what tasks, channels and timers cost inside one thread.
//!
//! `taut-bench work KIND` reads lines of work from standard input and answers each with the times
//! of its batches; see `bench/SUBJECTS.md`. The floors do the same without any runtime.

pub(crate) mod floor;
pub(crate) mod on_taut;

use clap::{Args, ValueEnum};

use crate::harness::cores;
use crate::subject::{Announcement, answer_lines, spaced};

/// The kinds of subject, by the names of their series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WorkKind {
    /// The same by hand, without a runtime; its sleeps spin.
    Floor,
    /// The kernel's sleep.
    Nanosleep,
    /// The runtime on io_uring, spinning.
    Taut,
    /// The runtime on epoll, spinning.
    TautEpoll,
    /// The runtime on io_uring, sleeping in the kernel when idle.
    TautPark,
    /// The same on epoll.
    TautEpollPark,
}

impl WorkKind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Floor,
        Self::Nanosleep,
        Self::Taut,
        Self::TautEpoll,
        Self::TautPark,
        Self::TautEpollPark,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Nanosleep => "nanosleep",
            Self::Taut => "taut",
            Self::TautEpoll => "taut-epoll",
            Self::TautPark => "taut-park",
            Self::TautEpollPark => "taut-epoll-park",
        }
    }
}

/// The command line of `work`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Which subject.
    kind: WorkKind,

    /// The core that it runs on.
    #[arg(long)]
    core: usize,
}

/// One batch of so many operations: its time in ns.
pub(crate) type Batch = Box<dyn FnMut(u64) -> Result<u64, String>>;

/// What one kind of subject offers.
pub(crate) struct Offer {
    pub(crate) settings: String,
    pub(crate) works: Vec<(&'static str, Batch)>,
}

/// Answers until standard input ends.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    cores::pin(options.core)?;
    answer_all(match options.kind {
        WorkKind::Floor => floor::spinning(),
        WorkKind::Nanosleep => floor::nanosleep(),
        kind => on_taut::offer(kind, options.core)?,
    })
}

/// Announces the works, and does those that standard input asks for until it ends.
pub(crate) fn answer_all(mut offer: Offer) -> Result<(), String> {
    Announcement {
        works: offer.works.iter().map(|(name, _)| (*name).to_owned()).collect(),
        version: format!("taut-bench {}", env!("CARGO_PKG_VERSION")),
        settings: offer.settings.clone(),
        ..Announcement::default()
    }
    .print()?;
    answer_lines(|line| answer(&mut offer, line))
}

fn answer(offer: &mut Offer, line: &str) -> Result<String, String> {
    let problem = || format!("{line:?} is no line of work: WORK BATCHES OPERATIONS");
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, batches, operations] = words[..] else { return Err(problem()) };
    let (batches, operations): (u64, u64) =
        batches.parse().ok().zip(operations.parse().ok()).ok_or_else(problem)?;
    let mut works = offer.works.iter_mut();
    let (_, batch) = works.find(|(known, _)| *known == name).ok_or_else(problem)?;
    let times_ns = (0..batches).map(|_| batch(operations)).collect::<Result<Vec<_>, _>>()?;
    Ok(spaced(&times_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> Offer {
        let double: Batch = Box::new(|operations| Ok(operations * 2));
        let broken: Batch = Box::new(|_| Err("broken".to_owned()));
        Offer { settings: String::new(), works: vec![("double", double), ("broken", broken)] }
    }

    #[test]
    fn a_line_of_work_is_answered_with_a_time_for_each_batch() {
        assert_eq!(answer(&mut offer(), "double 3 50").unwrap(), "100 100 100");
        assert_eq!(answer(&mut offer(), "double 0 50").unwrap(), "");
        assert_eq!(answer(&mut offer(), "broken 1 1").unwrap_err(), "broken");
    }

    #[test]
    fn a_line_that_is_no_work_is_an_error_that_repeats_it() {
        for line in ["", "double", "double 1", "double x 1", "double 1 1 1", "unknown 1 1"] {
            let error = answer(&mut offer(), line).unwrap_err();
            assert!(error.contains(&format!("{line:?}")), "{error}");
        }
    }

    fn do_everything(kind: WorkKind) -> Result<(), String> {
        let mut offer = match kind {
            WorkKind::Floor => floor::spinning(),
            WorkKind::Nanosleep => floor::nanosleep(),
            kind => on_taut::offer(kind, 0)?,
        };
        for index in 0..offer.works.len() {
            let name = offer.works[index].0;
            let times = answer(&mut offer, &format!("{name} 2 3"))?;
            assert_eq!(times.split_whitespace().count(), 2, "{name}");
        }
        Ok(())
    }

    #[test]
    fn every_kind_that_this_host_has_does_every_work_that_it_offers() {
        for kind in WorkKind::ALL {
            // On a thread of its own, since a runtime pins the thread that it runs on.
            let done = std::thread::spawn(move || do_everything(kind)).join().unwrap();
            if let Err(reason) = done {
                assert_ne!(kind, WorkKind::TautEpoll, "every host has epoll: {reason}");
                println!("skipped: {}: {reason}", kind.name());
            }
        }
    }
}
