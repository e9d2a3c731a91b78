//! Wakers are sound from every thread: no wake is lost, none counts twice, and a waker may outlive
//! its task, its runtime and its thread.

#![expect(clippy::async_yields_async, reason = "a handle leaves its `block_on` on purpose")]

mod common;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::{Random, block_on, on_each_driver, on_each_driver_and_wait};
use futures_util::lock::{Mutex, MutexGuard};
use futures_util::task::AtomicWaker;
use taut::time::sleep;
use taut::{spawn, spawn_background, yield_now};

/// An answer that another thread gives once.
#[derive(Default)]
struct Answer {
    given: AtomicBool,
    value: AtomicU64,
    waker: AtomicWaker,
}

impl Answer {
    fn give(&self, value: u64) {
        self.value.store(value, Ordering::Relaxed);
        self.given.store(true, Ordering::Release);
        self.waker.wake();
    }
}

struct Wait(Arc<Answer>);

impl Future for Wait {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u64> {
        self.0.waker.register(context.waker());
        if self.0.given.load(Ordering::Acquire) {
            Poll::Ready(self.0.value.load(Ordering::Relaxed))
        } else {
            Poll::Pending
        }
    }
}

/// Questions on their way to the threads that answer them.
///
/// This file runs under ThreadSanitizer, which sees into this lock but not into the standard
/// library's.
#[derive(Default)]
struct Questions {
    queue: Mutex<VecDeque<(u64, Arc<Answer>)>>,
    closed: AtomicBool,
}

impl Questions {
    fn ask(&self, question: u64) -> Wait {
        let answer = Arc::new(Answer::default());
        spin_lock(&self.queue).push_back((question, Arc::clone(&answer)));
        Wait(answer)
    }

    /// Answers each question with its successor.
    fn serve(&self) {
        while !self.closed.load(Ordering::Acquire) {
            let asked = spin_lock(&self.queue).pop_front();
            match asked {
                Some((question, answer)) => answer.give(question + 1),
                None => std::thread::yield_now(),
            }
        }
    }
}

fn spin_lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    loop {
        match mutex.try_lock() {
            Some(guard) => return guard,
            None => std::thread::yield_now(),
        }
    }
}

