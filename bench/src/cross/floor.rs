//! The floors: what the same takes by raw atomics between two threads that spin, and by a raw futex
//! to one that sleeps.
//!
//! Nothing is written but one word in a cache line of its own for each direction, or, in a stream,
//! the line of the message itself. Whether the loop that waits for a word is faster with a pause
//! hint depends on the processor, so both forms are tried when the subject starts.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustix::io::Errno;
use rustix::thread::futex;

use super::ends::{Message, Sink};
use super::partner::Partner;
use super::raw_ring::{RawReceiver, RawSender, raw_ring};
use super::request::{Exchange, Request, drive};
use super::scatter::Scatter;
use super::tally::{Farewell, LAST, Line, MARK, Marks, Tally};
use super::{Offer, Work};

/// Batches by which the two forms of the loop are compared.
const TRIALS: usize = 8;
/// What ends the far side: no message has both flags and no number.
const END: u64 = MARK | LAST;

/// A work of which both sides spin, with a pause hint or without.
type Spins = fn(&Partner, bool, &Request, &mut Tally) -> Result<Vec<u64>, String>;

/// Everything that spins.
pub(super) fn spinning(partner: Rc<Partner>) -> Result<Offer, String> {
    let trial = |pauses: bool| -> Result<u64, String> {
        let (_, request) = Request::parse("ping_pong 100 32 0")?;
        let mut times = ping_pong(&partner, pauses, &request, &mut Tally::default())?;
        times.sort_unstable();
        Ok(times[times.len() / 2])
    };
    let (mut with, mut without) = (0, 0);
    for _ in 0..TRIALS {
        with += trial(true)?;
        without += trial(false)?;
    }
    let pauses = with < without;
    let one_way = |sum: u64| sum as f64 / (TRIALS * 64) as f64;
    let settings = format!(
        "raw atomics, release and acquire, a cache line a direction; the loop {} a pause hint: in \
         a trial {:.1} ns with it, {:.1} ns without",
        if pauses { "has" } else { "is without" },
        one_way(with),
        one_way(without)
    );
    let work = |work: Spins| {
        let partner = Rc::clone(&partner);
        let work: Work = Box::new(move |request, tally| work(&partner, pauses, request, tally));
        work
    };
    let works =
        vec![("ping_pong", work(ping_pong)), ("stream", work(stream)), ("stream_32", work(stream))];
    Ok(Offer { settings, works })
}

/// Waits until the word is another one.
#[inline(always)]
fn changed(word: &AtomicU64, seen: u64, pauses: bool) -> u64 {
    loop {
        let now = word.load(Ordering::Acquire);
        if now != seen {
            return now;
        }
        if pauses {
            std::hint::spin_loop();
        }
    }
}

/// Ends the far side, however the near one ends.
struct Ending<'a>(&'a AtomicU64);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(END, Ordering::Release);
    }
}

struct RawPingPong<'a> {
    there: Ending<'a>,
    back: &'a AtomicU64,
    pauses: bool,
    sent: u64,
}

impl Exchange for RawPingPong<'_> {
    #[inline]
    async fn batch(&mut self, operations: u64, flags: u64) -> Result<(), String> {
        let end = self.sent + operations;
        let mut seen = self.back.load(Ordering::Relaxed);
        while self.sent < end {
            self.sent += 1;
            let number = if self.sent == end { self.sent | flags } else { self.sent };
            self.there.0.store(number, Ordering::Release);
            seen = changed(self.back, seen, self.pauses);
            if seen != number {
                return Err(format!("message {} did not come back", self.sent));
            }
        }
        Ok(())
    }
}

fn ping_pong(
    partner: &Partner,
    pauses: bool,
    request: &Request,
    tally: &mut Tally,
) -> Result<Vec<u64>, String> {
    let _scatter = Scatter::new();
    let lines: Arc<[Line; 2]> = Arc::default();
    let marks = Arc::new(Marks::new(|| 0)?);
    let (far_lines, far_marks) = (Arc::clone(&lines), Arc::clone(&marks));
    let far = move || {
        let [there, back] = &*far_lines;
        let mut seen = 0;
        loop {
            seen = changed(&there.0, seen, pauses);
            if seen & MARK != 0 {
                if seen == END {
                    return Ok(());
                }
                far_marks.leave_counts();
            }
            back.0.store(seen, Ordering::Release);
        }
    };
    partner.beside(Box::new(move |_| far()), || {
        let [there, back] = &*lines;
        let mut exchange = RawPingPong { there: Ending(&there.0), back: &back.0, pauses, sent: 0 };
        drive(request.timed(&mut exchange, &marks, tally))
    })
}

struct RawStream<'a> {
    ring: RawSender,
    marks: &'a Marks,
}

