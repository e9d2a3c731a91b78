//! The role `cores`: answers each line `WORK BATCHES OPERATIONS PAUSE_NS` of stdin with the wall
//! time of each batch in ns, measured between this thread on the first core and another one on the
//! second.
//!
//! Channels are made anew for each request, in other memory than before, and used for a while
//! before the first batch. Near is where the clock is, far is the other core.

use std::cell::Cell;
use std::hint::{black_box, spin_loop};
use std::io::{self, BufRead, Write};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{About, announce, fail, pin_to, require, works::Spaced};

/// What a channel has room for.
pub const CAPACITY: usize = 1024;
/// Messages that a batching end sends or takes at once.
pub const BATCH: u64 = 32;

/// A message of a stream: a cache line.
pub type Packet = [u64; 8];

/// Operations before the first batch, which nobody times; or batches, where there is a pause.
const WARM_UP: u64 = 1_000;
const WARM_UP_WITH_PAUSES: u64 = 50;

/// Lines by which memory is moved from request to request, at most.
const LINES: u64 = 1_024;

/// On a message: the far side tells that it has come so far.
const LAST: u64 = 1 << 62;

/// What a line asks for.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    batches: u64,
    operations: u64,
    pause: Duration,
}

/// A work of two cores.
pub type CrossWork<'a> = Box<dyn Fn(Request, &Partner) -> Vec<u64> + 'a>;

/// What is sent.
pub trait Message: Send + 'static {
    /// The message of that number.
    fn numbered(number: u64) -> Self;
    /// Its number.
    fn number(&self) -> u64;
}

impl Message for u64 {
    fn numbered(number: u64) -> Self {
        number
    }

    fn number(&self) -> u64 {
        *self
    }
}

impl Message for Packet {
    fn numbered(number: u64) -> Self {
        [number; 8]
    }

    fn number(&self) -> u64 {
        // A message that is torn has not the same number everywhere.
        if self.iter().all(|word| word == &self[0]) { self[0] } else { u64::MAX }
    }
}

/// A sending end. It ends the process where nobody receives.
pub trait Sending<M> {
    /// Sends a message.
    fn send(&mut self, message: M) -> impl Future<Output = ()>;
}

/// A receiving end.
pub trait Receiving<M> {
    /// The next message; `None` where the sender is gone.
    fn receive(&mut self) -> impl Future<Output = Option<M>>;
}

/// One that sends several at once.
pub trait SendingMany<M>: Sending<M> {
    /// Sends so many messages, at most [`BATCH`].
    fn send_all(
        &mut self,
        count: usize,
        messages: impl Iterator<Item = M>,
    ) -> impl Future<Output = ()>;
}

/// One that takes several at once.
pub trait ReceivingMany<M>: Receiving<M> {
    /// Waits for some and gives at most [`BATCH`] of them to `each`; `false` at the end.
    fn receive_some(&mut self, each: impl FnMut(M)) -> impl Future<Output = bool>;
}

/// Polls in a loop and never sleeps.
pub fn spin_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        spin_loop();
    }
}

/// Where both ends of channels are polled: on each core by a call of its own.
pub trait Executor: Copy + Send + 'static {
    /// Polls the future to its end on the calling thread.
    fn block_on<F: Future>(self, future: F) -> F::Output;
}

/// Polls in a loop and never sleeps.
#[derive(Clone, Copy, Debug)]
pub struct Spinning;

impl Executor for Spinning {
    fn block_on<F: Future>(self, future: F) -> F::Output {
        spin_on(future)
    }
}

/// How far the far side is, in a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Reached(AtomicU64);

/// A number there and back, one in flight.
pub fn ping_pong<'a, S, R>(executor: impl Executor, make: fn() -> (S, R)) -> CrossWork<'a>
where
    S: Sending<u64> + Send + 'static,
    R: Receiving<u64> + Send + 'static,
{
    Box::new(move |request, partner| {
        let ((there, arrivals), (returns, back)) = (make(), make());
        partner.beside(
            move || executor.block_on(echo(arrivals, returns)),
            || executor.block_on(there_and_back(request, there, back)),
        )
    })
}

