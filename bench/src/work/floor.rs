//! The floors of the micro works: what the same costs by hand, without a runtime.
//!
//! A task is a block awaited in place, a channel a ring of values, a yield one poll that gives
//! `Pending`, a spinning sleep a loop over the clock. Nothing that a runtime does can cost less.

use std::cell::Cell;
use std::collections::VecDeque;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use rustix::thread::{
    ClockId, NanosleepRelativeResult, clock_nanosleep_relative, set_current_timer_slack,
};
use rustix::time::Timespec;

use super::{Batch, Offer};

/// How long the sleep of the contract lasts.
pub(super) const SLEEP: Duration = Duration::from_micros(50);

/// Everything by hand.
pub(super) fn spinning() -> Offer {
    let works: Vec<(&'static str, Batch)> = vec![
        ("spawn_join", timed(|number| drive(async move { black_box(number) }))),
        ("spawn_many", timed(|number| drive(async move { black_box(number) }))),
        ("yield", timed(|number| drive(GiveWay(Some(number))))),
        ("channel", ring()),
        ("channel_try", ring()),
        (
            "oneshot",
            timed(|number| {
                let place = Cell::new(None);
                black_box(&place).set(Some(number));
                black_box(&place).take().unwrap_or_default()
            }),
        ),
        ("refused", refused()),
        ("sleep_50us", sleep(spin)),
    ];
    let settings = "by hand, without a runtime; sleeps spin on the clock".to_owned();
    Offer { settings, works }
}

/// The kernel's sleep alone.
pub(super) fn nanosleep() -> Offer {
    // As the runtime does for itself; the default of 50 us would be most of what is measured.
    let slack = match set_current_timer_slack(std::num::NonZero::new(1)) {
        Ok(()) => "1 ns of timer slack".to_owned(),
        Err(error) => format!("the default timer slack, since 1 ns was refused: {error}"),
    };
    let works: Vec<(&'static str, Batch)> = vec![("sleep_50us", sleep(nap))];
    Offer { settings: format!("clock_nanosleep, {slack}"), works }
}

/// A batch that does the operation so many times, each with its number.
fn timed(mut operation: impl FnMut(u64) -> u64 + 'static) -> Batch {
    Box::new(move |operations| {
        let started = Instant::now();
        for number in 0..operations {
            assert_eq!(operation(black_box(number)), number, "the value comes back");
        }
        Ok(nanoseconds(started))
    })
}

fn ring() -> Batch {
    let mut ring = VecDeque::with_capacity(1024);
    timed(move |number| {
        black_box(&mut ring).push_back(number);
        black_box(&mut ring).pop_front().unwrap_or_default()
    })
}

/// Polls to the end, at once and without waiting.
pub(crate) fn drive<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

/// Pending once, then the value.
struct GiveWay(Option<u64>);

impl Future for GiveWay {
    type Output = u64;

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u64> {
        match self.0.take() {
            // The high bit tells that it has given way.
            Some(number) if number & HAS_WAITED == 0 => {
                self.0 = Some(number | HAS_WAITED);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(number) => Poll::Ready(number & !HAS_WAITED),
            None => Poll::Pending,
        }
    }
}

const HAS_WAITED: u64 = 1 << 63;

/// A connection to a port where nobody listens: a socket, the refusal, and its end.
fn refused() -> Batch {
    Box::new(|operations| {
        let address = closed_port()?;
        let started = Instant::now();
        for _ in 0..operations {
            if TcpStream::connect(address).is_ok() {
                return Err("a connection that must be refused was accepted".to_owned());
            }
        }
        Ok(nanoseconds(started))
    })
}

/// An address at which nobody listens: bound once, and given back.
pub(super) fn closed_port() -> Result<SocketAddr, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|error| format!("no port could be had: {error}"))
}

/// The whole time of that many sleeps.
fn sleep(once: fn(Duration)) -> Batch {
    Box::new(move |operations| {
        let started = Instant::now();
        for _ in 0..operations {
            once(SLEEP);
        }
        Ok(nanoseconds(started))
    })
}

fn spin(duration: Duration) {
    let started = Instant::now();
    while started.elapsed() < duration {
        std::hint::spin_loop();
    }
}

fn nap(duration: Duration) {
    let mut left = Timespec { tv_sec: 0, tv_nsec: i64::from(duration.subsec_nanos()) };
    while let NanosleepRelativeResult::Interrupted(remaining) =
        clock_nanosleep_relative(ClockId::Monotonic, &left)
    {
        left = remaining;
    }
}

/// The time since then; a batch lasts no 584 years.
pub(super) fn nanoseconds(started: Instant) -> u64 {
    started.elapsed().as_nanos() as u64
}
