//! What the tests of work off the core share.

use std::io::Result;
use std::sync::mpsc::{Sender, channel};
use std::thread::ThreadId;

use taut::{JoinHandle, off_core, spawn};

use super::until;

pub(crate) fn thread() -> ThreadId {
    std::thread::current().id()
}

/// Work that runs, and keeps its thread, until it is let go.
pub(crate) struct Occupied {
    pub(crate) let_go: Sender<()>,
    work: JoinHandle<Result<()>>,
}

impl Occupied {
    pub(crate) async fn new() -> Self {
        let (let_go, is_let_go) = channel();
        let (begin, has_begun) = channel();
        let work = spawn(off_core(move || {
            begin.send(()).unwrap();
            is_let_go.recv().unwrap();
        }));
        until(|| has_begun.try_recv().is_ok()).await;
        Self { let_go, work }
    }

    pub(crate) async fn let_go(self) {
        self.let_go.send(()).unwrap();
        self.work.await.unwrap().unwrap();
    }
}