/// Messages one way, one at a time.
pub fn stream<'a, S, R>(executor: impl Executor, make: fn() -> (S, R)) -> CrossWork<'a>
where
    S: Sending<Packet> + Send + 'static,
    R: Receiving<Packet> + Send + 'static,
{
    Box::new(move |request, partner| {
        let (there, arrivals) = make();
        let near = Arc::new(Reached::default());
        let far = Arc::clone(&near);
        partner.beside(
            move || executor.block_on(sink(arrivals, &far)),
            || executor.block_on(one_way(request, there, &near)),
        )
    })
}

/// Messages one way, several at once.
pub fn stream_32<'a, S, R>(executor: impl Executor, make: fn() -> (S, R)) -> CrossWork<'a>
where
    S: SendingMany<Packet> + Send + 'static,
    R: ReceivingMany<Packet> + Send + 'static,
{
    Box::new(move |request, partner| {
        let (there, arrivals) = make();
        let near = Arc::new(Reached::default());
        let far = Arc::clone(&near);
        partner.beside(
            move || executor.block_on(sink_many(arrivals, &far)),
            || executor.block_on(in_batches(request, there, &near)),
        )
    })
}

/// The near side of [`ping_pong`].
pub async fn there_and_back(
    request: Request,
    mut there: impl Sending<u64>,
    mut back: impl Receiving<u64>,
) -> Vec<u64> {
    let mut number = 0;
    let batch = async |operations| {
        for _ in 0..operations {
            number += 1;
            there.send(number).await;
            assert_eq!(back.receive().await, Some(number), "the number comes back");
        }
    };
    request.timed(batch).await
}

/// The far side of it.
pub async fn echo(mut arrivals: impl Receiving<u64>, mut returns: impl Sending<u64>) {
    while let Some(number) = arrivals.receive().await {
        returns.send(number).await;
    }
}

/// The near side of [`stream`].
pub async fn one_way(
    request: Request,
    mut there: impl Sending<Packet>,
    reached: &Reached,
) -> Vec<u64> {
    let mut sent = 0;
    let batch = async |operations| {
        for left in (0..operations).rev() {
            sent += 1;
            let flag = if left == 0 { LAST } else { 0 };
            there.send(Packet::numbered(sent | flag)).await;
        }
        reached.wait_for(sent);
    };
    request.timed(batch).await
}

async fn in_batches(
    request: Request,
    mut there: impl SendingMany<Packet>,
    reached: &Reached,
) -> Vec<u64> {
    let mut sent = 0_u64;
    let batch = async |operations| {
        let end = sent + operations;
        while sent < end {
            let to = end.min(sent + BATCH);
            let flagged = move |number| if number == end { number | LAST } else { number };
            let messages = (sent + 1..to + 1).map(flagged).map(Packet::numbered);
            there.send_all((to - sent) as usize, messages).await;
            sent = to;
        }
        reached.wait_for(sent);
    };
    request.timed(batch).await
}

/// The far side of [`stream`].
pub async fn sink(mut arrivals: impl Receiving<Packet>, reached: &Reached) {
    let mut received = 0;
    while let Some(message) = arrivals.receive().await {
        reached.take(&message, &mut received);
    }
}

async fn sink_many(mut arrivals: impl ReceivingMany<Packet>, reached: &Reached) {
    let mut received = 0;
    while arrivals.receive_some(|message| reached.take(&message, &mut received)).await {}
}

impl Reached {
    fn take(&self, message: &Packet, received: &mut u64) {
        *received += 1;
        if message.number() & LAST != 0 {
            assert_eq!(message.number() & !LAST, *received, "a message is lost or torn");
            self.0.store(*received, Ordering::Release);
        }
    }

    fn wait_for(&self, number: u64) {
        while self.0.load(Ordering::Acquire) != number {
            spin_loop();
        }
    }
}

impl Request {
    async fn timed(self, mut batch: impl AsyncFnMut(u64)) -> Vec<u64> {
        if self.pause.is_zero() {
            batch(WARM_UP.max(self.operations)).await;
        } else {
            for _ in 0..WARM_UP_WITH_PAUSES {
                self.wait();
                batch(self.operations).await;
            }
        }
        let mut times_ns = Vec::new();
        for _ in 0..self.batches {
            self.wait();
            let start = Instant::now();
            batch(self.operations).await;
            let time = start.elapsed().as_nanos();
            times_ns.push(u64::try_from(time).expect("a batch ends within 500 years"));
        }
        times_ns
    }

