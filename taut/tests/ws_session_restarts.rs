//! A session outlives two hundred restarts of its venue under load: nothing is told out of order,
//! and nothing is left.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::held::Held;
use common::venue::{quick, session_with};
use common::{Random, in_time, listen, on_each_driver, turns, until, until_open};
use taut::net::TcpListener;
use taut::spawn;
use taut::time::timeout;
use taut::ws::{Event, Options, Role, WebSocket};

const RESTARTS: u64 = 200;

/// One life of the venue: some numbered messages, and an end of some kind.
async fn live(address: SocketAddr, life: u64, random: &mut Random) {
    let listener = TcpListener::bind(address).unwrap();
    let stream = listener.accept().await.unwrap();
    let mut client = WebSocket::over(stream, Role::Server, &Options::default(), None);
    drop(listener);
    let topic = client.next().await.unwrap().unwrap();
    assert_eq!(topic.as_str(), Some("subscribe"));
    for number in 0..random.below(40) {
        client.outbox().queue_text(&format!("{life} {number}")).unwrap();
        if random.below(4) == 0 && client.flush().await.is_err() {
            break;
        }
    }
    match random.below(3) {
        0 => drop(client),
        1 => drop(client.close(taut::ws::CloseCode::SERVICE_RESTART, "").await),
        _ => {
            let _ = client.flush().await;
            turns(random.below(3) as u64).await;
        }
    }
}

/// What may follow what: messages of one life in their order, on one connection.
#[derive(Default)]
struct Account {
    connection: Option<u64>,
    lost: u64,
    life: u64,
    next: u64,
    messages: u64,
}

impl Account {
    fn note(&mut self, event: &Event) {
        match event {
            Event::Connected { connection, replaces } => {
                assert_eq!((*connection, *replaces), (self.lost + 1, None));
                assert_eq!(self.connection.replace(*connection), None);
                self.next = 0;
            }
            Event::Message(message) => {
                assert!(self.connection.is_some(), "a message of no connection");
                let (life, number) = message.as_str().unwrap().split_once(' ').unwrap();
                let [life, number] = [life, number].map(|part| part.parse::<u64>().unwrap());
                match self.next {
                    0 => assert!(life >= self.life, "a message of a life before"),
                    _ => assert_eq!(self.life, life),
                }
                assert_eq!(number, self.next, "in their order, without a gap");
                (self.life, self.next) = (life, number + 1);
                self.messages += 1;
            }
            Event::Lost { connection, .. } => {
                assert_eq!(self.connection.take(), Some(*connection));
                self.lost = *connection;
            }
            Event::Connecting { replaces: None, .. }
            | Event::Waiting { .. }
            | Event::AttemptFailed(_) => {
                assert_eq!(self.connection, None);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn two_hundred_restarts_under_load_are_told_in_order_and_leave_nothing() {
    on_each_driver(|builder| {
        let runtime = builder.random_seed(Some(8)).build().unwrap();
        let before = Held::now(&runtime);
        runtime.block_on(in_time(async {
            let (listener, address) = listen();
            drop(listener);
            let venue = spawn(async move {
                let mut random = Random::new(8);
                for life in 1..=RESTARTS {
                    live(address, life, &mut random).await;
                }
            });
            let subscribing = quick().on_connect(async |fresh| fresh.send_text("subscribe").await);
            let mut session = session_with(subscribing, address);
            let (mut account, mut random) = (Account::default(), Random::new(9));
            let sender = session.sender();
            while !(venue.is_finished() && account.connection.is_none()) {
                // Some waits are given up: nothing is lost by it.
                let patience = Duration::from_micros(20 + random.below(300) as u64);
                if let Ok(event) = timeout(patience, session.next()).await {
                    account.note(&event.unwrap().unwrap());
                }
                if account.connection.is_some() && random.below(8) == 0 {
                    // Whether there still is a connection is the venue's to know.
                    let _ = sender.try_send_text("load");
                }
            }
            venue.await.unwrap();
            assert!(account.lost >= RESTARTS, "{} losses", account.lost);
            assert!(account.messages > RESTARTS, "{} messages", account.messages);
            drop(session);
            until(|| taut::counters().tasks_live == 1).await;
            until(|| taut::counters().operations_in_flight == 0).await;
        }));
        until_open(before.descriptors);
        assert_eq!(Held::now(&runtime), before);
    });
}
