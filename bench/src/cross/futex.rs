//! The floor of a wake: a thread that sleeps in a raw futex, woken by one that spins.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::io::Errno;
use rustix::thread::futex;

use super::partner::Partner;
use super::request::{Exchange, Request, drive};
use super::scatter::Scatter;
use super::tally::{Farewell, Marks, Tally};
use super::{Offer, Work};

thread_local! {
    /// Futex calls of this thread.
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// A thread that sleeps until it is woken.
pub(super) fn offer(partner: Rc<Partner>) -> Offer {
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
