//! Channels between tasks of one core, full and empty, and tasks that wait at them.

use std::rc::Rc;

use taut::JoinHandle;
use taut::channel::mpsc::{self, RecvError, SendError};

use super::channels::waiting;

/// A channel that is full of 0, 1, 2 and so on.
pub(crate) fn full(capacity: u32) -> (mpsc::Sender<u32>, Rc<mpsc::Receiver<u32>>) {
    let (sender, receiver) = mpsc::channel(capacity as usize);
    (0..capacity).for_each(|item| sender.try_send(item).unwrap());
    (sender, Rc::new(receiver))
}

pub(crate) fn empty(capacity: usize) -> (mpsc::Sender<u32>, Rc<mpsc::Receiver<u32>>) {
    let (sender, receiver) = mpsc::channel(capacity);
    (sender, Rc::new(receiver))
}

/// Sends in a task of its own, which waits.
pub(crate) async fn waiting_send(
    sender: &mpsc::Sender<u32>,
    item: u32,
) -> JoinHandle<Result<(), SendError<u32>>> {
    let sender = sender.clone();
    waiting(async move { sender.send(item).await }).await
}

/// Receives in a task of its own, which waits.
pub(crate) async fn waiting_recv(
    receiver: &Rc<mpsc::Receiver<u32>>,
) -> JoinHandle<Result<u32, RecvError>> {
    let receiver = Rc::clone(receiver);
    waiting(async move { receiver.recv().await }).await
}
