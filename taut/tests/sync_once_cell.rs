//! The cell that is written once: one initialiser at a time, and the next where one fails.

mod common;

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use common::waiters::{assert_nobody_waits, settle, waiters};
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait};
use futures_util::FutureExt;
use taut::sync::{Event, OnceCell};
use taut::time::sleep;
use taut::{Cancelled, JoinHandle, is_cancelled, spawn};

#[test]
fn one_of_many_makes_the_value_and_all_get_it() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (cell, made) = (Rc::new(OnceCell::new()), Rc::new(Cell::new(0)));
            let tasks: Vec<_> = (0..30)
                .map(|number| {
                    let (cell, made) = (Rc::clone(&cell), Rc::clone(&made));
                    spawn(async move {
                        let initialise = async || {
                            made.set(made.get() + 1);
                            sleep(Duration::from_micros(20)).await.unwrap();
                            number
                        };
                        *cell.get_or_init(initialise).await.unwrap()
                    })
                })
                .collect();
            for task in tasks {
                assert_eq!(in_time(task).await.unwrap(), 0, "the first one's");
            }
            assert_eq!((made.get(), cell.get()), (1, Some(&0)));
            assert_nobody_waits(&cell);
        });
    });
}

/// How an initialiser ends that makes no value.
#[derive(Clone, Copy, Debug)]
enum End {
    Fails,
    Panics,
    IsCancelled,
    IsDropped,
}

type Task = JoinHandle<io::Result<u32>>;

/// A task that would initialise with `value`, as soon as the event lets it.
fn initialiser(cell: &Rc<OnceCell<u32>>, value: Option<u32>, go: &Rc<Event>, end: End) -> Task {
    let (cell, go) = (Rc::clone(cell), Rc::clone(go));
    spawn(async move {
        let initialise = async || {
            go.wait().await?;
            assert!(value.is_some() || !matches!(end, End::Panics), "this initialiser panics");
            value.ok_or_else(|| io::Error::other("this initialiser fails"))
        };
        cell.get_or_try_init(initialise).await.copied()
    })
}

#[test]
fn where_an_initialiser_makes_nothing_the_next_in_line_tries() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for end in [End::Fails, End::Panics, End::IsCancelled, End::IsDropped] {
                eprintln!("  {end:?}");
                let (cell, go) = (Rc::new(OnceCell::new()), Rc::new(Event::new()));
                let first = initialiser(&cell, None, &go, end);
                let next = Rc::new(Event::new());
                let others: Vec<_> =
                    (1..4).map(|value| initialiser(&cell, Some(value), &next, end)).collect();
                settle().await;
                assert_eq!(waiters(&cell), (3, 0));
                match end {
                    End::Fails | End::Panics => go.set(),
                    End::IsCancelled => assert!(first.cancel()),
                    End::IsDropped => first.abort(),
                }
                settle().await;
                assert_eq!((waiters(&cell), cell.get()), ((2, 0), None), "the next one runs");
                match (end, in_time(first).await) {
                    (End::Fails, Ok(Err(error))) => assert!(error.to_string().contains("fails")),
                    (End::Panics, Err(error)) => assert!(error.is_panic()),
                    (End::IsCancelled, Ok(Err(error))) => assert!(is_cancelled(&error)),
                    (End::IsDropped, Err(error)) => assert!(error.is_aborted()),
                    (end, outcome) => panic!("{end:?} gave {outcome:?}"),
                }
                next.set();
                for task in others {
                    assert_eq!(in_time(task).await.unwrap().unwrap(), 1);
                }
                assert_nobody_waits(&cell);
            }
        });
    });
}

#[test]
fn whoever_waits_may_go_without_disturbing_the_rest() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (cell, go) = (Rc::new(OnceCell::new()), Rc::new(Event::new()));
            let tasks: Vec<_> =
                (0..4).map(|value| initialiser(&cell, Some(value), &go, End::Fails)).collect();
            settle().await;
            tasks[1].cancel();
            tasks[2].abort();
            settle().await;
            assert_eq!(waiters(&cell), (1, 0));
            go.set();
            let mut outcomes = Vec::new();
            for task in tasks {
                outcomes.push(in_time(task).await.map(|outcome| outcome.ok()).ok());
            }
            assert_eq!(outcomes, [Some(Some(0)), Some(None), None, Some(Some(0))]);
            assert_nobody_waits(&cell);
        });
    });
}

#[test]
fn a_value_that_is_set_by_hand_goes_to_all_and_stays() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (cell, go) = (Rc::new(OnceCell::new()), Rc::new(Event::new()));
            let tasks: Vec<_> =
                (0..3).map(|value| initialiser(&cell, Some(value), &go, End::Fails)).collect();
            settle().await;
            assert_eq!(cell.set(9), Ok(()));
            assert_eq!(cell.set(8), Err(8));
            settle().await;
            assert!(!tasks[0].is_finished(), "its initialiser goes on");
            assert!(tasks[1].is_finished() && tasks[2].is_finished());
            go.set();
            for task in tasks {
                assert_eq!(in_time(task).await.unwrap().unwrap(), 9);
            }
            let mut cell = Rc::into_inner(cell).unwrap();
            *cell.get_mut().unwrap() += 1;
            assert_eq!(cell.into_inner(), Some(10));
        });
    });
}

#[test]
fn a_value_that_is_there_is_no_wait() {
    let cell = OnceCell::from(5);
    let never = async || unreachable!("there is a value");
    assert_eq!(cell.get_or_init(never).now_or_never().unwrap(), Ok(&5));
    let cell = OnceCell::default();
    let fails = async || Err::<u8, Cancelled>(Cancelled);
    assert_eq!(cell.get_or_try_init(fails).now_or_never().unwrap(), Err(Cancelled));
    assert_eq!(cell.get_or_init(async || 6).now_or_never().unwrap(), Ok(&6));
}
