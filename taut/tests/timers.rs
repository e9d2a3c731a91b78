//! Timers fire in order, never early, at any distance and in any number; cancelled ones do not.

mod common;

use std::cell::RefCell;
use std::future::{pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::{Random, block_on, on_each_driver, on_each_driver_and_wait};
use futures_util::FutureExt;
use taut::time::{
    Instant, MissedTicks, Sleep, interval, interval_at, sleep, sleep_until, timeout, timeout_at,
};
use taut::{spawn, yield_now};

fn micros(count: u64) -> Duration {
    Duration::from_micros(count)
}

/// Keeps the core busy until a moment has passed, without giving way to the loop.
fn busy_until(moment: Instant) {
    while Instant::now() <= moment {
        std::hint::spin_loop();
    }
}

#[test]
fn a_sleep_never_ends_early() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let delays_ns = [0, 1, 500, 1023, 1024, 1025, 20_000, 65_536, 70_000, 5_000_000];
            for delay in delays_ns.map(Duration::from_nanos) {
                let start = Instant::now();
                let nap = sleep(delay);
                let deadline = nap.deadline();
                assert!(deadline >= start + delay);
                nap.await.unwrap();
                assert!(Instant::now() >= deadline, "{delay:?} ended early");
            }
        });
    });
}

#[test]
fn deadlines_fire_in_order_and_equal_ones_in_the_order_of_their_start() {
    on_each_driver_and_wait(|builder| {
        // All start within one turn, before the first can fire.
        block_on(builder.poll_budget(1000), async {
            let log = Rc::new(RefCell::new(Vec::new()));
            let start = Instant::now() + micros(300);
            let mut random = Random::new(11);
            let tasks: Vec<_> = (0..500_u64)
                .map(|index| {
                    let deadline_us = random.below(20) as u64 * 50;
                    let log = Rc::clone(&log);
                    spawn(async move {
                        sleep_until(start + micros(deadline_us)).await.unwrap();
                        log.borrow_mut().push((deadline_us, index));
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            let log = log.borrow();
            assert_eq!(log.len(), 500);
            assert!(log.is_sorted(), "in order of deadline, then of start");
        });
    });
}

/// Notes in which order wakers are called.
struct Noting(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Noting {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[test]
fn a_million_timers_fire_in_order_and_none_early() {
    const COUNT: usize = 1_000_000;
    let seed = 5;
    eprintln!("seed {seed}");
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut random = Random::new(seed);
            let start = Instant::now();
            // From the past to a second ahead, near ones and far ones, some of them equal.
            let mut naps: Vec<Sleep> = (0..COUNT)
                .map(|_| {
                    let spread_ns = 1_u64 << random.below(31);
                    sleep_until(start + Duration::from_nanos(random.next() % spread_ns))
                })
                .collect();
            let last = naps.iter().map(Sleep::deadline).max().unwrap();
            let fired = Arc::new(Mutex::new(Vec::with_capacity(COUNT)));
            // All are started before the loop turns.
            for (index, nap) in naps.iter_mut().enumerate() {
                let waker = Waker::from(Arc::new(Noting(index, Arc::clone(&fired))));
                assert!(Pin::new(nap).poll(&mut Context::from_waker(&waker)).is_pending());
            }
            let deadlines: Vec<Instant> = naps.iter().map(Sleep::deadline).collect();
            let (mut checked, mut before) = (0, (Instant::from_nanos(0), 0));
            while checked < COUNT {
                sleep(micros(200)).await.unwrap();
                let now = Instant::now();
                let fired = fired.lock().unwrap();
                for index in fired[checked..].iter().copied() {
                    assert!(deadlines[index] <= now, "fired early");
                    assert!(before < (deadlines[index], index), "fired out of order");
                    before = (deadlines[index], index);
                }
                checked = fired.len();
            }
            assert!(Instant::now() >= last);
        });
    });
}

#[test]
fn timers_that_are_far_away_do_not_fire_and_can_be_cancelled() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let before = taut::counters();
            let years = |count: u64| Duration::from_secs(count * 365 * 24 * 3600);
            let now = Instant::now();
            let mut far = vec![
                sleep(years(1)),
                sleep(years(100)),
                sleep(years(500)),
                sleep(Duration::MAX),
                sleep_until(Instant::from_nanos(u64::MAX)),
                sleep_until(Instant::from_nanos(u64::MAX - 1)),
            ];
            for _ in 0..50 {
                for nap in &mut far {
                    assert!(nap.now_or_never().is_none());
                }
                sleep(micros(20)).await.unwrap();
            }
            far.drain(..3);
            sleep(micros(20)).await.unwrap();
            drop(far);
            // The test's own limit has not fired either.
            assert_eq!(taut::counters().since(&before).timers_fired, 51);
            assert!(Instant::now() < now + years(1));
        });
    });
}

