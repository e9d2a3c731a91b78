//! A scripted task is stopped at each of its polls, in each of three ways; afterwards there is no
//! task, operation, timer, buffer or descriptor more than before, and the runtime works.

mod common;

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use common::allocations::{Counting, live_bytes};
use common::every_poll::{How, stopped_after, timers_left};
use common::held::Held;
use common::tasks::micros;
use common::whole_process::alone;
use common::{connected_pair, in_time, on_each_driver, turns, until};
use taut::net::{TcpListener, TcpStream};
use taut::task::{TaskGroup, all, race, shield};
use taut::time::{Instant, interval_at, sleep, timeout};
use taut::{Runtime, counters, off_core, spawn};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Uses everything that can be waited for, and cleans up in a shield.
async fn script(cleaned_up: Rc<Cell<u64>>) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    let outcome = work(&listener).await;
    let address = listener.local_addr()?;
    shield(async {
        let mut farewell = TcpStream::connect(address).await?;
        farewell.write_all(b"bye").await?;
        sleep(micros(20)).await?;
        cleaned_up.set(cleaned_up.get() + 1);
        io::Result::Ok(())
    })
    .await?;
    outcome
}

async fn work(listener: &TcpListener) -> io::Result<()> {
    let address = listener.local_addr()?;
    let mut client = TcpStream::connect(address).await?;
    client.write_all(b"hello").await?;
    sleep(micros(20)).await?;
    let mut server = listener.accept().await?;
    let mut hello = [0; 5];
    server.read_exact(&mut hello).await?;
    let child = spawn(async move {
        let echo = server.write_all(&hello).await;
        echo.map(|()| server)
    });
    let mut server = child.cancel_on_drop().flatten().await?;
    assert_eq!(client.recv().await?.len(), 5);
    race((client.recv(), sleep(micros(20)))).await.into_outcome()?;
    if let Ok((received, _)) = timeout(micros(20), server.recv_into(Vec::with_capacity(9))).await {
        received?;
    }
    members().await?;
    let (mut client_read, mut client_write) = client.into_split();
    let (mut server_read, mut server_write) = server.into_split();
    let bulk = vec![7; 3 << 20];
    let mut received = Vec::new();
    all((
        async { client_write.send(bulk).await.map(|()| drop(client_write)) },
        async { server_read.read_to_end(&mut received).await.map(drop) },
        async { server_write.write_all(b"both ways").await },
        async { client_read.read_exact(&mut [0; 9]).await },
    ))
    .await?;
    assert_eq!(received.len(), 3 << 20);
    off_core(std::thread::yield_now).await?;
    let mut ticks = interval_at(Instant::now(), micros(10));
    ticks.tick().await?;
    ticks.tick().await?;
    Ok(())
}

/// A group of two, one of which has a child of its own.
async fn members() -> io::Result<()> {
    let group = TaskGroup::new();
    group.add(async { Ok(sleep(micros(20)).await?) });
    group.add(async { spawn(own_sleep()).cancel_on_drop().flatten().await });
    let mut outcome = Ok(());
    while let Some(ended) = group.next().await {
        outcome = outcome.and(ended?);
    }
    outcome
}

async fn own_sleep() -> io::Result<()> {
    Ok(sleep(micros(20)).await?)
}

/// The output of a race whose children give different things, where neither is wanted.
trait IntoOutcome {
    fn into_outcome(self) -> io::Result<()>;
}

impl<T> IntoOutcome for taut::task::OneOf2<io::Result<T>, Result<(), taut::Cancelled>> {
    fn into_outcome(self) -> io::Result<()> {
        match self {
            Self::First(outcome) => outcome.map(drop),
            Self::Second(outcome) => Ok(outcome?),
        }
    }
}

async fn echo() {
    let (mut client, mut server) = connected_pair().await;
    client.write_all(b"still here").await.unwrap();
    assert_eq!(&server.recv().await.unwrap()[..], b"still here");
}

fn stops_everywhere(how: How) {
    let _alone = alone();
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        let cleaned_up = Rc::new(Cell::new(0));
        // What is kept for good is there after one whole run.
        let whole =
            runtime.block_on(in_time(stopped_after(script(Rc::clone(&cleaned_up)), u64::MAX, how)));
        let whole = whole.expect("nobody stopped it");
        settle(&runtime, None);
        let before = Held::now(&runtime);
        let (mut ended, mut bytes) = (0, Vec::new());
        // A few more, since the kernel's timing makes some runs longer.
        for polls in 0..=whole + 5 {
            let run = runtime.block_on(in_time(stopped_after(
                script(Rc::clone(&cleaned_up)),
                polls,
                how,
            )));
            settle(&runtime, Some(&before));
            ended += u64::from(run.is_some());
            bytes.push(live_bytes());
        }
        let grown = bytes[bytes.len() - 1] - bytes[bytes.len() / 2];
        eprintln!("{how:?} at each of {whole} polls; {ended} ended before; {grown} bytes more");
        assert!(whole > 15 && grown < 10_000, "{bytes:?}");
        if how == How::Cancel {
            let runs = 1 + bytes.len() as u64;
            assert_eq!(cleaned_up.get(), runs, "a cancel never keeps it from that");
        }
    });
}

/// Lets everything that was given up end, and looks at what is left.
fn settle(runtime: &Runtime, before: Option<&Held>) {
    runtime.block_on(async {
        let root_alone = || counters().tasks_live == 1 && counters().operations_in_flight == 0;
        until(root_alone).await;
        in_time(echo()).await;
        until(root_alone).await;
        turns(2).await;
    });
    if let Some(before) = before {
        assert_eq!(Held::now(runtime), *before);
        assert!(runtime.dump().tasks().is_empty(), "{}", runtime.dump());
        assert_eq!(timers_left(runtime), 0);
    }
}

#[test]
fn a_cancel_at_every_poll_leaves_nothing() {
    stops_everywhere(How::Cancel);
}

#[test]
fn an_abort_at_every_poll_leaves_nothing() {
    stops_everywhere(How::Abort);
}

#[test]
fn a_drop_at_every_poll_leaves_nothing() {
    stops_everywhere(How::Drop);
}
