//! The client of `ws-feed` on the runtime: each message is handled where it lies.

use std::net::SocketAddr;

use rustix::time::ClockId;
use taut::net::StampedBy;
use taut::ws::{Connector, Error, Options};
use taut::{Driver, Runtime, WaitStrategy};

use super::handler::GO;
use super::{Client, FeedKind, now_ns, read_ns, unexpected};

pub(super) fn client(kind: FeedKind, core: usize, venue: SocketAddr) -> Result<Client, String> {
    let driver = if kind == FeedKind::TautEpoll { Driver::Epoll } else { Driver::Uring };
    let builder = Runtime::builder().core(core).wait(WaitStrategy::Spin).driver(driver);
    let runtime = builder.build().map_err(|error| error.to_string())?;
    let socket = runtime.block_on(async {
        let mut options = Options::default();
        options.receive_timestamps = kind.is_stamped().then_some(StampedBy::Kernel);
        Connector::new().options(options).connect(format!("ws://{venue}/feed")).await
    });
    let mut socket = socket.map_err(|error| format!("the venue can't be reached: {error}"))?;
    socket.set_hot(kind.is_hot());
    Ok(Box::new(move |handler, since_kernel_ns| {
        runtime.block_on(async {
            let failed = |error: Error| format!("the feed broke off: {error}");
            socket.send_text(GO).await.map_err(failed)?;
            let mut wrong = None;
            while !handler.is_done() {
                let seen = socket.for_each_ready(|item, _| {
                    if !handler.handle(item.as_bytes(), now_ns()) {
                        wrong = Some(unexpected(item.as_bytes()));
                    }
                    if kind.is_stamped() {
                        // The kernel's stamps are of this clock; nothing where it was set meanwhile.
                        let now_ns = read_ns(ClockId::Realtime);
                        let came_ns = item.timestamps().software_ns;
                        since_kernel_ns.extend(came_ns.and_then(|ns| now_ns.checked_sub(ns)));
                    }
                    Ok(())
                });
                if seen.await.map_err(failed)? == 0 {
                    return Err("the venue closed the connection".to_owned());
                }
                if let Some(wrong) = wrong.take() {
                    return Err(wrong);
                }
            }
            Ok(())
        })
    }))
}