impl Drop for RawStream<'_> {
    fn drop(&mut self) {
        let mut message = [END; 8];
        message[0] = self.ring.sent + 1;
        self.ring.send(message);
    }
}

impl Exchange for RawStream<'_> {
    #[inline]
    async fn batch(&mut self, operations: u64, flags: u64) -> Result<(), String> {
        let end = self.ring.sent + operations;
        while self.ring.sent + 1 < end {
            self.ring.send([self.ring.sent + 1; 8]);
        }
        self.ring.send([end | LAST | flags; 8]);
        self.marks.await_reached(end)
    }
}

fn stream(
    partner: &Partner,
    pauses: bool,
    request: &Request,
    tally: &mut Tally,
) -> Result<Vec<u64>, String> {
    let _scatter = Scatter::new();
    let (ring, far_ring) = raw_ring();
    let marks = Arc::new(Marks::new(|| 0)?);
    let far_marks = Arc::clone(&marks);
    partner.beside(Box::new(move |_| take_stream(far_ring, &far_marks, pauses)), || {
        let mut exchange = RawStream { ring, marks: &marks };
        drive(request.timed(&mut exchange, &marks, tally))
    })
}

/// The far side; it gives room back after each message.
fn take_stream(mut ring: RawReceiver, marks: &Marks, pauses: bool) -> Result<(), String> {
    let _farewell = Farewell(marks);
    let mut sink = Sink::new(marks);
    loop {
        match ring.try_receive() {
            Some([_, END, ..]) => return Ok(()),
            Some(message) => sink.take(message.number()),
            None if pauses => std::hint::spin_loop(),
            None => {}
        }
    }
}

thread_local! {
    /// Futex calls of this thread.
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// A thread that sleeps until it is woken.
pub(super) fn futex(partner: Rc<Partner>) -> Offer {
    let wake: Work = Box::new(move |request, tally| futex_wake(&partner, request, tally));
    let settings = "FUTEX_WAIT and FUTEX_WAKE, private; the waker spins".to_owned();
    Offer { settings, works: vec![("wake", wake)] }
}

/// Low bits of the word count messages; these two are what the others have as flags.
const FUTEX_MARK: u32 = 1 << 31;
const FUTEX_END: u32 = 1 << 30;

struct RawWake<'a> {
    word: &'a AtomicU32,
    marks: &'a Marks,
    sent: u64,
}

impl RawWake<'_> {
    #[inline(always)]
    fn send(&self, value: u32) -> Result<(), String> {
        self.word.store(value, Ordering::Release);
        CALLS.set(CALLS.get() + 1);
        futex::wake(self.word, futex::Flags::PRIVATE, 1)
            .map(drop)
            .map_err(|error| format!("the futex could not be woken: {error}"))
    }
}

impl Drop for RawWake<'_> {
    fn drop(&mut self) {
        // Where it fails the far side has its reasons to be gone.
        let _ = self.send(FUTEX_END);
    }
}

impl Exchange for RawWake<'_> {
    #[inline]
    async fn batch(&mut self, operations: u64, flags: u64) -> Result<(), String> {
        let end = self.sent + operations;
        while self.sent < end {
            self.sent += 1;
            let mark = if flags != 0 && self.sent == end { FUTEX_MARK } else { 0 };
            self.send(self.sent as u32 | mark)?;
            self.marks.await_reached(self.sent)?;
        }
        Ok(())
    }
}

fn futex_wake(partner: &Partner, request: &Request, tally: &mut Tally) -> Result<Vec<u64>, String> {
    let _scatter = Scatter::new();
    let word = Arc::new(FutexWord::default());
    let marks = Arc::new(Marks::new(|| CALLS.get())?);
    let (far_word, far_marks) = (Arc::clone(&word), Arc::clone(&marks));
    partner.beside(Box::new(move |_| sleep_on(&far_word.0, &far_marks)), || {
        let mut exchange = RawWake { word: &word.0, marks: &marks, sent: 0 };
        drive(request.timed(&mut exchange, &marks, tally))
    })
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct FutexWord(AtomicU32);

/// The far side: sleeps until the word is another one, and says so.
fn sleep_on(word: &AtomicU32, marks: &Marks) -> Result<(), String> {
    let _farewell = Farewell(marks);
    let (mut seen, mut received) = (0, 0);
    loop {
        let now = word.load(Ordering::Acquire);
        if now == seen {
            CALLS.set(CALLS.get() + 1);
            match futex::wait(word, futex::Flags::PRIVATE, seen, None) {
                Ok(()) | Err(Errno::AGAIN | Errno::INTR) => continue,
                Err(error) => return Err(format!("the futex could not be waited for: {error}")),
            }
        }
        seen = now;
        if now == FUTEX_END {
            return Ok(());
        }
        received += 1;
        if now & FUTEX_MARK != 0 {
            marks.leave_counts();
        }
        marks.reach(received);
    }
}