#[test]
fn every_wake_from_another_thread_arrives() {
    on_each_driver_and_wait(|builder| {
        let questions = Arc::new(Questions::default());
        let threads = [(); 3].map(|()| {
            let questions = Arc::clone(&questions);
            std::thread::spawn(move || questions.serve())
        });
        block_on(builder, async {
            let tasks: Vec<_> = (0..16)
                .map(|task| {
                    let questions = Arc::clone(&questions);
                    let ask = async move {
                        for question in 0..500 {
                            assert_eq!(questions.ask(question).await, question + 1);
                        }
                    };
                    if task % 4 == 0 { spawn_background(ask) } else { spawn(ask) }
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        questions.closed.store(true, Ordering::Release);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn one_wake_from_another_thread_is_one_poll() {
    const ROUNDS: u64 = 2000;
    on_each_driver_and_wait(|builder| {
        let turn = Arc::new(Answer::default());
        let asked = Arc::new(AtomicU64::new(0));
        let (other_turn, other_asked) = (Arc::clone(&turn), Arc::clone(&asked));
        let thread = std::thread::spawn(move || {
            for round in 1..=ROUNDS {
                while other_asked.load(Ordering::Acquire) < round {
                    std::thread::yield_now();
                }
                other_turn.value.store(round, Ordering::Release);
                // Two wakes of one task before it can run again may become one, never more.
                other_turn.waker.wake();
            }
        });
        block_on(builder, async {
            let before = taut::counters();
            let mut polls = 0;
            poll_fn(|context| {
                polls += 1;
                turn.waker.register(context.waker());
                // The answers lag one behind the polls: each poll but the first has its wake.
                assert_eq!(turn.value.load(Ordering::Acquire), polls - 1);
                if polls > ROUNDS {
                    return Poll::Ready(());
                }
                asked.store(polls, Ordering::Release);
                Poll::Pending
            })
            .await;
            assert_eq!(polls, ROUNDS + 1);
            assert_eq!(taut::counters().since(&before).remote_wakes, ROUNDS);
        });
        thread.join().unwrap();
    });
}

#[test]
fn wakes_under_load_lose_nothing() {
    const THREADS: u64 = 3;
    const WAKES: u64 = 150_000;
    on_each_driver_and_wait(|builder| {
        let shared = Arc::new(Answer::default());
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    for _ in 0..WAKES {
                        shared.value.fetch_add(1, Ordering::Relaxed);
                        shared.waker.wake();
                    }
                })
            })
            .collect();
        block_on(builder, async {
            poll_fn(|context| {
                shared.waker.register(context.waker());
                // `Relaxed`: the wake itself must carry the count over.
                match shared.value.load(Ordering::Relaxed) {
                    value if value == THREADS * WAKES => Poll::Ready(()),
                    _ => Poll::Pending,
                }
            })
            .await;
            assert!(taut::counters().remote_wakes <= THREADS * WAKES);
        });
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// Wakers in the hands of all threads at once.
struct Exchange {
    places: Vec<Mutex<Option<Waker>>>,
    stop: AtomicBool,
}

impl Exchange {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            places: (0..32).map(|_| Mutex::default()).collect(),
            stop: AtomicBool::new(false),
        })
    }

    /// Puts a waker into some place and returns the one that was there.
    fn swap(&self, random: &mut Random, waker: Option<Waker>) -> Option<Waker> {
        let mut place = spin_lock(&self.places[random.below(self.places.len())]);
        std::mem::replace(&mut place, waker)
    }

    /// Takes wakers, clones, wakes, drops and passes them on.
    fn trade(&self, random: &mut Random) {
        let Some(waker) = self.swap(random, None) else { return };
        match random.below(6) {
            0 => waker.wake(),
            1 => drop(waker),
            2 => {
                drop(self.swap(random, Some(waker.clone())));
                waker.wake();
            }
            3 => {
                let twin = waker.clone();
                waker.wake();
                drop(twin);
            }
            4 => waker.wake_by_ref(),
            _ => drop(self.swap(random, Some(waker))),
        }
    }
}

#[test]
fn wakers_change_hands_at_random_while_tasks_end() {
    let seed = 3;
    eprintln!("seed {seed}");
    on_each_driver(|builder| {
        let exchange = Exchange::new();
        let threads: Vec<_> = (1..=3)
            .map(|thread| {
                let exchange = Arc::clone(&exchange);
                std::thread::spawn(move || {
                    let mut random = Random::new(seed + thread);
                    while !exchange.stop.load(Ordering::Relaxed) {
                        exchange.trade(&mut random);
                    }
                })
            })
            .collect();
        // Two runtimes one after the other: wakers of the first go round in the second.
        for _ in 0..2 {
            let exchange = Arc::clone(&exchange);
            block_on(builder.clone(), async move {
                let mut random = Random::new(seed);
                for _ in 0..20_000 {
                    let polls = random.below(4);
                    let handle = spawn(hand_out_wakers(Arc::clone(&exchange), polls, seed));
                    match random.below(3) {
                        0 => drop(handle),
                        1 => assert_eq!(handle.await.unwrap(), polls),
                        _ => handle.abort(),
                    }
                    exchange.trade(&mut random);
                }
            });
        }
        exchange.stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().unwrap();
        }
        // The rest outlives its runtimes.
        for place in &exchange.places {
            if let Some(waker) = spin_lock(place).take() {
                waker.wake();
            }
        }
    });
}

/// Gives a waker away at each poll; ends after so many.
async fn hand_out_wakers(exchange: Arc<Exchange>, polls: usize, seed: u64) -> usize {
    for poll in 0..polls {
        let mut random = Random::new(seed + poll as u64);
        poll_fn(|context| {
            let waker = Some(context.waker().clone());
            drop(exchange.swap(&mut random, waker));
            Poll::Ready(())
        })
        .await;
        yield_now().await;
    }
    polls
}

/// Runs a task on a thread of its own and returns wakers of it.
fn wakers_of_a_task(builder: taut::Builder, ended: bool, runtime_ended: bool) -> Vec<Waker> {
    let serve = move || {
        let runtime = builder.build().unwrap();
        let wakers = Rc::new(RefCell::new(Vec::new()));
        let handed_out = Rc::clone(&wakers);
        let handle = runtime.block_on(async {
            let mut left = 2;
            let handle = spawn(poll_fn(move |context| {
                left -= 1;
                handed_out.borrow_mut().extend([context.waker().clone(), context.waker().clone()]);
                if ended && left == 0 { Poll::Ready(()) } else { Poll::Pending }
            }));
            yield_now().await;
            wakers.borrow()[0].wake_by_ref();
            yield_now().await;
            assert_eq!(handle.is_finished(), ended);
            handle
        });
        if runtime_ended {
            drop(runtime);
            drop(handle);
        } else {
            drop(handle);
            drop(runtime);
        }
        wakers.take()
    };
    std::thread::spawn(serve).join().unwrap()
}

#[test]
fn a_waker_may_outlive_its_task_its_runtime_and_its_thread() {
    on_each_driver(|builder| {
        for (ended, runtime_ended) in [(false, false), (false, true), (true, false), (true, true)] {
            let wakers = wakers_of_a_task(builder.clone(), ended, runtime_ended);
            assert_eq!(wakers.len(), 4);
            let again: Vec<Waker> = wakers.iter().map(Waker::clone).collect();
            let [one, two, three, four] = <[Waker; 4]>::try_from(wakers).unwrap();
            one.wake_by_ref();
            two.wake();
            // In another runtime it is a waker like any other, and wakes nobody.
            block_on(builder.clone(), async move {
                three.wake_by_ref();
                let mut nap = sleep(Duration::from_micros(10));
                assert!(Pin::new(&mut nap).poll(&mut Context::from_waker(&three)).is_pending());
                nap.await.unwrap();
                drop(three);
            });
            std::thread::spawn(move || four.wake()).join().unwrap();
            drop((one, again));
        }
    });
}

#[test]
fn a_waker_may_come_back_and_be_dropped_by_its_owner() {
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        let foreign = |waker: Waker| std::thread::spawn(move || (waker.clone(), waker)).join();
        let kept: Cell<Option<Waker>> = Cell::new(None);
        runtime.block_on(async {
            let live = taut::counters().tasks_live;
            for round in 0..200 {
                let handle = spawn(poll_fn(move |context| {
                    // Counted here and dropped there, counted there and dropped here.
                    let (cloned_there, cloned_here) = foreign(context.waker().clone()).unwrap();
                    if round % 2 == 0 {
                        std::thread::spawn(move || drop(cloned_here)).join().unwrap();
                        drop(cloned_there);
                    } else {
                        drop(cloned_here);
                        std::thread::spawn(move || drop(cloned_there)).join().unwrap();
                    }
                    Poll::Ready(context.waker().clone())
                }));
                kept.set(Some(handle.await.unwrap()));
            }
            assert_eq!(taut::counters().tasks_live, live);
        });
        // On the owner's thread, but outside of `block_on`.
        let last = kept.take().unwrap();
        last.wake_by_ref();
        drop(last);
        assert_eq!(runtime.block_on(async { 1 }), 1);
    });
}
