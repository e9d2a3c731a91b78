//! The bounded channels of one core against a plain model: whatever is sent, received, dropped,
//! cancelled and closed, and in whatever order the tasks then run, both do the same.

mod common;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use common::on_each_driver;
use common::waiters::settle;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use taut::channel::{RecvError, SendError, TryRecvError, TrySendError, conflate, mpsc};
use taut::{JoinHandle, Runtime, spawn};

/// A key, which only one of the channels looks at, and a value that is sent once.
type Item = (u8, u32);

#[derive(Clone, Debug)]
enum Step {
    Send {
        key: u8,
    },
    TrySend {
        key: u8,
    },
    Recv,
    TryRecv,
    /// Of the tasks so far, by number.
    Abort {
        task: usize,
    },
    Cancel {
        task: usize,
    },
    Close,
    /// Lets the tasks run.
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u8..6).prop_map(|key| Step::Send { key }),
        4 => (0_u8..6).prop_map(|key| Step::TrySend { key }),
        6 => Just(Step::Recv),
        3 => Just(Step::TryRecv),
        3 => (0_usize..60).prop_map(|task| Step::Abort { task }),
        3 => (0_usize..60).prop_map(|task| Step::Cancel { task }),
        6 => Just(Step::Settle),
        1 => Just(Step::Close),
    ]
}

/// What became of a task's send or receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Sent,
    Refused(Item),
    SendCancelled(Item),
    Received(Item),
    Ended,
    RecvCancelled,
}

impl From<Result<(), SendError<Item>>> for Outcome {
    fn from(sent: Result<(), SendError<Item>>) -> Self {
        match sent {
            Ok(()) => Self::Sent,
            Err(SendError::Closed(item)) => Self::Refused(item),
            Err(error) => Self::SendCancelled(error.into_inner()),
        }
    }
}

impl From<Result<Item, RecvError>> for Outcome {
    fn from(received: Result<Item, RecvError>) -> Self {
        match received {
            Ok(item) => Self::Received(item),
            Err(RecvError::Closed) => Self::Ended,
            Err(_) => Self::RecvCancelled,
        }
    }
}

/// A channel under test.
trait Subject: 'static {
    const CONFLATES: bool;

    fn new(capacity: usize) -> Self;
    fn len(&self) -> usize;
    fn send(&self, item: Item) -> impl Future<Output = Result<(), SendError<Item>>>;
    fn try_send(&self, item: Item) -> Result<(), TrySendError<Item>>;
    fn recv(&self) -> impl Future<Output = Result<Item, RecvError>>;
    fn try_recv(&self) -> Result<Item, TryRecvError>;
    fn close(&self);
}

impl Subject for (mpsc::Sender<Item>, mpsc::Receiver<Item>) {
    const CONFLATES: bool = false;

    fn new(capacity: usize) -> Self {
        mpsc::channel(capacity)
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn send(&self, item: Item) -> impl Future<Output = Result<(), SendError<Item>>> {
        self.0.send(item)
    }

    fn try_send(&self, item: Item) -> Result<(), TrySendError<Item>> {
        self.0.try_send(item)
    }

    fn recv(&self) -> impl Future<Output = Result<Item, RecvError>> {
        self.1.recv()
    }

    fn try_recv(&self) -> Result<Item, TryRecvError> {
        self.1.try_recv()
    }

    fn close(&self) {
        self.1.close();
    }
}

impl Subject for (conflate::Sender<u8, u32>, conflate::Receiver<u8, u32>) {
    const CONFLATES: bool = true;

    fn new(capacity: usize) -> Self {
        conflate::channel(capacity)
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn send(&self, (key, value): Item) -> impl Future<Output = Result<(), SendError<Item>>> {
        self.0.send(key, value)
    }

    fn try_send(&self, (key, value): Item) -> Result<(), TrySendError<Item>> {
        self.0.try_send(key, value)
    }

    fn recv(&self) -> impl Future<Output = Result<Item, RecvError>> {
        self.1.recv()
    }

    fn try_recv(&self) -> Result<Item, TryRecvError> {
        self.1.try_recv()
    }

    fn close(&self) {
        self.1.close();
    }
}

/// Which of the two lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Room,
    Items,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Never polled.
    New,
    InLine,
    /// Holds a promise; whether its cancel came first.
    Promised {
        late: bool,
    },
    Dismissed,
}

#[derive(Debug)]
struct Task {
    line: Line,
    item: Option<Item>,
    place: Place,
    queued: bool,
    cancelled: bool,
    aborted: bool,
    ended: bool,
}

/// The model: lists, and a run queue.
#[derive(Debug, Default)]
struct Model {
    capacity: usize,
    conflates: bool,
    closed: bool,
    buffer: VecDeque<Item>,
    free: [usize; 2],
    lines: [VecDeque<usize>; 2],
    tasks: Vec<Task>,
    ready: VecDeque<usize>,
    outcomes: Vec<Option<Outcome>>,
    conflated: usize,
}

impl Model {
    fn new(capacity: usize, conflates: bool) -> Self {
        Self { capacity, conflates, free: [capacity, 0], ..Self::default() }
    }

