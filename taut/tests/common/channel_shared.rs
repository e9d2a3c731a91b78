//! Channels between threads and cores, and the tasks and threads that wait at them.

use std::fmt::Debug;
use std::thread;
use std::time::Instant;

use taut::JoinHandle;
use taut::channel::shared::{self, Receiver, RecvError, SendError, Sender};

use super::HUNG_AFTER;
use super::channels::{Total, total_until_closed, waiting};

/// A channel that is full of 0, 1, 2 and so on.
pub(crate) fn full(capacity: u32) -> (Sender<u32>, Receiver<u32>) {
    let (sender, receiver) = shared::channel(capacity as usize);
    (0..capacity).for_each(|item| sender.try_send(item).unwrap());
    (sender, receiver)
}

/// Sends in a task of its own, which waits.
pub(crate) async fn waiting_send<T: 'static>(
    sender: &Sender<T>,
    item: T,
) -> JoinHandle<Result<(), SendError<T>>> {
    let sender = sender.clone();
    waiting(async move { sender.send(item).await }).await
}

/// Receives in a task of its own, which waits.
pub(crate) async fn waiting_recv<T: 'static>(
    receiver: &Receiver<T>,
) -> JoinHandle<Result<T, RecvError>> {
    let receiver = receiver.clone();
    waiting(async move { receiver.recv().await }).await
}

/// Waits until so many stand in one of the lines of the channel.
fn until_wait(end: &impl Debug, line: &str, count: usize) {
    let wanted = format!("{line}_waiting: {count}");
    let started = Instant::now();
    while !format!("{end:?}").contains(&wanted) {
        assert!(started.elapsed() < HUNG_AFTER, "{end:?}");
        thread::yield_now();
    }
}

/// A thread that stands in one of the lines of the channel, behind those that do already.
pub(crate) fn waiting_thread<T: Send + 'static>(
    end: &impl Debug,
    line: &str,
    before: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let thread = thread::spawn(work);
    until_wait(end, line, before + 1);
    thread
}

pub(crate) async fn receive_all(receiver: Receiver<u64>) -> Total {
    total_until_closed(async || receiver.recv().await).await
}
