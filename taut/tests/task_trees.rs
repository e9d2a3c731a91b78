//! Random trees of combinators, tasks, groups, shields and waits, cancelled or aborted at random
//! times: a tree returns only after all of it has ended, and nothing is left.

mod common;

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;

use common::tasks::{Alive, FOREVER, micros};
use common::{in_time, on_each_driver, until};
use futures_util::stream::{FuturesUnordered, StreamExt};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use taut::task::{CancelToken, TaskGroup, all, all_settled, any, race, shield};
use taut::time::sleep;
use taut::{Cancelled, counters, spawn, yield_now};

#[derive(Clone, Debug)]
enum Tree {
    /// Waits so many microseconds; for ever, where it is in no shield.
    Sleep(Option<u64>),
    Yield,
    Fail,
    Dump,
    Task(Box<Self>),
    Shield(Box<Self>),
    /// Under a token that is thrown after so many microseconds.
    Token(Box<Self>, u64),
    /// One after the other, whatever each gives.
    Sequence(Vec<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
    Race(Vec<Self>),
    Settled(Vec<Self>),
    Group(Vec<Self>),
    Foreign(Vec<Self>),
}

impl Tree {
    /// Whether it surely ends if nobody stops it.
    fn ends(&self, shielded: bool) -> bool {
        let each = |trees: &[Self]| trees.iter().all(|tree| tree.ends(shielded));
        match self {
            Self::Sleep(None) => shielded,
            Self::Sleep(Some(_)) | Self::Yield | Self::Fail | Self::Dump | Self::Token(..) => true,
            Self::Task(tree) => tree.ends(shielded),
            Self::Shield(tree) => tree.ends(true),
            // The loser ends because it lost.
            Self::Race(trees) => trees.iter().any(|tree| tree.ends(shielded)),
            Self::Sequence(trees)
            | Self::All(trees)
            | Self::Any(trees)
            | Self::Settled(trees)
            | Self::Group(trees)
            | Self::Foreign(trees) => each(trees),
        }
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        4 => (0..120_u64).prop_map(|us| Tree::Sleep(Some(us))),
        2 => Just(Tree::Sleep(None)),
        1 => Just(Tree::Yield),
        1 => Just(Tree::Fail),
        1 => Just(Tree::Dump),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let one = || inner.clone().prop_map(Box::new);
        let some = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            one().prop_map(Tree::Task),
            one().prop_map(Tree::Shield),
            (one(), 0..200_u64).prop_map(|(tree, after_us)| Tree::Token(tree, after_us)),
            some().prop_map(Tree::Sequence),
            some().prop_map(Tree::All),
            some().prop_map(Tree::Any),
            some().prop_map(Tree::Race),
            some().prop_map(Tree::Settled),
            some().prop_map(Tree::Group),
            some().prop_map(Tree::Foreign),
        ]
    })
}

type Outcome = Result<(), Cancelled>;

/// What every node of a tree counts itself in, and whether a shield is around it.
#[derive(Clone)]
struct Around {
    alive: Alive,
    shielded: bool,
}

impl Around {
    fn run(&self, tree: Tree) -> Pin<Box<dyn Future<Output = Outcome>>> {
        let around = self.clone();
        Box::pin(async move {
            let _guard = around.alive.guard();
            around.run_node(tree).await
        })
    }

    fn run_each(&self, trees: Vec<Tree>) -> Vec<Pin<Box<dyn Future<Output = Outcome>>>> {
        trees.into_iter().map(|tree| self.run(tree)).collect()
    }