    fn spawn(&mut self, line: Line, item: Option<Item>) {
        let (place, number) = (Place::New, self.tasks.len());
        let flags = (false, false, false);
        let (cancelled, aborted, ended) = flags;
        self.tasks.push(Task { line, item, place, queued: true, cancelled, aborted, ended });
        self.outcomes.push(None);
        self.ready.push_back(number);
    }

    fn schedule(&mut self, number: usize) {
        let task = &mut self.tasks[number];
        if !task.ended && !std::mem::replace(&mut task.queued, true) {
            self.ready.push_back(number);
        }
    }

    fn give(&mut self, line: Line) {
        match self.lines[line as usize].pop_front() {
            Some(first) => {
                self.tasks[first].place = Place::Promised { late: self.tasks[first].cancelled };
                self.schedule(first);
            }
            None => self.free[line as usize] += 1,
        }
    }

    fn take(&mut self, line: Line) -> bool {
        let free = &mut self.free[line as usize];
        let there = *free > 0;
        *free = free.saturating_sub(1);
        there
    }

    fn send(&mut self, item: Item, promised: bool) -> Result<(), TrySendError<Item>> {
        if self.closed {
            return Err(TrySendError::Closed(item));
        }
        let conflates = self.conflates;
        let known = self.buffer.iter_mut().find(|known| conflates && known.0 == item.0);
        if let Some(known) = known {
            *known = item;
            self.conflated += 1;
            if promised {
                self.give(Line::Room);
            }
            return Ok(());
        }
        if !promised && !self.take(Line::Room) {
            return Err(TrySendError::Full(item));
        }
        self.buffer.push_back(item);
        assert!(self.buffer.len() <= self.capacity);
        self.give(Line::Items);
        Ok(())
    }

    fn recv(&mut self, promised: bool) -> Result<Item, TryRecvError> {
        if !promised && !self.take(Line::Items) && !self.closed {
            return Err(TryRecvError::Empty);
        }
        let item = self.buffer.pop_front().ok_or(TryRecvError::Closed)?;
        self.give(Line::Room);
        Ok(item)
    }

    fn close(&mut self) {
        self.closed = true;
        for line in [Line::Room, Line::Items] {
            while let Some(first) = self.lines[line as usize].pop_front() {
                self.tasks[first].place = Place::Dismissed;
                self.schedule(first);
            }
        }
    }

    fn abort(&mut self, number: usize) {
        self.tasks[number].aborted = true;
        self.schedule(number);
    }

    fn cancel(&mut self, number: usize) {
        self.tasks[number].cancelled |= !self.tasks[number].ended;
        self.schedule(number);
    }

    fn run(&mut self) {
        while let Some(number) = self.ready.pop_front() {
            self.tasks[number].queued = false;
            let outcome = self.poll(number);
            self.tasks[number].ended = outcome.is_some() || self.tasks[number].aborted;
            self.outcomes[number] = outcome;
        }
    }

    fn leave(&mut self, number: usize) {
        let Task { line, place, .. } = self.tasks[number];
        match place {
            Place::InLine => self.lines[line as usize].retain(|other| *other != number),
            Place::Promised { .. } => self.give(line),
            Place::New | Place::Dismissed => {}
        }
    }

