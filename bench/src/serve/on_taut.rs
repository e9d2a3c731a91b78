//! The same server on the runtime: a task for each connection that receives and writes back.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use taut::counter_file::CounterFile;
use taut::net::{TcpListener, TcpStream};
use taut::{Driver, Runtime, WaitStrategy};

use super::{ServerKind, Service, announce};
use crate::harness::environment::FeatureRow;

/// Serves for as long as the process lives.
pub(super) fn serve(
    kind: ServerKind,
    core: usize,
    counters: Option<&CounterFile>,
    service: Service,
) -> Result<(), String> {
    let (driver, wait) = match kind {
        ServerKind::TautEpoll => (Driver::Epoll, WaitStrategy::Spin),
        ServerKind::TautPark => (Driver::Uring, WaitStrategy::Park),
        _ => (Driver::Uring, WaitStrategy::Spin),
    };
    let hot = kind == ServerKind::TautHot;
    let mut builder = Runtime::builder().core(core).wait(wait).driver(driver);
    if let Some(file) = counters {
        builder = builder.counter_file(file);
    }
    let runtime = builder.build().map_err(|error| error.to_string())?;
    let features = FeatureRow::all_of(&runtime);
    let streams = if hot { ", hot streams" } else { "" };
    let settings = format!("{driver:?} driver, {wait:?}{streams}");
    runtime.block_on(async {
        let failed = |error: io::Error| format!("its socket failed: {error}");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(address).map_err(failed)?;
        announce(listener.local_addr().map_err(failed)?, &settings, features)?;
        let service = Rc::new(service);
        loop {
            let mut stream = listener.accept().await.map_err(failed)?;
            stream.set_hot(hot);
            taut::spawn(echo(stream, Rc::clone(&service)));
        }
    })
}

async fn echo(mut stream: TcpStream, service: Rc<Service>) -> io::Result<()> {
    loop {
        let message = stream.recv().await?;
        if message.is_empty() {
            return Ok(());
        }
        if !service.sink {
            stream.write_all(&message).await?;
        }
        service.attendant.served(message.len(), || taut::counters().syscalls);
    }
}
