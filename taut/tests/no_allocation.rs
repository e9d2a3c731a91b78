//! In steady state nothing allocates: not an echo, not a task, not a timer.

mod common;

use std::future::ready;
use std::time::Duration;

use common::allocations::{Counting, allocations, in_steady_state};
use common::{block_on, connected_pair, on_each_driver, on_each_driver_and_wait, turns};
use futures_util::FutureExt;
use taut::net::TcpStream;
use taut::task::{CancelToken, TaskGroup, all, all_settled, any, race, shield};
use taut::time::{Instant, interval, sleep, timeout};
use taut::{spawn, spawn_background, yield_now};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_count_itself_counts() {
    let calls = allocations(async { drop(std::hint::black_box(Box::new(1))) }).now_or_never();
    assert_eq!(calls, Some(2));
}

/// How the two ends of an echo move their bytes.
#[derive(Clone, Copy, Debug)]
enum Style {
    /// `recv` and `write_all`: the bytes stay where they came in.
    Received,
    /// `read` and `write_all`: copied out.
    Copied,
    /// As `Received`, by the spin loop itself.
    Hot,
    /// `recv` and `send`: the received buffer itself goes out.
    Sent,
}

async fn serve(mut stream: TcpStream, style: Style) {
    let mut copy = [0; 256];
    loop {
        if let Style::Copied = style {
            match stream.read(&mut copy).await.unwrap() {
                0 => return,
                count => stream.write_all(&copy[..count]).await.unwrap(),
            }
            continue;
        }
        let message = stream.recv().await.unwrap();
        if message.is_empty() {
            return;
        }
        match style {
            Style::Sent => stream.send(message).await.unwrap(),
            _ => stream.write_all(&message).await.unwrap(),
        }
    }
}

async fn ask(client: &mut TcpStream, messages: u64) {
    let mut answer = [0; 64];
    for index in 0..messages {
        let message = [index as u8; 64];
        client.write_all(&message).await.unwrap();
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, message);
    }
}

async fn steady_echo(style: Style, messages: u64) -> u64 {
    let (mut client, mut server) = connected_pair().await;
    client.set_hot(matches!(style, Style::Hot));
    server.set_hot(matches!(style, Style::Hot));
    let server = spawn(serve(server, style));
    ask(&mut client, 2000).await;
    let allocations = allocations(ask(&mut client, messages)).await;
    drop(client);
    server.await.unwrap();
    allocations
}

#[test]
fn a_steady_echo_of_100_000_messages_allocates_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            assert_eq!(steady_echo(Style::Received, 100_000).await, 0);
        });
    });
}

#[test]
fn neither_does_an_echo_of_any_other_style_or_wait() {
    on_each_driver_and_wait(|builder| {
        for style in [Style::Received, Style::Copied, Style::Hot, Style::Sent] {
            let calls = block_on(builder.clone(), steady_echo(style, 5000));
            assert_eq!(calls, 0, "{style:?}");
        }
    });
}

#[test]
fn the_first_reader_that_has_had_its_share_of_a_turn_allocates_nothing() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            let mut exchange = async |messages: u64| {
                for _ in 0..messages {
                    client.write_all(&[7; 64]).await.unwrap();
                    server.read_exact(&mut [0; 64]).await.unwrap();
                }
            };
            // Few a turn, so that none is made to wait for the next.
            for _ in 0..20 {
                exchange(4).await;
                turns(1).await;
            }
            assert_eq!(allocations(exchange(200)).await, 0);
        });
    });
}

#[test]
fn tasks_of_known_sizes_allocate_nothing() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let joined = in_steady_state(async || {
                for index in 0..10_000_u64 {
                    let (large, background) = ([index; 300], [index; 20]);
                    assert_eq!(spawn(async move { index }).await.unwrap(), index);
                    spawn(async move { large[7] }).await.unwrap();
                    spawn_background(async move { background[7] }).await.unwrap();
                    drop(spawn(yield_now()));
                }
            });
            assert_eq!(joined.await, 0);
            let aborted = in_steady_state(async || {
                for _ in 0..1000 {
                    let task = spawn(std::future::pending::<()>());
                    yield_now().await;
                    task.abort();
                    assert!(task.await.is_err());
                }
            });
            assert_eq!(aborted.await, 0);
        });
    });
}

