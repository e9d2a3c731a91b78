//! A stream outlives a thousand restarts of its server: every message is delivered once or
//! reported, and no descriptor, task, buffer or operation is left.

mod common;

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use common::held::Held;
use common::{Random, in_time, listen, on_each_driver, open_descriptors, turns, until, until_open};
use taut::net::reconnect::{Incoming, SendError, Ticket};
use taut::net::{ReconnectingStream, TcpListener, TcpStream};
use taut::time::timeout;
use taut::{counters, spawn};

const RESTARTS: usize = 1000;
const MESSAGE_BYTES: usize = 8;

/// How often each message, by its number, was read whole by a server.
type Received = Rc<RefCell<HashMap<u64, u32>>>;

/// What the client knows in the end of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Acknowledged,
    Uncertain,
    Undelivered,
}

/// Whole messages of a connection, out of its bytes.
#[derive(Default)]
struct Numbers(Vec<u8>);

impl Numbers {
    fn add(&mut self, bytes: &[u8]) -> Vec<u64> {
        self.0.extend_from_slice(bytes);
        let whole = self.0.len() - self.0.len() % MESSAGE_BYTES;
        let whole: Vec<_> = self.0.drain(..whole).collect();
        let number = |message: &[u8]| u64::from_le_bytes(message.try_into().unwrap());
        whole.chunks(MESSAGE_BYTES).map(number).collect()
    }
}

/// One life of the server: a connection, some messages of it, some of them acknowledged.
async fn live(address: SocketAddr, random: &mut Random, received: &Received) {
    let listener = TcpListener::bind(address).unwrap();
    let mut stream = listener.accept().await.unwrap();
    let mut numbers = Numbers::default();
    for _ in 0..random.below(4) {
        let Ok(bytes) = stream.recv().await else { break };
        if bytes.is_empty() {
            break;
        }
        for number in numbers.add(&bytes) {
            *received.borrow_mut().entry(number).or_default() += 1;
            if random.below(4) > 0 && stream.write_all(&number.to_le_bytes()).await.is_err() {
                break;
            }
        }
    }
    die(stream, random).await;
}

/// By a reset, by a close, or after its writing direction.
async fn die(mut stream: TcpStream, random: &mut Random) {
    match random.below(3) {
        0 => stream.close_reset().unwrap(),
        1 => drop(stream),
        _ => {
            let _ = stream.shutdown(std::net::Shutdown::Write).await;
            turns(random.below(3) as u64).await;
        }
    }
}

async fn serve(address: SocketAddr, received: Received, seed: u64) {
    let mut random = Random::new(seed);
    for _ in 0..RESTARTS {
        live(address, &mut random, &received).await;
        if random.below(4) == 0 {
            turns(20).await;
        }
    }
}

/// What the client has sent, and what became of it.
#[derive(Default)]
struct Ledger {
    pending: HashMap<Ticket, u64>,
    fates: HashMap<u64, Fate>,
}

impl Ledger {
    fn settle(&mut self, number: u64, fate: Fate) {
        assert_eq!(self.fates.insert(number, fate), None, "message {number} has one fate");
    }

    fn uncertain(&mut self, stream: &mut ReconnectingStream) {
        for lost in stream.take_uncertain() {
            let number = self.pending.remove(&lost.ticket).expect("it was sent");
            assert_eq!(lost.message[..], number.to_le_bytes(), "it comes back as it was");
            self.settle(number, Fate::Uncertain);
        }
    }

    fn acknowledged(&mut self, stream: &mut ReconnectingStream, number: u64) {
        let of_number = |(_, sent): &(&Ticket, &u64)| **sent == number;
        let (ticket, _) = self.pending.iter().find(of_number).expect("it was pending");
        let ticket = *ticket;
        assert!(stream.acknowledge(ticket));
        self.pending.remove(&ticket);
        self.settle(number, Fate::Acknowledged);
    }
}

