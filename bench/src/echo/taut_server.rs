//! The same server on the runtime: a task for each connection that receives and writes back.
//!
//! Everything of this tool's `echo` that knows the runtime is here. While it is not its turn, a
//! task blocks the whole thread in the gate, which is right only because nothing else of this
//! runtime has work then.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::mpsc::Sender;

use taut::net::{TcpListener, TcpStream};
use taut::{Driver, Runtime, WaitStrategy};

use super::server::{MessageEnd, Ready, ServerError, ServerKind, Shape};
use crate::harness::environment::FeatureRow;
use crate::harness::gate::Attendant;

/// What the tasks of one server share.
struct Shared {
    attendant: Attendant,
    message_end: MessageEnd,
    hot: bool,
}

/// Serves until the gate says stop or the client is gone.
pub(crate) fn serve(
    kind: ServerKind,
    shape: Shape,
    attendant: Attendant,
    announce: Sender<Ready>,
) -> Result<(), ServerError> {
    let driver = match kind {
        ServerKind::TautEpoll => Driver::Epoll,
        _ => Driver::Uring,
    };
    let wait = match kind {
        ServerKind::TautPark => WaitStrategy::Park,
        _ => WaitStrategy::Spin,
    };
    let runtime = Runtime::builder()
        .core(shape.core)
        .wait(wait)
        .driver(driver)
        .build()
        .map_err(|error| ServerError::Unavailable(error.to_string()))?;
    let features = runtime
        .features()
        .rows()
        .map(|row| FeatureRow {
            name: row.name.to_string(),
            asked: row.asked,
            granted: row.granted,
            reason: row.reason.to_string(),
        })
        .collect();
    let shared = Rc::new(Shared {
        attendant,
        message_end: MessageEnd::new(shape.size),
        hot: kind == ServerKind::TautHot,
    });
    runtime.block_on(accept_and_serve(shape.connections, shared, features, announce))
}

async fn accept_and_serve(
    connections: usize,
    shared: Rc<Shared>,
    features: Vec<FeatureRow>,
    announce: Sender<Ready>,
) -> Result<(), ServerError> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    // Whoever waits for the news has given up if it can't be sent; then nobody will connect.
    if announce.send(Ready { address: listener.local_addr()?, features }).is_err() {
        return Ok(());
    }
    let mut streams = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut stream = listener.accept().await?;
        stream.set_hot(shared.hot);
        streams.push(stream);
    }
    if !shared.attendant.first_call() {
        return Ok(());
    }
    let tasks: Vec<_> =
        streams.into_iter().map(|stream| taut::spawn(echo(stream, Rc::clone(&shared)))).collect();
    for task in tasks {
        task.await
            .map_err(|error| ServerError::Failed(format!("a task of it ended early: {error}")))??;
    }
    Ok(())
}

async fn echo(mut stream: TcpStream, shared: Rc<Shared>) -> Result<(), ServerError> {
    loop {
        let message = stream.recv().await?;
        if message.is_empty() {
            return Ok(());
        }
        stream.write_all(&message).await?;
        let syscalls = || taut::counters().syscalls;
        if shared.message_end.reached_by(message.len()) && !shared.attendant.message_done(syscalls)
        {
            return Ok(());
        }
    }
}
