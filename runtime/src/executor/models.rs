//! What threads share of a task, run in every interleaving: wakes, references, the end of a core.
//!
//! The functions are the shipped ones, over real headers; the models stand in for the core, which
//! is one thread, and for the kernel that it sleeps in. The memory of each task is watched: a leak,
//! a second end, or an end that another thread's use could still follow, fails the model.

use std::alloc::Layout;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use super::block::{BlockLayout, BlockPool};
use super::header::{self, COMPLETE, Header, Identity, JOINABLE, TAKEN, Vtable};
use super::remote::Remote;
use crate::threads::explore;

static VTABLE: Vtable = Vtable {
    poll: |_| unreachable!("the model polls"),
    abort: |_| unreachable!("the model aborts"),
    take_output: |_, _| unreachable!("there is no output"),
    drop_output: |_| unreachable!("there is no output"),
    layout: BlockLayout::new(Layout::new::<Header>()),
};

/// A task's reference on its way to another thread.
#[derive(Clone, Copy)]
struct Task(NonNull<Header>);

// SAFETY: that this is sound is what the models check.
unsafe impl Send for Task {}

impl Task {
    /// A task of the calling thread without a `JoinHandle`, referenced by its executor.
    fn new(remote: &Arc<Remote>) -> Self {
        let task = BlockPool::default().take(VTABLE.layout).cast::<Header>();
        let (name, spawned_at) = (Default::default(), Location::caller());
        let identity = Identity { number: 0, name, spawned_at };
        let header = Header::of(&VTABLE, std::ptr::null(), remote, identity, 0);
        // SAFETY: the block is unused and of a header's layout.
        unsafe { task.write(header) };
        let task = Self(task);
        task.header().clear(JOINABLE);
        // SAFETY: the reference of the handle that there is not.
        unsafe { header::release_local(task.0) };
        task
    }

    fn header(&self) -> &Header {
        // SAFETY: each call in the models holds a reference.
        unsafe { self.0.as_ref() }
    }

    /// A waker's reference, counted by the owner.
    fn waker(self) -> Waker {
        self.header().retain_local();
        Waker(self)
    }

    fn complete(self) {
        self.header().set(COMPLETE | TAKEN);
        // SAFETY: the executor's only call, on the owner thread.
        unsafe { header::settle(self.0) };
    }

    /// What `Core::end` does to a task.
    fn end(self) {
        self.header().set(COMPLETE | TAKEN);
        self.header().give_up_executor();
        // SAFETY: on the owner thread, complete, and in no list.
        unsafe { header::orphan(self.0) };
    }
}

/// What `std::task::Waker` does on a thread that runs no core.
struct Waker(Task);

// SAFETY: as for `Task`.
unsafe impl Send for Waker {}

impl Waker {
    fn wake(&self) {
        // SAFETY: the waker holds a reference.
        unsafe { header::wake_remote(self.0.0) };
    }
}

impl Clone for Waker {
    fn clone(&self) -> Self {
        self.0.header().retain();
        Self(self.0)
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        // SAFETY: the waker's reference ends here.
        unsafe { header::release(self.0.0) };
    }
}

/// Takes the mail as a core does, and counts the wakes.
fn read(mail: impl Iterator<Item = NonNull<Header>>) -> usize {
    mail.filter(|task| {
        // SAFETY: taken from the inbox by its owner.
        let woken = unsafe { header::take_mail(*task) };
        if woken {
            // SAFETY: the reference that came with the mail.
            unsafe { header::release_remote(*task) };
        }
        woken
    })
    .count()
}

#[test]
fn loom_two_wakers_against_an_owner_that_parks() {
    explore(|| {
        let remote = Arc::new(Remote::new().unwrap());
        let task = Task::new(&remote);
        let news = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
        let threads = [0, 1].map(|index| {
            let (waker, news) = (task.waker(), Arc::clone(&news));
            thread::spawn(move || {
                news[index].store(1, Ordering::Relaxed);
                waker.wake();
            })
        });
        let mut seen = 0;
        while seen < 2 {
            // One turn of the loop.
            if remote.has_mail() && read(remote.take()) > 0 {
                // The task's poll: what its wakers wrote before they woke it is there.
                seen = news.iter().map(|news| news.load(Ordering::Relaxed)).sum();
            } else if remote.park() {
                remote.doorbell.wait();
                remote.unpark();
            }
        }
        task.complete();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        read(remote.close());
    });
}

#[test]
fn loom_a_wake_against_the_end_of_the_core() {
    explore(|| {
        let remote = Arc::new(Remote::new().unwrap());
        let task = Task::new(&remote);
        let threads = [task.waker(), task.waker()].map(|waker| thread::spawn(move || waker.wake()));
        task.end();
        read(remote.close());
        drop(remote);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_a_last_waker_against_the_end_of_the_core_that_lists_its_task() {
    explore(|| {
        let remote = Arc::new(Remote::new().unwrap());
        let task = Task::new(&remote);
        let (kept, waker) = (task.waker(), task.waker());
        task.complete();
        let thread = thread::spawn(move || drop(waker));
        drop(kept);
        // SAFETY: on the owner thread, and complete. Alive: merged, and no mail was read since.
        unsafe { header::orphan(task.0) };
        read(remote.close());
        drop(remote);
        thread.join().unwrap();
    });
}

#[test]
fn loom_clones_on_two_threads_against_completion() {
    explore(|| {
        let remote = Arc::new(Remote::new().unwrap());
        let task = Task::new(&remote);
        let waker = task.waker();
        let threads = [waker.clone(), waker].map(|waker| {
            thread::spawn(move || {
                let clone = waker.clone();
                drop(waker);
                drop(clone);
            })
        });
        task.complete();
        read(remote.take());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        read(remote.close());
    });
}

#[test]
fn loom_a_handle_and_a_waker_go_as_the_task_completes() {
    explore(|| {
        let remote = Arc::new(Remote::new().unwrap());
        let task = Task::new(&remote);
        task.header().retain_local();
        task.header().set(JOINABLE);
        let waker = task.waker();
        let thread = thread::spawn(move || drop(waker));
        task.complete();
        task.header().clear(JOINABLE);
        // SAFETY: the handle's reference, on the owner thread.
        unsafe { header::release_local(task.0) };
        read(remote.take());
        thread.join().unwrap();
        read(remote.close());
    });
}

#[test]
fn loom_mail_of_one_thread_arrives_once_and_in_order() {
    explore(|| {
        let remote = Arc::new(Remote::new().unwrap());
        let tasks = [Task::new(&remote), Task::new(&remote)];
        let (first, second) = (tasks[0].waker(), tasks[1].waker());
        let thread = thread::spawn(move || {
            first.wake();
            second.wake();
        });
        let mut arrived = Vec::new();
        let mut note = |task: &NonNull<Header>| arrived.push(*task);
        read(remote.take().inspect(&mut note));
        thread.join().unwrap();
        read(remote.take().inspect(&mut note));
        assert_eq!(arrived, tasks.map(|task| task.0));
        tasks.into_iter().for_each(Task::complete);
        read(remote.close());
    });
}