#[test]
fn sleeps_timeouts_and_intervals_allocate_nothing() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let calls = in_steady_state(async || {
                let mut ticks = interval(Duration::from_micros(3));
                for index in 0..300 {
                    sleep(Duration::from_micros(index % 10)).await.unwrap();
                    timeout(Duration::from_secs(9), yield_now()).await.unwrap();
                    let late = sleep(Duration::from_secs(3600));
                    assert!(timeout(Duration::from_nanos(1), late).await.is_err());
                    ticks.tick().await.unwrap();
                }
                let mut nap = sleep(Duration::ZERO);
                (&mut nap).await.unwrap();
                nap.reset(Instant::now() + Duration::from_micros(5));
                nap.await.unwrap();
            });
            assert_eq!(calls.await, 0);
        });
    });
}

#[test]
fn combinators_of_tuples_allocate_nothing() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let late = || sleep(Duration::from_secs(3600));
            let soon = || sleep(Duration::from_micros(2));
            let calls = in_steady_state(async || {
                for _ in 0..300 {
                    race((ready(1), ready(2))).await;
                    race((late(), soon(), late())).await.into_inner().unwrap();
                    all((soon(), soon(), soon())).await.unwrap();
                    any((soon(), late())).await.unwrap();
                    all_settled((soon(), yield_now())).await.0.unwrap();
                    let slow = async { shield(soon()).await.and(late().await) };
                    assert!(race((slow, soon())).await.into_inner().is_ok());
                }
            });
            assert_eq!(calls.await, 0);
        });
    });
}

#[test]
fn cancels_groups_and_tokens_allocate_nothing() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let late = || sleep(Duration::from_secs(3600));
            let (group, token) = (TaskGroup::new(), CancelToken::new());
            let discarding = TaskGroup::discarding();
            let calls = in_steady_state(async || {
                for round in 0..300_u64 {
                    let task = spawn(late());
                    yield_now().await;
                    task.cancel();
                    assert!(task.await.unwrap().is_err());
                    for index in 0..round % 5 {
                        group.add(async move { index });
                        discarding.add(async move { index });
                    }
                    while let Some(outcome) = group.next().await {
                        outcome.unwrap();
                    }
                    discarding.wait().await.unwrap();
                    let under = token.run(sleep(Duration::from_micros(2)));
                    assert!(race((under, token.cancelled())).await.into_inner().is_ok());
                }
            });
            assert_eq!(calls.await, 0);
        });
    });
}

#[test]
fn a_wake_from_another_thread_allocates_nothing_here() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures_util::task::AtomicWaker;

    on_each_driver_and_wait(|builder| {
        let shared = Arc::new((AtomicU64::new(0), AtomicWaker::new()));
        let other = Arc::clone(&shared);
        let calls = block_on(builder, async move {
            let thread = std::thread::spawn(move || {
                while Arc::strong_count(&other) > 1 {
                    other.0.fetch_add(1, Ordering::Release);
                    other.1.wake();
                }
            });
            let calls = in_steady_state(async || {
                let end = shared.0.load(Ordering::Acquire) + 5000;
                std::future::poll_fn(|context| {
                    shared.1.register(context.waker());
                    match shared.0.load(Ordering::Acquire) {
                        now if now >= end => std::task::Poll::Ready(()),
                        _ => std::task::Poll::Pending,
                    }
                })
                .await;
            })
            .await;
            drop(shared);
            thread.join().unwrap();
            calls
        });
        assert_eq!(calls, 0);
    });
}

#[test]
#[allow(clippy::await_holding_refcell_ref, reason = "the rounds take turns")]
fn reads_and_writes_of_files_allocate_nothing_on_io_uring() {
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        if runtime.driver() != taut::Driver::Uring {
            return; // work for other threads is boxed
        }
        let directory = common::directory::Directory::new();
        runtime.block_on(common::in_time(async {
            let options = taut::fs::OpenOptions::new().read(true).write(true).create(true);
            let file = std::cell::RefCell::new(options.open(directory.join("f")).await.unwrap());
            let block = std::cell::Cell::new(vec![7; 4096]);
            let calls = in_steady_state(async || {
                let mut file = file.borrow_mut();
                for index in 0..100 {
                    let (written, mut buffer) = file.write_all_at(block.take(), index * 4096).await;
                    written.unwrap();
                    buffer.clear();
                    let (read, buffer) = file.read_at(buffer, index * 4096).await;
                    assert_eq!(read.unwrap(), 4096);
                    block.set(buffer);
                    file.rewind().await.unwrap();
                    file.write_all(&[8; 512]).await.unwrap();
                    file.read_exact(&mut [0; 512]).await.unwrap();
                }
                file.sync_data().await.unwrap();
            })
            .await;
            assert_eq!(calls, 0);
        }));
    });
}
