//! Waiting for rings in shared memory, with both ends in one process, on cores and on plain
//! threads.

mod common;

use std::thread;
use std::time::Duration;

use common::shared_memory::{KINDS, ends, ring};
use common::{block_on, on_each_driver, on_each_driver_and_wait, turns};
use taut::cores::shared_memory::{Kind, ReadError, WriteError};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn readers_that_come_and_go_hold_up_the_writer_from_their_first_message_on() {
    const MESSAGES: u64 = 100_000;
    let ring = ring(Kind::Broadcast, 64, 2);
    let mut writer = ring.writer().unwrap();
    thread::scope(|scope| {
        for messages in [1, 7] {
            let ring = &ring;
            scope.spawn(move || {
                loop {
                    let mut reader = ring.reader().unwrap();
                    for _ in 0..messages {
                        let position = reader.position();
                        match reader.borrow_timeout(LONG) {
                            Ok(message) => {
                                // In place: one that was overwritten meanwhile would show.
                                assert_eq!(*message, [position as u8; 64], "{position}");
                                message.release();
                            }
                            Err(ReadError::Disconnected) => return,
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            });
        }
        for position in 0..MESSAGES {
            let mut claim = writer.claim_blocking(64).unwrap();
            claim.fill(0xEE);
            claim.fill(position as u8);
            claim.commit();
        }
        drop(writer);
    });
}

#[test]
fn tasks_exchange_through_each_kind() {
    const MESSAGES: u64 = 3000;
    on_each_driver_and_wait(|builder| {
        for kind in [Kind::Spsc, Kind::Broadcast] {
            let (mut writer, mut reader) = ends(kind, 16, 8);
            let sending = builder.clone();
            let thread = thread::spawn(move || {
                block_on(sending, async move {
                    for number in 0..MESSAGES {
                        writer.send(&[number, !number]).await.unwrap();
                    }
                });
            });
            block_on(builder.clone(), async move {
                for number in 0..MESSAGES {
                    assert_eq!(reader.recv().await, Ok([number, !number]));
                }
                assert_eq!(reader.recv::<u64>().await, Err(ReadError::Disconnected));
            });
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_core_exchanges_with_a_plain_thread_that_sleeps() {
    on_each_driver_and_wait(|builder| {
        let (mut there, mut inbox) = ends(Kind::Spsc, 8, 2);
        let (mut back, mut answers) = ends(Kind::Broadcast, 8, 2);
        let thread = thread::spawn(move || {
            while let Ok(number) = inbox.recv_blocking::<u64>() {
                back.send_blocking(&(number + 1)).unwrap();
            }
        });
        block_on(builder, async move {
            for number in 0..500_u64 {
                there.send(&number).await.unwrap();
                assert_eq!(answers.recv().await, Ok(number + 1));
            }
        });
        thread.join().unwrap();
    });
}

#[test]
fn plain_threads_exchange_and_hold_each_other_up() {
    for kind in [Kind::Spsc, Kind::Broadcast] {
        let (mut writer, mut reader) = ends(kind, 8, 3);
        let thread = thread::spawn(move || {
            for number in 0..20_000_u64 {
                writer.send_blocking(&number).unwrap();
            }
        });
        for number in 0..20_000_u64 {
            assert_eq!(reader.recv_blocking(), Ok(number));
        }
        assert_eq!(reader.recv_blocking::<u64>(), Err(ReadError::Disconnected));
        thread.join().unwrap();
    }
}

#[test]
fn waits_of_a_thread_end_with_their_time() {
    let limit = Duration::from_millis(1);
    let (mut writer, mut reader) = ends(Kind::Spsc, 8, 1);
    assert_eq!(reader.borrow_timeout(limit).unwrap_err(), ReadError::Timeout);
    drop(writer.claim_timeout(8, limit).unwrap());
    writer.send_blocking(&1_u64).unwrap();
    assert_eq!(writer.claim_timeout(8, limit).unwrap_err(), WriteError::Timeout);
    reader.connected_timeout(LONG).unwrap();
    writer.connected_timeout(LONG).unwrap();
    drop(reader);
    assert_eq!(writer.connected_timeout(limit), Err(WriteError::Timeout));
    assert_eq!(writer.send_blocking(&1_u64), Err(WriteError::Disconnected));
}

#[test]
fn each_side_can_wait_for_the_other_to_come() {
    on_each_driver(|builder| {
        for kind in [Kind::Spsc, Kind::Broadcast] {
            let ring = ring(kind, 8, 4);
            let other = ring.clone();
            let thread = thread::spawn(move || {
                let mut reader = other.reader().unwrap();
                reader.connected_timeout(LONG).unwrap();
                reader.recv_blocking::<u64>().unwrap()
            });
            block_on(builder.clone(), async {
                let mut writer = ring.writer().unwrap();
                writer.connected().await.unwrap();
                // Whoever is connected gets all that is written from then on.
                writer.send(&7_u64).await.unwrap();
            });
            assert_eq!(thread.join().unwrap(), 7);

            let other = ring.clone();
            let thread = thread::spawn(move || {
                let mut writer = other.writer().unwrap();
                writer.connected_timeout(LONG).unwrap();
                writer.send_blocking(&8_u64).unwrap();
            });
            block_on(builder.clone(), async {
                let mut reader = ring.reader().unwrap();
                reader.connected().await.unwrap();
                assert_eq!(reader.recv().await, Ok(8_u64));
            });
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_task_that_waits_is_told_that_the_other_side_has_gone() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for kind in KINDS {
                let (writer, mut reader) = ends(kind, 8, 1);
                let waiting = taut::spawn(async move { reader.recv::<u64>().await });
                turns(3).await;
                drop(writer);
                assert_eq!(waiting.await.unwrap(), Err(ReadError::Disconnected));
            }
            let (mut writer, reader) = ends(Kind::Spsc, 8, 1);
            writer.send(&1_u64).await.unwrap();
            let waiting = taut::spawn(async move { writer.send(&2_u64).await });
            turns(3).await;
            drop(reader);
            assert_eq!(waiting.await.unwrap(), Err(WriteError::Disconnected));
            let (mut writer, reader) = ends(Kind::Broadcast, 8, 1);
            writer.send(&1_u64).await.unwrap();
            let waiting = taut::spawn(async move { writer.send(&2_u64).await });
            turns(3).await;
            drop(reader);
            assert_eq!(waiting.await.unwrap(), Ok(()));
        });
    });
}

#[test]
fn waits_are_cancelled_named_in_dumps_and_lose_nothing_when_dropped() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut writer, mut reader) = ends(Kind::Spsc, 8, 1);
            for number in 0..100_u64 {
                let waiting = reader.recv::<u64>();
                common::poll_then_drop(waiting, number % 3).await;
                writer.send(&number).await.unwrap();
                common::poll_then_drop(writer.send(&u64::MAX), number % 3).await;
                assert_eq!(reader.recv().await, Ok(number));
            }
            let waiting = taut::spawn(async move { reader.recv::<u64>().await });
            turns(2).await;
            assert!(taut::dump().to_string().contains("shared memory ring borrow"));
            waiting.cancel();
            assert_eq!(waiting.await.unwrap(), Err(ReadError::Cancelled));
        });
    });
}

