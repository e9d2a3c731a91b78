//! The floor of all that spins: raw atomics between two threads.
//!
//! Nothing is written for a message but one word in a cache line of its own, or, in a stream, the
//! line of the message itself. How many pause hints make the loop that waits the fastest, and
//! whether one line that goes to and fro is faster than several in turn, of which a prefetcher may
//! guess the next, depends on the processor, and on a virtual one on where the hypervisor has it
//! just now. So the forms are tried before each request, and the fastest of them is what is
//! measured.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ends::{Message, Sink};
use super::partner::Partner;
use super::raw_ring::{RawReceiver, RawSender, raw_ring};
use super::request::{Exchange, Request, drive};
use super::scatter::Scatter;
use super::tally::{Farewell, LAST, Line, MARK, Marks, Tally};
use super::{Offer, Work};

/// Cache lines of a direction, at most.
const LINES_MAX: usize = 16;
/// What tries a form.
const TRIAL: &str = "ping_pong 20 32 0";
/// What ends the far side: no message has both flags and no number.
const END: u64 = MARK | LAST;

/// How messages go to and fro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Form {
    /// Pause hints between two looks of the loop that waits: a line that is asked for all the time
    /// is the longer on its way.
    pauses: u32,
    /// Cache lines that a direction uses in turn; a power of two.
    lines: usize,
}

const FORMS: [Form; 5] = [
    Form { pauses: 1, lines: 1 },
    Form { pauses: 4, lines: 1 },
    Form { pauses: 1, lines: LINES_MAX },
    Form { pauses: 4, lines: LINES_MAX },
    Form { pauses: 0, lines: 1 },
];

/// Everything that spins.
pub(super) fn offer(partner: Rc<Partner>) -> Offer {
    let for_stream = Rc::clone(&partner);
    let ping_pong: Work = Box::new(move |request, tally| {
        let form = fastest(&partner)?;
        ping_pong(&partner, form, request, tally)
    });
    let stream = move || -> Work {
        let partner = Rc::clone(&for_stream);
        Box::new(move |request, tally| stream(&partner, request, tally))
    };
    let works = vec![("ping_pong", ping_pong), ("stream", stream()), ("stream_32", stream())];
    let settings = format!(
        "raw atomics, release and acquire; a ping-pong over one cache line a direction or \
         {LINES_MAX} in turn, with none, one or four pause hints between two looks: the fastest \
         form of a trial before each request"
    );
    Offer { settings, works }
}

/// The form whose median is the lowest now.
fn fastest(partner: &Partner) -> Result<Form, String> {
    let (_, trial) = Request::parse(TRIAL)?;
    let mut best = (u64::MAX, FORMS[0]);
    for form in FORMS {
        let mut times = ping_pong(partner, form, &trial, &mut Tally::default())?;
        times.sort_unstable();
        let median = times[times.len() / 2];
        if median < best.0 {
            best = (median, form);
        }
    }
    Ok(best.1)
}

/// The words of both directions; one of each serves a message.
#[derive(Debug, Default)]
struct Lines {
    there: [Line; LINES_MAX],
    back: [Line; LINES_MAX],
}

#[inline(always)]
fn word(lines: &[Line; LINES_MAX], number: u64, form: Form) -> &AtomicU64 {
    &lines[number as usize & (form.lines - 1)].0
}

/// Waits until the word is that message, with a mark or without, or the end.
#[inline(always)]
fn await_message(word: &AtomicU64, number: u64, form: Form) -> u64 {
    loop {
        let now = word.load(Ordering::Acquire);
        if now & !MARK == number || now == END {
            return now;
        }
        for _ in 0..form.pauses {
            std::hint::spin_loop();
        }
    }
}

struct RawPingPong<'a> {
    lines: &'a Lines,
    form: Form,
    sent: u64,
}

impl Exchange for RawPingPong<'_> {
    #[inline]
    async fn batch(&mut self, operations: u64, flags: u64) -> Result<(), String> {
        let end = self.sent + operations;
        while self.sent < end {
            self.sent += 1;
            let message = if self.sent == end { self.sent | flags } else { self.sent };
            word(&self.lines.there, self.sent, self.form).store(message, Ordering::Release);
            await_message(word(&self.lines.back, self.sent, self.form), self.sent, self.form);
        }
        Ok(())
    }
}

/// Ends the far side, however the near one ends.
impl Drop for RawPingPong<'_> {
    fn drop(&mut self) {
        word(&self.lines.there, self.sent + 1, self.form).store(END, Ordering::Release);
    }
}

fn ping_pong(
    partner: &Partner,
    form: Form,
    request: &Request,
    tally: &mut Tally,
) -> Result<Vec<u64>, String> {
    let _scatter = Scatter::new();
    let lines = Arc::new(Lines::default());
    let marks = Arc::new(Marks::new(|| 0)?);
    let (far_lines, far_marks) = (Arc::clone(&lines), Arc::clone(&marks));
    let far = move || {
        send_back(&far_lines, &far_marks, form);
        Ok(())
    };
    partner.beside(Box::new(move |_| far()), || {
        let mut exchange = RawPingPong { lines: &lines, form, sent: 0 };
        drive(request.timed(&mut exchange, &marks, tally))
    })
}

/// The far side of it.
fn send_back(lines: &Lines, marks: &Marks, form: Form) {
    for number in 1.. {
        let message = await_message(word(&lines.there, number, form), number, form);
        if message & MARK != 0 {
            if message == END {
                return;
            }
            marks.leave_counts();
        }
        word(&lines.back, number, form).store(message, Ordering::Release);
    }
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

fn stream(partner: &Partner, request: &Request, tally: &mut Tally) -> Result<Vec<u64>, String> {
    let _scatter = Scatter::new();
    let (ring, far_ring) = raw_ring();
    let marks = Arc::new(Marks::new(|| 0)?);
    let far_marks = Arc::clone(&marks);
    partner.beside(Box::new(move |_| take_stream(far_ring, &far_marks)), || {
        let mut exchange = RawStream { ring, marks: &marks };
        drive(request.timed(&mut exchange, &marks, tally))
    })
}

/// The far side; it gives room back after each message.
fn take_stream(mut ring: RawReceiver, marks: &Marks) -> Result<(), String> {
    let _farewell = Farewell(marks);
    let mut sink = Sink::new(marks);
    loop {
        match ring.try_receive() {
            Some([_, END, ..]) => return Ok(()),
            Some(message) => sink.take(message.number()),
            None => std::hint::spin_loop(),
        }
    }
}