#[test]
fn dropped_sleeps_do_not_wake() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let before = taut::counters().timers_fired;
            let mut naps: Vec<_> = (0..1000).map(|index| sleep(micros(index))).collect();
            for nap in &mut naps {
                let _ = nap.now_or_never();
            }
            let last = naps.last().unwrap().deadline();
            drop(naps);
            busy_until(last);
            sleep(micros(10)).await.unwrap();
            assert_eq!(taut::counters().timers_fired - before, 1);

            // After it fired, before its task could poll it again.
            let mut nap = sleep(micros(5));
            assert!((&mut nap).now_or_never().is_none());
            busy_until(nap.deadline());
            yield_now().await;
            sleep(micros(1)).await.unwrap();
            drop(nap);
        });
    });
}

#[test]
fn a_reset_sleep_waits_for_its_new_deadline() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let mut nap = sleep(Duration::from_secs(3600));
            assert!((&mut nap).now_or_never().is_none());
            nap.reset(Instant::now() + micros(50));
            (&mut nap).await.unwrap();
            // Again after its end, and later than before.
            let again = Instant::now() + micros(200);
            nap.reset(again);
            assert_eq!(nap.deadline(), again);
            let mut early = sleep(micros(100));
            let both = futures_util::future::join(&mut nap, &mut early).await;
            assert_eq!(both, (Ok(()), Ok(())));
            assert!(Instant::now() >= again);
            nap.reset(Instant::from_nanos(0));
            nap.await.unwrap();
        });
    });
}

#[test]
fn a_deadline_in_the_past_gives_way_once() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut polls = 0;
            let mut past = pin!(sleep_until(Instant::from_nanos(1)));
            poll_fn(|context| {
                polls += 1;
                past.as_mut().poll(context)
            })
            .await
            .unwrap();
            assert_eq!(polls, 2);
        });
    });
}

#[test]
fn a_timeout_gives_the_output_or_says_that_time_is_up() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            assert_eq!(timeout(micros(1), ready(1)).await, Ok(1));
            assert_eq!(timeout(Duration::ZERO, ready(2)).await, Ok(2));
            assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
            let start = Instant::now();
            let elapsed = timeout(micros(100), pending::<()>()).await.unwrap_err();
            assert!(Instant::now() >= start + micros(100));
            let error = std::io::Error::from(elapsed);
            assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
            // Both at the same moment: what is ready at its deadline was in time.
            let deadline = Instant::now() + micros(50);
            assert!(timeout_at(deadline, sleep_until(deadline)).await.is_ok());
            let nested = timeout(micros(50), timeout(Duration::MAX, pending::<()>())).await;
            assert!(nested.is_err());
            let handle = spawn(pending::<()>());
            assert!(timeout(micros(50), handle).await.is_err());
        });
    });
}

#[test]
fn intervals_tick_on_their_grid() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let start = Instant::now() + micros(100);
            let mut ticks = interval_at(start, micros(50));
            for index in 0..10 {
                let intended = ticks.tick().await.unwrap();
                assert_eq!(intended, start + micros(50) * index);
                assert!(Instant::now() >= intended);
            }
            // A tick that was given up is not lost.
            let mut ticks = interval_at(Instant::now() + micros(200), micros(50));
            assert!(ticks.tick().now_or_never().is_none());
            let first = ticks.tick().await.unwrap();
            assert_eq!(ticks.tick().await.unwrap(), first + micros(50));
            assert_eq!(interval(micros(7)).period(), micros(7));
        });
    });
}

