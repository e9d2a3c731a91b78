//! The client of `ws-feed` on the runtime: each message is handled where it lies.

use std::net::SocketAddr;

use taut::net::TcpStream;
use taut::ws::{Error, Options, Role, WebSocket};
use taut::{Driver, Runtime, WaitStrategy};

use super::handler::GO;
use super::{Client, FeedKind, now_ns, unexpected};
use crate::ws::{REQUEST, check_answer, head_bytes};

pub(super) fn client(kind: FeedKind, core: usize, venue: SocketAddr) -> Result<Client, String> {
    let driver = if kind == FeedKind::TautEpoll { Driver::Epoll } else { Driver::Uring };
    let builder = Runtime::builder().core(core).wait(WaitStrategy::Spin).driver(driver);
    let runtime = builder.build().map_err(|error| error.to_string())?;
    let mut socket = runtime.block_on(connect(venue, kind == FeedKind::TautHot))?;
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

async fn connect(venue: SocketAddr, hot: bool) -> Result<WebSocket<TcpStream>, String> {
    let failed = |error: std::io::Error| format!("the venue can't be reached: {error}");
    let mut stream = TcpStream::connect(venue).await.map_err(failed)?;
    stream.write_all(REQUEST).await.map_err(failed)?;
    let mut head = Vec::new();
    while head_bytes(&head).is_none() {
        let bytes = stream.recv().await.map_err(failed)?;
        if bytes.is_empty() {
            return Err("the venue closed the connection in its handshake".to_owned());
        }
        head.extend_from_slice(&bytes);
    }
    check_answer(&head)?;
    stream.set_hot(hot);
    Ok(WebSocket::over(stream, Role::Client, &Options::default(), None))
}