    fn wait(self) {
        if !self.pause.is_zero() {
            let start = Instant::now();
            while start.elapsed() < self.pause {
                spin_loop();
            }
        }
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// The thread on the second core; it sleeps between requests.
#[derive(Debug)]
pub struct Partner {
    jobs: Sender<Job>,
    ends: Receiver<()>,
}

impl Partner {
    fn start(core: usize) -> Self {
        let (jobs, waiting) = channel::<Job>();
        let (done, ends) = channel();
        let serve = move || {
            pin_to(core);
            for job in waiting {
                job();
                if done.send(()).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("partner".to_owned()).spawn(serve);
        require("can't start the thread for the second core", thread);
        Self { jobs, ends }
    }

    /// Does `far` on the second core beside `near` on this one.
    pub fn beside<T>(&self, far: impl FnOnce() + Send + 'static, near: impl FnOnce() -> T) -> T {
        require("the other thread is gone", self.jobs.send(Box::new(far)));
        let value = near();
        require("the other thread is gone", self.ends.recv());
        value
    }
}

/// Memory that is held for one request, so that the next one gets other memory.
fn shifted() -> Vec<u8> {
    thread_local!(static STATE: Cell<u64> = const { Cell::new(0x9e37_79b9_7f4a_7c15) });
    let mut state = STATE.get();
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    STATE.set(state);
    let bytes = (1 + state % LINES) * 64;
    black_box(Vec::with_capacity(usize::try_from(bytes).expect("64 KiB at most")))
}

/// Announces the works and answers requests for them until stdin ends.
pub fn serve_cores(about: &About, other_core: usize, works: &[(&str, CrossWork<'_>)]) {
    let partner = Partner::start(other_core);
    announce(&json!({
        "works": works.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        "version": about.version,
        "settings": about.settings,
    }));
    let mut stdout = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = require("can't read stdin", line);
        let Some((work, request)) = requested(&line, works) else {
            fail(format_args!("not a request for one of the works: {line:?}"));
        };
        let _shifted = shifted();
        let times_ns = work(request, &partner);
        let answer = writeln!(stdout, "{}", Spaced(&times_ns)).and_then(|()| stdout.flush());
        require("can't write to stdout", answer);
    }
}

fn requested<'w, 'a>(
    line: &str,
    works: &'w [(&str, CrossWork<'a>)],
) -> Option<(&'w CrossWork<'a>, Request)> {
    let (name, numbers) = line.split_once(' ')?;
    let (_, work) = works.iter().find(|(known, _)| *known == name)?;
    let numbers: Option<Vec<u64>> = numbers.split(' ').map(|word| word.parse().ok()).collect();
    let [batches, operations, pause_ns] = numbers?[..] else { return None };
    let pause = Duration::from_nanos(pause_ns);
    (operations > 0).then_some((work, Request { batches, operations, pause }))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    impl<M> Sending<M> for mpsc::Sender<M> {
        async fn send(&mut self, message: M) {
            Self::send(self, message).expect("the receiver lives");
        }
    }

    impl<M> Receiving<M> for mpsc::Receiver<M> {
        async fn receive(&mut self) -> Option<M> {
            self.recv().ok()
        }
    }

    #[test]
    fn a_request_names_a_work_and_three_numbers() {
        let works = [("ping_pong", ping_pong(Spinning, mpsc::channel::<u64>))];
        assert!(requested("ping_pong 3 100 0", &works).is_some());
        for line in ["", "ping_pong", "ping_pong 3 100", "ping_pong 3 0 0", "stream 3 1 0"] {
            assert!(requested(line, &works).is_none(), "{line}");
        }
    }

    #[test]
    fn each_batch_has_its_time_and_messages_arrive() {
        let partner = Partner::start(0);
        let works = [
            ("ping_pong", ping_pong(Spinning, mpsc::channel::<u64>)),
            ("stream", stream(Spinning, mpsc::channel::<Packet>)),
        ];
        for line in ["ping_pong 3 100 0", "ping_pong 3 1 1000", "stream 3 100 0"] {
            let (work, request) = requested(line, &works).expect("a request");
            assert_eq!(work(request, &partner).len(), 3, "{line}");
        }
    }
}
