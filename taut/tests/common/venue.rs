//! A venue for sessions: connections without a handshake, and what a session tells, in words.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use taut::net::{TcpListener, TcpStream};
use taut::spawn;
use taut::time::sleep;
use taut::ws::{Event, Message, Options, Position, Role, Session, SessionBuilder, WebSocket};

pub(crate) type Socket = WebSocket<TcpStream>;

/// Settings for impatient tests.
pub(crate) fn quick() -> SessionBuilder<TcpStream> {
    Session::builder()
        .backoff_first(Duration::from_micros(100))
        .backoff_max(Duration::from_millis(1))
        .stable_after(Duration::ZERO)
}

/// A session with the venue at this address.
pub(crate) fn session_with(
    builder: SessionBuilder<TcpStream>,
    address: SocketAddr,
) -> Session<TcpStream> {
    builder.build(async move || {
        let stream = TcpStream::connect(address).await?;
        let options = Options::default();
        Ok::<_, io::Error>(WebSocket::over(stream, Role::Client, &options, None))
    })
}

pub(crate) async fn accept(listener: &TcpListener) -> Socket {
    let stream = listener.accept().await.unwrap();
    WebSocket::over(stream, Role::Server, &Options::default(), None)
}

/// What happens next, as long as there is something.
pub(crate) async fn told(session: &mut Session<TcpStream>) -> String {
    match session.next().await.unwrap() {
        Some(event) => in_words(&event),
        None => "over".to_owned(),
    }
}

/// What happens next, but for pauses.
pub(crate) async fn told_of(session: &mut Session<TcpStream>, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    while all.len() < count {
        let next = told(session).await;
        if next != "waiting" {
            all.push(next);
        }
    }
    all
}

pub(crate) fn in_words(event: &Event) -> String {
    match event {
        Event::Message(message) => message.as_str().unwrap_or("bytes").to_owned(),
        Event::Waiting { .. } => "waiting".to_owned(),
        Event::Connecting { failures, replaces: None } => format!("connecting after {failures}"),
        Event::Connecting { replaces: Some(old), .. } => format!("connecting for {old}"),
        Event::AttemptFailed(_) => "failed".to_owned(),
        Event::Connected { connection, replaces: None } => format!("connected {connection}"),
        Event::Connected { connection, replaces: Some(old) } => {
            format!("connected {connection} for {old}")
        }
        Event::Lost { connection, .. } => format!("lost {connection}"),
        Event::Switched { from, to } => format!("switched {from} to {to}"),
        Event::NotReplaced { connection, .. } => format!("not replaced {connection}"),
        Event::GaveUp(_) => "gave up".to_owned(),
        other => panic!("{other:?}"),
    }
}

/// The number that a message of the [`Ticker`] is.
pub(crate) fn number_of(message: &Message) -> u64 {
    message.as_str().unwrap().parse().unwrap()
}

pub(crate) fn position_of(message: &Message) -> Option<Position> {
    Some(Position { key: 7, sequence: message.as_str()?.parse().ok()? })
}

/// What came of one client.
type Numbers = Rc<RefCell<Vec<u64>>>;

/// A venue that sends one running number after the other to all who are connected, each from where
/// the numbers are when it comes.
#[derive(Clone, Default)]
pub(crate) struct Ticker {
    pub(crate) clients: Rc<RefCell<Vec<Numbers>>>,
    pub(crate) last: Rc<Cell<u64>>,
    /// How many connections it has accepted.
    pub(crate) accepted: Rc<Cell<u64>>,
}

impl Ticker {
    /// Counts, some at a time.
    pub(crate) async fn tick(self, at_once: u64) {
        loop {
            for _ in 0..at_once {
                let number = self.last.get() + 1;
                self.last.set(number);
                self.clients.borrow().iter().for_each(|queue| queue.borrow_mut().push(number));
            }
            if sleep(Duration::from_micros(50)).await.is_err() {
                return;
            }
        }
    }

    pub(crate) async fn serve(self, listener: TcpListener) {
        loop {
            let client = accept(&listener).await;
            self.accepted.set(self.accepted.get() + 1);
            spawn(self.clone().feed(client));
        }
    }

    async fn feed(self, client: Socket) {
        let queue = Rc::default();
        self.clients.borrow_mut().push(Rc::clone(&queue));
        let (mut read, mut write) = client.into_split();
        let reader = spawn(async move { while let Ok(Some(_)) = read.next().await {} });
        while !reader.is_finished() {
            let numbers = std::mem::take(&mut *queue.borrow_mut());
            for number in numbers {
                if write.send_text(&number.to_string()).await.is_err() {
                    break;
                }
            }
            if sleep(Duration::from_micros(30)).await.is_err() {
                break;
            }
        }
        self.clients.borrow_mut().retain(|other| !Rc::ptr_eq(other, &queue));
    }
}
