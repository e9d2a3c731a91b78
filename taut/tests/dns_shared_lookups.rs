//! Lookups that several wait for, and lookups that are given up: nothing is lost for the others,
//! and nothing is left.

mod common;

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use common::tasks::{Alive, FOREVER};
use common::{block_on, on_each_driver, poll_then_drop, turns, until};
use taut::net::{Connector, ResolveError, Resolver, ResolverBuilder};
use taut::sync::Event;
use taut::time::sleep;
use taut::{JoinHandle, counters, is_cancelled, spawn};

const ANSWER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A resolver that answers when it is told to.
struct Slow {
    resolver: Resolver,
    answers: Rc<Event>,
    asked: Rc<Cell<u32>>,
    /// Lookups that are under way.
    alive: Alive,
}

fn slow(builder: ResolverBuilder) -> Slow {
    let (answers, asked, alive) = (Rc::new(Event::new()), Rc::new(Cell::new(0)), Alive::default());
    let parts = (Rc::clone(&answers), Rc::clone(&asked), alive.clone());
    let builder = builder.lookup(move |_| {
        let (answers, asked, alive) = parts.clone();
        asked.set(asked.get() + 1);
        let guard = alive.guard();
        async move {
            let _guard = guard;
            answers.wait().await?;
            Ok(vec![ANSWER])
        }
    });
    Slow { resolver: builder.build(), answers, asked, alive }
}

impl Slow {
    fn ask(&self) -> JoinHandle<std::io::Result<Vec<std::net::SocketAddr>>> {
        let resolver = self.resolver.clone();
        spawn(async move { resolver.resolve("venue.example", 80).await })
    }

    /// Nobody waits any more, and so nothing is left.
    async fn is_left(&self) {
        until(|| self.alive.count() == 0 && counters().tasks_live == 1).await;
        turns(2).await;
        assert_eq!(counters().operations_in_flight, 0);
    }
}

#[test]
fn all_who_ask_for_a_name_share_one_lookup() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let slow = slow(Resolver::builder());
            let waiters: Vec<_> = (0..10).map(|_| slow.ask()).collect();
            until(|| slow.asked.get() == 1).await;
            turns(3).await;
            slow.answers.set();
            for waiter in waiters {
                assert_eq!(waiter.await.unwrap().unwrap(), [(ANSWER, 80).into()]);
            }
            assert_eq!(slow.asked.get(), 1);
            slow.is_left().await;
        });
    });
}

#[test]
fn a_waiter_that_is_dropped_or_cancelled_takes_nothing_from_the_others() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let slow = slow(Resolver::builder());
            let first = slow.ask();
            until(|| slow.asked.get() == 1).await;
            let (second, third) = (slow.ask(), slow.ask());
            turns(2).await;
            first.abort();
            assert!(first.await.unwrap_err().is_aborted());
            second.cancel();
            assert!(is_cancelled(&second.await.unwrap().unwrap_err()));
            turns(2).await;
            slow.answers.set();
            assert_eq!(third.await.unwrap().unwrap(), [(ANSWER, 80).into()]);
            assert_eq!(slow.asked.get(), 1);
            slow.is_left().await;
        });
    });
}

#[test]
fn a_lookup_that_everybody_has_left_is_gone_and_the_next_one_is_new() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let slow = slow(Resolver::builder());
            for turns_between in [0, 1, 2, 5, 50] {
                poll_then_drop(slow.resolver.resolve("venue.example", 80), turns_between).await;
                slow.is_left().await;
            }
            let one = slow.ask();
            until(|| slow.alive.count() == 1).await;
            one.cancel();
            assert!(is_cancelled(&one.await.unwrap().unwrap_err()));
            slow.is_left().await;
            slow.answers.set();
            let resolved = slow.ask().await.unwrap().unwrap();
            assert_eq!(resolved, [(ANSWER, 80).into()]);
        });
    });
}

#[test]
fn a_lookup_of_the_system_can_be_dropped_at_any_time() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for count in [0, 1, 2, 3, 5, 8, 100] {
                let resolver = Resolver::builder().system_lookups_max(1).build();
                for _ in 0..4 {
                    poll_then_drop(resolver.resolve("127.1", 80), count).await;
                }
                // The only place is free again.
                let resolved = resolver.resolve("127.2", 80).await.unwrap();
                assert_eq!(resolved, ["127.0.0.2:80".parse().unwrap()]);
                until(|| counters().tasks_live == 1).await;
            }
        });
    });
}

#[test]
fn a_resolver_that_is_too_slow_is_named_and_left() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let slow = slow(Resolver::builder().lookup_timeout(Duration::from_millis(2)));
            let error = slow.resolver.resolve("Venue.Example", 80).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            let inner: &ResolveError = error.get_ref().unwrap().downcast_ref().unwrap();
            assert_eq!(inner.host(), "Venue.Example");
            assert!(error.to_string().contains("lookup_timeout"), "{error}");
            slow.is_left().await;
            // A time-out is nothing that was learned of the name.
            slow.answers.set();
            assert!(slow.resolver.resolve("venue.example", 80).await.is_ok());
        });
    });
}

#[test]
fn a_connect_gives_a_slow_resolver_up_with_its_own_time() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let slow = slow(Resolver::builder().lookup_timeout(FOREVER));
            let connector =
                Connector::new().resolver(slow.resolver.clone()).timeout(Duration::from_millis(2));
            let error = connector.connect("venue.example:80").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(error.to_string().contains("not resolved"), "{error}");
            slow.is_left().await;
        });
    });
}

#[test]
fn a_lookup_that_panics_is_told_to_all_who_wait() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let resolver = Resolver::builder().lookup(|name| async move {
                sleep(Duration::from_micros(10)).await?;
                panic!("no idea about {name}");
            });
            let resolver = resolver.build();
            let ask = || {
                let resolver = resolver.clone();
                spawn(async move { resolver.resolve("venue.example", 80).await })
            };
            for waiter in [ask(), ask()] {
                let error = waiter.await.unwrap().unwrap_err();
                assert!(error.to_string().contains("panicked"), "{error}");
            }
            until(|| counters().tasks_live == 1).await;
        });
    });
}

#[test]
fn a_runtime_that_ends_in_the_middle_of_lookups_ends() {
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        let alive = runtime.block_on(async {
            let slow = slow(Resolver::builder());
            slow.resolver.use_for_core();
            let waiter = slow.ask();
            until(|| slow.asked.get() == 1).await;
            drop(waiter);
            slow.alive
        });
        assert_eq!(alive.count(), 1);
        drop(runtime);
        assert_eq!(alive.count(), 0);
    });
}
