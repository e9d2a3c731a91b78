//! The client of `ws-feed` on the runtime: each message is handled where it lies.

use std::net::SocketAddr;

use taut::ws::{Error, connect};
use taut::{Driver, Runtime, WaitStrategy};

use super::handler::GO;
use super::{Client, FeedKind, now_ns, unexpected};

pub(super) fn client(kind: FeedKind, core: usize, venue: SocketAddr) -> Result<Client, String> {
    let driver = if kind == FeedKind::TautEpoll { Driver::Epoll } else { Driver::Uring };
    let builder = Runtime::builder().core(core).wait(WaitStrategy::Spin).driver(driver);
    let runtime = builder.build().map_err(|error| error.to_string())?;
    let socket = runtime.block_on(async { connect(format!("ws://{venue}/feed")).await });
    let mut socket = socket.map_err(|error| format!("the venue can't be reached: {error}"))?;
    socket.set_hot(kind == FeedKind::TautHot);
    Ok(Box::new(move |handler| {
        runtime.block_on(async {
            let failed = |error: Error| format!("the feed broke off: {error}");
            socket.send_text(GO).await.map_err(failed)?;
            let mut wrong = None;
            while !handler.is_done() {
                let seen = socket.for_each_ready(|item, _| {
                    if !handler.handle(item.as_bytes(), now_ns()) {
                        wrong = Some(unexpected(item.as_bytes()));
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