    async fn run_node(&self, tree: Tree) -> Outcome {
        match tree {
            Tree::Sleep(Some(us)) => sleep(micros(us)).await,
            Tree::Sleep(None) if self.shielded => sleep(micros(50)).await,
            Tree::Sleep(None) => sleep(FOREVER).await,
            Tree::Yield => {
                yield_now().await;
                Ok(())
            }
            Tree::Fail => Err(Cancelled),
            Tree::Dump => {
                assert!(!taut::dump().to_string().is_empty());
                Ok(())
            }
            Tree::Task(tree) => spawn(self.run(*tree)).cancel_on_drop().await.unwrap(),
            Tree::Shield(tree) => shield(Self { shielded: true, ..self.clone() }.run(*tree)).await,
            Tree::Token(tree, after_us) => {
                let (token, thrower) = (CancelToken::new(), CancelToken::new());
                let under = token.run(self.run(*tree));
                let throws = async {
                    if thrower.run(sleep(micros(after_us))).await.is_ok() {
                        token.cancel();
                    }
                };
                let ended = async {
                    let outcome = under.await;
                    thrower.cancel();
                    outcome
                };
                all_settled((ended, throws)).await.0
            }
            Tree::Sequence(trees) => {
                for tree in trees {
                    let _ = self.run(tree).await;
                }
                sleep(micros(1)).await
            }
            Tree::All(trees) => all(self.run_each(trees)).await.map(drop),
            Tree::Any(trees) => any(self.run_each(trees)).await.map_err(|_| Cancelled),
            Tree::Race(trees) => race(self.run_each(trees)).await,
            Tree::Settled(trees) => {
                all_settled(self.run_each(trees)).await;
                Ok(())
            }
            Tree::Group(trees) => {
                let group = TaskGroup::new();
                self.run_each(trees).into_iter().for_each(|tree| group.add(tree));
                group.wait().await.map_err(|error| panic!("{error}"))
            }
            Tree::Foreign(trees) => {
                let mut trees: FuturesUnordered<_> = self.run_each(trees).into_iter().collect();
                while trees.next().await.is_some() {}
                Ok(())
            }
        }
    }
}

/// How and when a tree is stopped; it may have ended by then.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// Where the tree ends by itself, else by a cancel at once.
    Never,
    Cancel {
        after_us: u64,
    },
    Abort {
        after_us: u64,
    },
}

fn stops() -> impl Strategy<Value = Stop> {
    let after_us = || prop_oneof![Just(0), 0..300_u64];
    prop_oneof![
        2 => Just(Stop::Never),
        4 => after_us().prop_map(|after_us| Stop::Cancel { after_us }),
        1 => after_us().prop_map(|after_us| Stop::Abort { after_us }),
    ]
}

async fn grow_and_stop(tree: Tree, stop: Stop) {
    let ends = tree.ends(false);
    let (alive, left) = (Alive::default(), Rc::new(Cell::new(None)));
    let around = Around { alive: alive.clone(), shielded: false };
    let (at_its_end, tasks) = (Rc::clone(&left), counters().tasks_live);
    let root = spawn(async move {
        let outcome = around.run(tree).await;
        // The root task itself is still there.
        at_its_end.set(Some((around.alive.count(), counters().tasks_live - tasks - 1)));
        outcome
    });
    if let Stop::Cancel { after_us: after_us @ 1.. } | Stop::Abort { after_us: after_us @ 1.. } =
        stop
    {
        sleep(micros(after_us)).await.unwrap();
    }
    match stop {
        Stop::Never | Stop::Cancel { .. } => {
            if !(ends && matches!(stop, Stop::Never)) {
                root.cancel();
            }
            let _either: Outcome = root.await.unwrap();
            assert_eq!(left.get(), Some((0, 0)), "it ended before its children");
        }
        Stop::Abort { .. } => {
            root.abort();
            drop(root.await);
            // Tasks whose handles were dropped are cancelled, and die in the background.
            until(|| alive.count() == 0 && counters().tasks_live == tasks).await;
        }
    }
}

#[test]
fn a_tree_returns_only_after_all_of_it_has_ended() {
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        let config = Config { cases: 1_000, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new(config);
        let cases = runner.run(&(trees(), stops()), |(tree, stop)| {
            runtime.block_on(in_time(grow_and_stop(tree, stop)));
            prop_assert_eq!(runtime.counters().tasks_live, 0);
            prop_assert!(runtime.dump().tasks().is_empty());
            Ok(())
        });
        cases.unwrap();
        assert_eq!(runtime.counters().cancels_overdue, 0);
    });
}
