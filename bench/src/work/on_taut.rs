//! The micro works on the runtime.

use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use taut::channel::{mpsc, oneshot};
use taut::net::TcpStream;
use taut::time::sleep;
use taut::{Driver, JoinHandle, Runtime, WaitStrategy, spawn, yield_now};

use super::floor::{SLEEP, closed_port, nanoseconds};
use super::{Batch, Offer, WorkKind};

/// The capacity that the contract names.
const CAPACITY: usize = 1024;
/// Longer than any measurement.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// What the runtime offers; an error where this host has not what the kind needs.
pub(super) fn offer(kind: WorkKind, core: usize) -> Result<Offer, String> {
    let driver = match kind {
        WorkKind::TautEpoll | WorkKind::TautEpollPark => Driver::Epoll,
        _ => Driver::Uring,
    };
    let parks = matches!(kind, WorkKind::TautPark | WorkKind::TautEpollPark);
    let wait = if parks { WaitStrategy::Park } else { WaitStrategy::Spin };
    let build = move || {
        let builder = Runtime::builder().core(core).wait(wait).driver(driver);
        builder.build().map_err(|error| error.to_string())
    };
    let runtime = Rc::new(build()?);
    let settings = format!("{driver:?} driver, {wait:?}");
    let batch = |work: fn(u64) -> Work| -> Batch {
        let runtime = Rc::clone(&runtime);
        Box::new(move |operations| runtime.block_on(work(operations)))
    };
    let mut works = vec![("sleep_50us", batch(|count| Box::pin(sleeps(count))))];
    if !parks {
        works.extend([
            ("spawn_join", batch(|count| Box::pin(spawn_join(count)))),
            ("spawn_many", batch(|count| Box::pin(spawn_many(count)))),
            ("yield", batch(|count| Box::pin(yields(count)))),
            ("spawn_cancel", batch(|count| Box::pin(spawn_cancel(count)))),
            ("channel", batch(|count| Box::pin(channel(count)))),
            ("channel_try", batch(|count| Box::pin(channel_try(count)))),
            ("channel_ping_pong", batch(|count| Box::pin(ping_pong(count)))),
            ("oneshot", batch(|count| Box::pin(oneshots(count)))),
        ]);
        works.push(("refused", Box::new(move |operations| refused(operations, build))));
    }
    Ok(Offer { settings, works })
}

/// A batch on its way.
type Work = std::pin::Pin<Box<dyn Future<Output = Result<u64, String>>>>;

fn wrong(what: &str) -> String {
    format!("{what} gave back something else than was put in")
}

pub(crate) async fn spawn_join(operations: u64) -> Result<u64, String> {
    let started = Instant::now();
    for number in 0..operations {
        if spawn(async move { black_box(number) }).await.ok() != Some(number) {
            return Err(wrong("a task"));
        }
    }
    Ok(nanoseconds(started))
}

async fn spawn_many(operations: u64) -> Result<u64, String> {
    let mut handles: Vec<JoinHandle<u64>> = Vec::with_capacity(operations as usize);
    let started = Instant::now();
    handles.extend((0..operations).map(|number| spawn(async move { black_box(number) })));
    for (number, handle) in handles.into_iter().enumerate() {
        if handle.await.ok() != Some(number as u64) {
            return Err(wrong("a task"));
        }
    }
    Ok(nanoseconds(started))
}

pub(crate) async fn yields(operations: u64) -> Result<u64, String> {
    let started = Instant::now();
    for _ in 0..operations {
        yield_now().await;
    }
    Ok(nanoseconds(started))
}

async fn spawn_cancel(operations: u64) -> Result<u64, String> {
    let started = Instant::now();
    for _ in 0..operations {
        let task = spawn(sleep(FOREVER));
        yield_now().await;
        task.cancel();
        if matches!(task.await, Ok(Ok(()))) {
            return Err("a task that sleeps for ever has woken".to_owned());
        }
    }
    Ok(nanoseconds(started))
}

pub(crate) async fn channel(operations: u64) -> Result<u64, String> {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    let started = Instant::now();
    for number in 0..operations {
        let sent = sender.send(black_box(number)).await.is_ok();
        if !sent || receiver.recv().await != Ok(number) {
            return Err(wrong("a channel"));
        }
    }
    Ok(nanoseconds(started))
}

async fn channel_try(operations: u64) -> Result<u64, String> {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    let started = Instant::now();
    for number in 0..operations {
        let sent = sender.try_send(black_box(number)).is_ok();
        if !sent || receiver.try_recv() != Ok(number) {
            return Err(wrong("a channel"));
        }
    }
    Ok(nanoseconds(started))
}

pub(crate) async fn ping_pong(operations: u64) -> Result<u64, String> {
    let (sender, theirs) = mpsc::channel(1);
    let (answers, receiver) = mpsc::channel(1);
    let echo = spawn(async move {
        while let Ok(number) = theirs.recv().await {
            if answers.send(number).await.is_err() {
                return;
            }
        }
    });
    let started = Instant::now();
    for number in 0..operations {
        let sent = sender.send(black_box(number)).await.is_ok();
        if !sent || receiver.recv().await != Ok(number) {
            return Err(wrong("a pair of channels"));
        }
    }
    let elapsed = nanoseconds(started);
    drop(sender);
    echo.await.map_err(|error| error.to_string())?;
    Ok(elapsed)
}

async fn oneshots(operations: u64) -> Result<u64, String> {
    let started = Instant::now();
    for number in 0..operations {
        let (sender, receiver) = oneshot::channel();
        let sent = sender.send(black_box(number)).is_ok();
        if !sent || receiver.await != Ok(number) {
            return Err(wrong("a oneshot"));
        }
    }
    Ok(nanoseconds(started))
}

async fn sleeps(operations: u64) -> Result<u64, String> {
    let started = Instant::now();
    for _ in 0..operations {
        sleep(SLEEP).await.map_err(|error| error.to_string())?;
    }
    Ok(nanoseconds(started))
}

/// A runtime made, one connection refused, and the runtime's end, each time.
fn refused(operations: u64, build: impl Fn() -> Result<Runtime, String>) -> Result<u64, String> {
    let address = closed_port()?;
    let started = Instant::now();
    for _ in 0..operations {
        let runtime = build()?;
        if runtime.block_on(TcpStream::connect(address)).is_ok() {
            return Err("a connection that must be refused was accepted".to_owned());
        }
    }
    Ok(nanoseconds(started))
}
