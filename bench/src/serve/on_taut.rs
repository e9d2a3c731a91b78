//! The same server on the runtime: a task for each connection that receives and writes back.

use std::io;
use std::rc::Rc;

use taut::counter_file::CounterFile;
use taut::net::{Family, Stream, TcpListener, UnixListener};
use taut::{Driver, Runtime, WaitStrategy};

use super::https::Https;
use super::{
    Duty, Options, ServerKind, Service, announce, announce_with, datagrams_on_taut, http_on_taut,
    ws_on_taut,
};
use crate::harness::environment::FeatureRow;
use crate::transport::{Address, abstract_address, bind_datagrams};

/// Serves for as long as the process lives.
pub(super) fn serve(
    options: &Options,
    counters: Option<&CounterFile>,
    service: Service,
) -> Result<(), String> {
    let kind = options.kind;
    let (driver, wait) = match kind {
        ServerKind::TautEpoll => (Driver::Epoll, WaitStrategy::Spin),
        ServerKind::TautPark => (Driver::Uring, WaitStrategy::Park),
        _ => (Driver::Uring, WaitStrategy::Spin),
    };
    let hot = kind == ServerKind::TautHot;
    let mut builder = Runtime::builder().core(options.core).wait(wait).driver(driver);
    if let Some(file) = counters {
        builder = builder.counter_file(file);
    }
    let runtime = builder.build().map_err(|error| error.to_string())?;
    let features = FeatureRow::all_of(&runtime);
    let streams = if hot { ", hot streams" } else { "" };
    let settings = format!("{driver:?} driver, {wait:?}{streams}");
    runtime.block_on(async {
        let failed = |error: io::Error| format!("its socket failed: {error}");
        match Address::to_bind(options.transport) {
            Address::Ip(address) => {
                let listener = TcpListener::bind(address).map_err(failed)?;
                let bound = Address::Ip(listener.local_addr().map_err(failed)?);
                let https = service.duty.is_encrypted().then(Https::new).transpose()?;
                let certificate = https.as_ref().map(|https| https.path.clone());
                announce_with(bound, &settings, features, certificate)?;
                let acceptor = https.as_ref().map(|https| https.acceptor.clone());
                let served = match service.duty {
                    Duty::Http | Duty::Https => {
                        http_on_taut::serve(listener, hot, acceptor, service).await
                    }
                    Duty::Ws | Duty::Wss => {
                        ws_on_taut::serve(listener, hot, acceptor, service).await
                    }
                    Duty::Echo | Duty::Swallow => {
                        serve_all(async || listener.accept().await, hot, service).await
                    }
                };
                served.map_err(failed)
            }
            Address::Udp(_) | Address::Ticks(_) => {
                let (socket, orders, address) =
                    bind_datagrams(options.transport).map_err(failed)?;
                announce(address, &settings, features)?;
                datagrams_on_taut::serve(socket, orders, hot, &service).await.map_err(failed)
            }
            Address::Unix(name) => {
                let address = abstract_address(&name).map_err(failed)?;
                let listener = UnixListener::bind(address).map_err(failed)?;
                announce(Address::Unix(name), &settings, features)?;
                serve_all(async || listener.accept().await, hot, service).await.map_err(failed)
            }
        }
    })
}

/// A task for each connection; returns only with an error.
async fn serve_all<F: Family>(
    accept: impl AsyncFn() -> io::Result<Stream<F>>,
    hot: bool,
    service: Service,
) -> io::Result<()> {
    let service = Rc::new(service);
    loop {
        let mut stream = accept().await?;
        stream.set_hot(hot);
        taut::spawn(echo(stream, Rc::clone(&service)));
    }
}

async fn echo<F: Family>(mut stream: Stream<F>, service: Rc<Service>) -> io::Result<()> {
    loop {
        let message = stream.recv().await?;
        if message.is_empty() {
            return Ok(());
        }
        if service.duty == Duty::Echo {
            stream.write_all(&message).await?;
        }
        service.attendant.served(message.len(), || taut::counters().syscalls);
    }
}
