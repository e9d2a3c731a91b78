//! A reconnecting stream is stopped at each of its polls, in each of three ways; afterwards there
//! is no task, operation, timer, buffer or descriptor more than before.

mod common;

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use common::every_poll::{How, stopped_after, timers_left};
use common::held::Held;
use common::tasks::micros;
use common::whole_process::alone;
use common::{in_time, on_each_driver, turns, until};
use taut::net::reconnect::Incoming;
use taut::net::{Connector, ReconnectingStream, Resolver, TcpSocket, TcpStream};
use taut::time::sleep;
use taut::{Runtime, counters, yield_now};

/// Two refusals, then a server with a log-on, which is lost and comes again. All of it in the same
/// task, and through a name.
async fn script() -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind("127.0.0.1:0".parse().unwrap())?;
    let address = socket.local_addr()?;
    let attempts = Rc::new(Cell::new(0));
    let mut stream = session(address, &attempts);
    let mut socket = Some(socket);
    let mut listener = None;
    poll_fn(|context| {
        if attempts.get() > 2
            && let Some(socket) = socket.take()
        {
            listener = Some(socket.listen(8));
        }
        pin!(stream.connected()).poll(context)
    })
    .await?;
    let listener = listener.expect("nobody listened before")?;
    for _ in 0..2 {
        stream.connected().await?;
        let mut server = listener.accept().await?;
        server.read_exact(&mut [0; 5]).await?;
        stream.send("order".as_bytes()).await?;
        server.read_exact(&mut [0; 5]).await?;
        server.write_all(b"done").await?;
        drop(server);
        while !matches!(stream.recv().await?, Incoming::Lost(_)) {}
        assert_eq!(stream.take_uncertain().len(), 1);
    }
    Ok(())
}

fn session(address: SocketAddr, attempts: &Rc<Cell<u32>>) -> ReconnectingStream {
    let count = Rc::clone(attempts);
    let resolver = Resolver::builder().ttl(Duration::ZERO).lookup(|_| async {
        yield_now().await;
        Ok(vec!["127.0.0.1".parse().unwrap()])
    });
    ReconnectingStream::builder()
        .connector(Connector::new().resolver(resolver.build()))
        .backoff_first(micros(20))
        .backoff_max(micros(20))
        .stable_after(Duration::ZERO)
        .on_attempt(move |_| count.set(count.get() + 1))
        .on_connect(async |stream: &mut TcpStream| {
            stream.write_all(b"logon").await?;
            Ok(sleep(micros(20)).await?)
        })
        .build(("venue.example".to_owned(), address.port()))
}

fn settle(runtime: &Runtime) {
    runtime.block_on(async {
        until(|| counters().tasks_live == 1 && counters().operations_in_flight == 0).await;
        turns(2).await;
    });
}

fn stops_everywhere(how: How) {
    let _alone = alone();
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        let whole = runtime.block_on(in_time(stopped_after(script(), u64::MAX, how)));
        let whole = whole.expect("nobody stopped it");
        settle(&runtime);
        let before = Held::now(&runtime);
        // A few more, since chance and the kernel's timing make some runs longer.
        for polls in 0..=whole + 5 {
            runtime.block_on(in_time(stopped_after(script(), polls, how)));
            settle(&runtime);
            assert_eq!(Held::now(&runtime), before, "{how:?} after {polls} polls");
            assert!(runtime.dump().tasks().is_empty(), "{}", runtime.dump());
            assert_eq!(timers_left(&runtime), 0, "{how:?} after {polls} polls");
        }
        eprintln!("{how:?} at each of {whole} polls");
        assert!(whole > 15);
    });
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