/// Sends and receives until the server is gone for good; how many connections were lost.
async fn trade(
    stream: &mut ReconnectingStream,
    ledger: &mut Ledger,
    server_is_gone: impl Fn() -> bool,
) -> usize {
    let (mut numbers, mut losses) = (Numbers::default(), 0);
    for number in 0_u64.. {
        if server_is_gone() {
            break;
        }
        // It must not wait for a server that never comes back.
        let message = number.to_le_bytes().to_vec();
        let Ok(sent) = timeout(Duration::from_millis(20), stream.send(message)).await else {
            // It was waiting for a connection, so nothing was sent: the message is short.
            ledger.settle(number, Fate::Undelivered);
            continue;
        };
        match sent {
            Ok(ticket) | Err(SendError::Uncertain { ticket, .. }) => {
                assert_eq!(ledger.pending.insert(ticket, number), None);
            }
            Err(SendError::Undelivered { message, .. }) => {
                assert_eq!(message[..], number.to_le_bytes());
                ledger.settle(number, Fate::Undelivered);
            }
            Err(other) => panic!("{other}"),
        }
        let patience = Duration::from_micros(50);
        while let Ok(incoming) = timeout(patience, stream.recv()).await {
            match incoming.unwrap() {
                Incoming::Connected => numbers = Numbers::default(),
                Incoming::Bytes(bytes) => {
                    for number in numbers.add(&bytes) {
                        ledger.acknowledged(stream, number);
                    }
                }
                Incoming::Lost(_) => {
                    losses += 1;
                    numbers = Numbers::default();
                    ledger.uncertain(stream);
                }
            }
        }
    }
    losses
}

fn check(ledger: &Ledger, received: &HashMap<u64, u32>) {
    assert!(ledger.pending.is_empty());
    for (number, fate) in &ledger.fates {
        let times = received.get(number).copied().unwrap_or_default();
        match fate {
            Fate::Acknowledged => assert_eq!(times, 1, "message {number}"),
            Fate::Uncertain => assert!(times <= 1, "message {number} was read {times} times"),
            Fate::Undelivered => assert_eq!(times, 0, "message {number} was not sent"),
        }
    }
    assert!(received.keys().all(|number| ledger.fates.contains_key(number)));
}

async fn restarts(seed: u64) {
    let (listener, address) = listen();
    drop(listener);
    let received = Received::default();
    let server = spawn(serve(address, Rc::clone(&received), seed));
    let mut stream = ReconnectingStream::builder()
        .backoff_first(Duration::from_micros(100))
        .backoff_max(Duration::from_millis(2))
        .stable_after(Duration::ZERO)
        .build(address);
    let mut ledger = Ledger::default();
    let losses = trade(&mut stream, &mut ledger, || server.is_finished()).await;
    server.await.unwrap();
    stream.disconnect();
    ledger.uncertain(&mut stream);
    assert_eq!(stream.unacknowledged(), 0);
    check(&ledger, &received.borrow());
    let count = |fate| ledger.fates.values().filter(|found| **found == fate).count();
    let (acknowledged, uncertain) = (count(Fate::Acknowledged), count(Fate::Uncertain));
    eprintln!(
        "{} messages: {acknowledged} acknowledged, {uncertain} uncertain, {} undelivered; {losses} \
         losses told",
        ledger.fates.len(),
        count(Fate::Undelivered),
    );
    assert!(acknowledged > 0 && uncertain > 0, "both happened");
    // More than restarts, too: a connection may die in the queue of a listener that goes.
    assert!(losses > RESTARTS / 2, "{losses}");
}

#[test]
fn a_thousand_restarts_leave_nothing_and_lose_no_message_unsaid() {
    on_each_driver(|builder| {
        let outside = open_descriptors();
        let runtime = builder.random_seed(Some(6)).build().unwrap();
        let before = Held::now(&runtime);
        runtime.block_on(in_time(async {
            restarts(11).await;
            let alone = || counters().tasks_live == 1 && counters().operations_in_flight <= 1;
            until(alone).await;
            turns(3).await;
        }));
        runtime.block_on(until(|| open_descriptors() == before.descriptors));
        assert_eq!(Held::now(&runtime), before);
        drop(runtime);
        until_open(outside);
    });
}