#[test]
fn missed_ticks_follow_their_policy() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let period = Duration::from_millis(2);
            // Three and a half periods late at the second tick.
            let missed = async |policy| {
                let start = Instant::now();
                let mut ticks = interval_at(start, period).missed_ticks(policy);
                assert_eq!(ticks.tick().await.unwrap(), start);
                busy_until(start + period * 4 + period / 2);
                let second = ticks.tick().await.unwrap();
                let late = Instant::now();
                assert_eq!(second, start + period);
                (start, late, ticks.tick().await.unwrap(), ticks.tick().await.unwrap())
            };
            let (start, _, third, fourth) = missed(MissedTicks::Burst).await;
            assert_eq!((third, fourth), (start + period * 2, start + period * 3));

            let (start, late, third, fourth) = missed(MissedTicks::Skip).await;
            let on_grid = (third - start).as_nanos() % period.as_nanos() == 0;
            assert!(on_grid && third >= start + period * 5 && third <= late + period);
            assert!(fourth >= third + period);

            let (start, late, third, _) = missed(MissedTicks::Delay).await;
            assert!(third > start + period * 5 + period / 2 && third <= late + period);
        });
    });
}

#[test]
fn timers_fire_while_other_tasks_spin() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            drop(spawn(async {
                loop {
                    yield_now().await;
                }
            }));
            let before = taut::counters().timers_fired;
            for _ in 0..20 {
                sleep(micros(30)).await.unwrap();
            }
            assert_eq!(taut::counters().timers_fired - before, 20);
        });
    });
}

/// A task of an executor of its own: it owns its future, and wakers own it.
struct Foreign(#[expect(dead_code, reason = "held for its destructor")] SendSleep);

struct SendSleep(#[expect(dead_code, reason = "held for its destructor")] Option<Sleep>);

// SAFETY: the test wakes and drops it on the thread of its runtime only.
unsafe impl Send for SendSleep {}
// SAFETY: as above.
unsafe impl Sync for SendSleep {}

impl Wake for Foreign {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_foreign_waker_that_holds_a_timer_can_be_let_go_by_a_timer() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut held = sleep(Duration::from_secs(3600));
            assert!((&mut held).now_or_never().is_none());
            let waker = Waker::from(Arc::new(Foreign(SendSleep(Some(held)))));
            let mut nap = sleep(micros(100));
            assert!(Pin::new(&mut nap).poll(&mut Context::from_waker(&waker)).is_pending());
            drop(waker);
            // The last waker goes here, and with it the timer that it holds.
            assert!((&mut nap).now_or_never().is_none());
            nap.await.unwrap();

            let held = sleep(Duration::from_secs(3600));
            let waker = Waker::from(Arc::new(Foreign(SendSleep(Some(held)))));
            let mut nap = sleep(micros(100));
            let polled =
                poll_fn(|_| Poll::Ready(Pin::new(&mut nap).poll(&mut Context::from_waker(&waker))));
            assert!(polled.await.is_pending());
            drop(waker);
            drop(nap);
        });
    });
}

#[test]
fn instants_saturate() {
    let (early, late) = (Instant::from_nanos(5), Instant::from_nanos(1005));
    assert_eq!(late - early, micros(1));
    assert_eq!(early - late, Duration::ZERO);
    assert_eq!(late.saturating_duration_since(early).as_nanos(), 1000);
    assert_eq!(early + micros(1), late);
    assert_eq!((late + Duration::MAX).as_nanos(), u64::MAX);
    let mut moved = early;
    moved += Duration::from_nanos(2);
    assert_eq!(moved.as_nanos(), 7);
    assert!(early < late && early == Instant::from_nanos(5));
    on_each_driver(|builder| {
        block_on(builder, async {
            let now = Instant::now();
            assert_eq!((now + Duration::from_secs(9)).elapsed(), Duration::ZERO);
            assert!(Instant::now() >= now);
        });
    });
}
