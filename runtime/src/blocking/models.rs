//! What a runtime shares with its blocking threads, run in every interleaving: the line of work,
//! the answer, the flag. Lost work or a lost wake shows as a model that waits for ever.

use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use loom::sync::Notify;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread::{JoinHandle, spawn};

use super::answer::Answer;
use super::cancel_flag::CancelFlag;
use super::queue::{Limits, Queue, Refused, Submitted};
use crate::threads::explore;

const ONE_THREAD: Limits = Limits { threads_max: 1, backlog_max: 4 };
const TWO_THREADS: Limits = Limits { threads_max: 2, backlog_max: 4 };

/// Work that counts how often it ran.
#[derive(Clone, Default)]
struct Work(Arc<Fate>);

#[derive(Default)]
struct Fate {
    runs: AtomicUsize,
    done: Notify,
    /// Work that has to be done elsewhere before this can end.
    waits_for: Option<Work>,
}

impl Work {
    fn run(&self) {
        if let Some(other) = &self.0.waits_for {
            other.wait();
        }
        self.0.runs.fetch_add(1, Ordering::Relaxed);
        self.0.done.notify();
    }

    /// The model's `Notify` wakes for no reason, too.
    fn wait(&self) {
        while self.runs() == 0 {
            self.0.done.wait();
        }
    }

    fn runs(&self) -> usize {
        self.0.runs.load(Ordering::Relaxed)
    }
}

type Line = Arc<Queue<Work>>;

/// As the pool does: submits, and starts a thread where one is asked for.
fn submit(line: &Line, work: &Work, limits: Limits) -> (Submitted, Option<JoinHandle<()>>) {
    let submitted = line.submit(work.clone(), limits).unwrap_or_else(|_| panic!("there is room"));
    let thread = submitted.start.map(|seat| {
        let line = Arc::clone(line);
        spawn(move || line.serve(seat, Duration::MAX, |work: Work| work.run()))
    });
    (submitted, thread)
}

/// Closes the line and waits for its threads; what was left in it.
fn close(line: &Line, threads: impl IntoIterator<Item = Option<JoinHandle<()>>>) -> usize {
    let left = line.close().count();
    for thread in threads.into_iter().flatten() {
        thread.join().unwrap();
    }
    left
}

#[test]
fn loom_no_work_is_lost_while_a_thread_ends_for_want_of_it() {
    explore(|| {
        let line = Line::default();
        let work = [Work::default(), Work::default()];
        let (_, first) = submit(&line, &work[0], ONE_THREAD);
        let clock = Arc::clone(&line);
        let clock = spawn(move || clock.let_time_pass());
        let (_, second) = submit(&line, &work[1], ONE_THREAD);
        work.iter().for_each(Work::wait);
        clock.join().unwrap();
        assert_eq!(close(&line, [first, second]), 0);
        assert_eq!(work.map(|work| work.runs()), [1, 1]);
    });
}

#[test]
fn loom_two_threads_share_the_line() {
    explore(|| {
        let line = Line::default();
        let work = [Work::default(), Work::default(), Work::default()];
        let threads = work.each_ref().map(|work| submit(&line, work, TWO_THREADS).1);
        work.iter().for_each(Work::wait);
        assert_eq!(close(&line, threads), 0);
        assert_eq!(work.map(|work| work.runs()), [1, 1, 1]);
    });
}

#[test]
fn loom_a_busy_thread_is_never_counted_on() {
    explore(|| {
        let line = Line::default();
        let second = Work::default();
        let waits_for = Some(second.clone());
        let first = Work(Arc::new(Fate { waits_for, ..Fate::default() }));
        let threads = [&first, &second].map(|work| submit(&line, work, TWO_THREADS).1);
        first.wait();
        assert_eq!(close(&line, threads), 0);
        assert_eq!([first.runs(), second.runs()], [1, 1]);
    });
}

#[test]
fn loom_work_that_is_taken_back_never_runs_and_other_work_does() {
    explore(|| {
        let line = Line::default();
        let work = [Work::default(), Work::default(), Work::default()];
        let [first, second, third] = work.each_ref().map(|work| submit(&line, work, ONE_THREAD));
        let taken_back = line.take_back(second.0.ticket).is_some();
        work[2].wait();
        assert_eq!(close(&line, [first.1, second.1, third.1]), 0);
        assert_eq!(work.map(|work| work.runs()), [1, usize::from(!taken_back), 1]);
    });
}

#[test]
fn loom_a_closed_line_gives_back_what_no_thread_has_begun() {
    explore(|| {
        let line = Line::default();
        let work = [Work::default(), Work::default()];
        let threads = work.each_ref().map(|work| submit(&line, work, ONE_THREAD).1);
        let left = close(&line, threads);
        let runs: usize = work.iter().map(Work::runs).sum();
        assert_eq!(left + runs, 2);
        assert!(matches!(line.submit(Work::default(), ONE_THREAD), Err(Refused::Closed(_))));
    });
}

/// A waker that a model can wait for.
#[derive(Default)]
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Polls with one waker, then with another until the answer is there.
fn wait_for<T>(answer: &Answer<T>) -> Option<T> {
    let bells = [Arc::new(Bell::default()), Arc::new(Bell::default())];
    if let Poll::Ready(given) = answer.poll(&Waker::from(Arc::clone(&bells[0]))) {
        return given;
    }
    loop {
        match answer.poll(&Waker::from(Arc::clone(&bells[1]))) {
            Poll::Ready(given) => return given,
            Poll::Pending => bells[1].0.wait(),
        }
    }
}

#[test]
fn loom_an_answer_wakes_who_waits_for_it_with_the_waker_of_the_last_poll() {
    explore(|| {
        let (answer, teller) = Answer::new();
        let thread = spawn(move || teller.tell(7));
        assert_eq!(wait_for(&answer), Some(7));
        thread.join().unwrap();
    });
}

#[test]
fn loom_work_that_is_dropped_unrun_says_so() {
    explore(|| {
        let (answer, teller) = Answer::<u8>::new();
        let thread = spawn(move || drop(teller));
        assert_eq!(wait_for(&answer), None);
        thread.join().unwrap();
    });
}

#[test]
fn loom_an_answer_that_nobody_waits_for_is_dropped_once() {
    explore(|| {
        let (answer, teller) = Answer::new();
        let thread = spawn(move || teller.tell(loom::alloc::Track::new(())));
        let bell = Arc::new(Bell::default());
        let given = answer.poll(&Waker::from(Arc::clone(&bell)));
        answer.forget_waiter();
        drop((given, answer));
        thread.join().unwrap();
        assert_eq!(Arc::strong_count(&bell), 1, "the waker is gone on both sides");
    });
}

#[test]
fn loom_a_raised_flag_wakes_all_that_sleep_on_it() {
    explore(|| {
        let flag = CancelFlag::new();
        let threads = [flag.clone(), flag.clone()]
            .map(|flag| spawn(move || assert!(flag.wait_timeout(Duration::MAX))));
        flag.raise();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(flag.is_cancelled());
    });
}