#[test]
fn an_end_moves_from_core_to_core_also_while_it_was_waiting() {
    on_each_driver(|builder| {
        let (mut writer, mut reader) = ends(Kind::Spsc, 8, 4);
        for number in 0..5_u64 {
            reader = block_on(builder.clone(), async move {
                common::poll_then_drop(reader.recv::<u64>(), 2).await;
                reader
            });
            writer.try_send(&number).unwrap();
            reader = block_on(builder.clone(), async move {
                assert_eq!(reader.recv().await, Ok(number));
                reader
            });
        }
    });
}

#[test]
fn a_core_that_sleeps_finds_a_message_within_its_poll_interval() {
    on_each_driver(|builder| {
        let builder = builder.wait(taut::WaitStrategy::Park);
        let interval = Duration::from_millis(1);
        let (writer, mut reader) = ends(Kind::Spsc, 8, 4);
        block_on(builder.shared_memory_poll(interval), async move {
            let before = taut::counters();
            let waiting = taut::spawn(async move { reader.recv::<u64>().await });
            taut::time::sleep(Duration::from_millis(100)).await.unwrap();
            let sleeps = taut::counters().since(&before).enters_blocking;
            // It wakes by itself, and not more often than it has to: a loop without sleep would
            // make many thousands.
            assert!((2..=400).contains(&sleeps), "{sleeps}");
            drop(writer);
            assert_eq!(waiting.await.unwrap(), Err(ReadError::Disconnected));
        });
    });
}

#[test]
#[should_panic = "use an async form"]
fn a_thread_that_runs_a_core_must_not_block() {
    let (_writer, mut reader) = ends(Kind::Spsc, 8, 4);
    taut::run(async move { drop(reader.borrow_blocking()) }).unwrap();
}
