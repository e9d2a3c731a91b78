//! A steady session allocates nothing for a message, whatever limits and hooks it has.

mod common;

use std::time::Duration;

use common::allocations::{Counting, allocations};
use common::tasks::FOREVER;
use common::venue::{accept, position_of, quick, session_with, told_of};
use common::{block_on, listen, on_each_driver};
use taut::net::TcpStream;
use taut::spawn;
use taut::ws::{Event, Message, RateLimit, Session};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

async fn ask(session: &mut Session<TcpStream>, rounds: usize) {
    for round in 0..rounds {
        if round % 2 == 0 {
            session.send_text("1").await.unwrap();
        } else {
            session.try_send(|outbox| outbox.queue_text("1")).unwrap();
        }
        let Event::Message(Message::Text(text)) = session.next().await.unwrap().unwrap() else {
            panic!("a message");
        };
        assert_eq!(&*text, "1");
    }
}

#[test]
fn a_steady_exchange_allocates_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let venue = spawn(async move {
                let mut client = accept(&listener).await;
                while let Some(message) = client.next().await.unwrap() {
                    client.send_text(message.as_str().unwrap()).await.unwrap();
                }
            });
            let limited = quick()
                .message_limit(Some(RateLimit::new(100_000, Duration::from_micros(1))))
                .count_control_frames(true)
                .replace_after(Some(FOREVER))
                .positions(position_of);
            let mut session = session_with(limited, address);
            assert_eq!(told_of(&mut session, 2).await[1], "connected 1");
            ask(&mut session, 2000).await;
            let calls = allocations(ask(&mut session, 5000)).await;
            assert_eq!(calls, 0);
            drop(session);
            venue.await.unwrap();
        });
    });
}