    fn poll(&mut self, number: usize) -> Option<Outcome> {
        let Task { line, item, place, cancelled, aborted, .. } = self.tasks[number];
        if aborted {
            self.leave(number);
            return None;
        }
        let in_time = matches!(place, Place::Promised { late: false } | Place::Dismissed);
        if cancelled && !in_time {
            self.leave(number);
            return Some(item.map_or(Outcome::RecvCancelled, Outcome::SendCancelled));
        }
        if place == Place::InLine {
            return None;
        }
        let promised = matches!(place, Place::Promised { .. });
        let outcome = match item {
            Some(item) => match self.send(item, promised) {
                Ok(()) => Some(Outcome::Sent),
                Err(TrySendError::Closed(item)) => Some(Outcome::Refused(item)),
                Err(_) => None,
            },
            None => match self.recv(promised) {
                Ok(item) => Some(Outcome::Received(item)),
                Err(TryRecvError::Closed) => Some(Outcome::Ended),
                Err(_) => None,
            },
        };
        if outcome.is_none() {
            self.tasks[number].place = Place::InLine;
            self.lines[line as usize].push_back(number);
        }
        outcome
    }
}

/// The channel and its tasks, beside the model.
struct Pair<C> {
    channel: Rc<C>,
    tasks: Vec<JoinHandle<()>>,
    outcomes: Rc<RefCell<Vec<Option<Outcome>>>>,
    model: Model,
    values: u32,
    sent_at_once: usize,
    received_at_once: usize,
}

impl<C: Subject> Pair<C> {
    fn new(capacity: usize) -> Self {
        Self {
            channel: Rc::new(C::new(capacity)),
            tasks: Vec::new(),
            outcomes: Rc::default(),
            model: Model::new(capacity, C::CONFLATES),
            values: 0,
            sent_at_once: 0,
            received_at_once: 0,
        }
    }

    fn next_item(&mut self, key: u8) -> Item {
        self.values += 1;
        (key, self.values)
    }

    fn spawn(&mut self, line: Line, item: Option<Item>) {
        let (channel, outcomes) = (Rc::clone(&self.channel), Rc::clone(&self.outcomes));
        let number = self.tasks.len();
        self.outcomes.borrow_mut().push(None);
        self.tasks.push(spawn(async move {
            let outcome = match item {
                Some(item) => channel.send(item).await.into(),
                None => channel.recv().await.into(),
            };
            outcomes.borrow_mut()[number] = Some(outcome);
        }));
        self.model.spawn(line, item);
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Send { key } => {
                let item = self.next_item(key);
                self.spawn(Line::Room, Some(item));
            }
            Step::Recv => self.spawn(Line::Items, None),
            Step::TrySend { key } => {
                let item = self.next_item(key);
                let sent = self.channel.try_send(item);
                assert_eq!(sent, self.model.send(item, false));
                self.sent_at_once += usize::from(sent.is_ok());
            }
            Step::TryRecv => {
                let received = self.channel.try_recv();
                assert_eq!(received, self.model.recv(false));
                self.received_at_once += usize::from(received.is_ok());
            }
            Step::Abort { task } if task < self.tasks.len() => {
                self.tasks[task].abort();
                self.model.abort(task);
            }
            Step::Cancel { task } if task < self.tasks.len() => {
                self.tasks[task].cancel();
                self.model.cancel(task);
            }
            Step::Abort { .. } | Step::Cancel { .. } => {}
            Step::Close => {
                self.channel.close();
                self.model.close();
            }
            Step::Settle => {
                settle().await;
                self.model.run();
                assert_eq!(*self.outcomes.borrow(), self.model.outcomes);
            }
        }
        assert_eq!(self.channel.len(), self.model.buffer.len());
    }

    /// Whatever was sent was received, replaced by a later value, or is still there.
    fn check_balance(&self) {
        let count = |wanted: fn(&Outcome) -> bool| {
            self.outcomes.borrow().iter().flatten().filter(|outcome| wanted(outcome)).count()
        };
        let sent = self.sent_at_once + count(|outcome| *outcome == Outcome::Sent);
        let received =
            self.received_at_once + count(|outcome| matches!(outcome, Outcome::Received(_)));
        assert_eq!(sent, received + self.model.conflated + self.channel.len());
    }
}

fn agrees_with_the_model<C: Subject>() {
    on_each_driver(|builder| {
        let runtime: Runtime = builder.build().unwrap();
        let cases = (1_usize..5, proptest::collection::vec(step(), 0..60));
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&cases, |(capacity, steps)| {
            runtime.block_on(async {
                let mut pair = Pair::<C>::new(capacity);
                for step in steps.into_iter().chain([Step::Settle]) {
                    pair.take(step).await;
                }
                pair.check_balance();
                for task in pair.tasks {
                    task.abort();
                    let _ = task.await;
                }
            });
            Ok(())
        });
        outcome.unwrap();
    });
}

#[test]
fn mpsc_agrees_with_a_plain_model() {
    agrees_with_the_model::<(mpsc::Sender<Item>, mpsc::Receiver<Item>)>();
}

#[test]
fn conflate_agrees_with_a_plain_model() {
    agrees_with_the_model::<(conflate::Sender<u8, u32>, conflate::Receiver<u8, u32>)>();
}
