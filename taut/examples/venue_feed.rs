//! A feed that outlives its connections: `cargo run --release --example venue_feed`.
//!
//! The venue is scripted. It pings, by WebSocket's own frames and by asking for text; it counts how
//! often it is connected to and written to; it cuts the first connection off, tells on the second
//! that this one will end, and closes the third for good. The session reconnects and subscribes
//! anew, replaces the second connection before it ends, keeps to the limits, and tells each step
//! where it happens between the ticks.

use std::cell::Cell;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use taut::http::client::ClientTransport;
use taut::net::{TcpListener, TcpStream};
use taut::time::{Instant, sleep};
use taut::ws::{
    self, CloseCode, Connector, Event, Failure, Message, Options, Position, RateLimit, Retry,
    SendError, Session, TextPing, WebSocket,
};

const SPAN: Duration = Duration::from_millis(50);
const CONNECTIONS_PER_SPAN: u32 = 2;
const MESSAGES_PER_SPAN: u32 = 5;
const SUBSCRIPTION: &str = "subscribe trades";
const NOTICE: &str = "notice: this connection ends soon";
/// The code of a venue that will not be back today.
const NIGHT: CloseCode = CloseCode::GOING_AWAY;

/// What the venue's connections share.
#[derive(Clone, Default)]
struct Venue {
    /// The last tick: all connections have the same ones.
    tick: Rc<Cell<u64>>,
    orders: Rc<Cell<u64>>,
    pings_answered: Rc<Cell<u64>>,
}

impl Venue {
    async fn open(self, listener: TcpListener) -> io::Result<()> {
        let clock = self.clone();
        taut::spawn_background(async move {
            while sleep(Duration::from_micros(500)).await.is_ok() {
                clock.tick.set(clock.tick.get() + 1);
            }
        });
        let mut connections = Vec::new();
        for number in 1..=3 {
            let client = ws::accept(listener.accept().await?).await?;
            connections.push(taut::spawn(self.clone().serve(client, number)));
        }
        for connection in connections {
            connection.await.expect("the script does not panic")?;
        }
        Ok(())
    }

    /// One connection of the script: its ticks, and its end.
    async fn serve(self, client: WebSocket<TcpStream>, number: u32) -> io::Result<()> {
        let (mut read, mut write) = client.into_split();
        let (venue, answers) = (self.clone(), Rc::new(Cell::new(0)));
        let asked = Rc::clone(&answers);
        let reader = taut::spawn(async move {
            while let Ok(Some(frame)) = read.next_frame().await {
                match &frame.payload[..] {
                    b"ping" => asked.set(asked.get() + 1),
                    b"are you there" => {
                        venue.pings_answered.set(venue.pings_answered.get() + 1);
                    }
                    text if text.starts_with(b"order") => venue.orders.set(venue.orders.get() + 1),
                    _ => {}
                }
            }
        });
        let (mut sent, last) = (self.tick.get(), self.tick.get() + 60);
        let mut notice = (number == 2).then_some(NOTICE);
        while sent < last && !reader.is_finished() {
            while sent < self.tick.get() {
                sent += 1;
                write.queue(|outbox| outbox.queue_text(&format!("tick {sent}")))?;
            }
            if sent % 10 == 0 {
                write.queue(|outbox| outbox.queue_ping(b"are you there"))?;
            }
            if let Some(notice) = notice.take_if(|_| sent + 40 >= last) {
                write.queue(|outbox| outbox.queue_text(notice))?;
            }
            for _ in 0..answers.take() {
                write.queue(|outbox| outbox.queue_text("pong"))?;
            }
            sleep(Duration::from_micros(300)).await?;
        }
        match number {
            1 => reader.abort(), // cut off without a word
            2 => {}
            _ => write.close(NIGHT, "good night").await?,
        }
        let _ = reader.await;
        Ok(())
    }
}

fn connector() -> Connector {
    let mut options = Options::default();
    options.keepalive.ping_every = Some(Duration::from_millis(7));
    options.keepalive.text_ping = Some(TextPing::new("ping", |text| text == "pong"));
    options.keepalive.idle_timeout = Some(Duration::from_secs(5));
    Connector::new().options(options)
}

fn number_of(message: &Message) -> Option<u64> {
    message.as_str()?.strip_prefix("tick ")?.parse().ok()
}

fn session(address: SocketAddr) -> Session<ClientTransport> {
    let connector = connector();
    Session::builder()
        .backoff_first(Duration::from_millis(5))
        .outage_max(Some(Duration::from_secs(30)))
        .connection_limit(Some(RateLimit::new(CONNECTIONS_PER_SPAN, SPAN)))
        .message_limit(Some(RateLimit::new(MESSAGES_PER_SPAN, SPAN)))
        .on_connect(async |fresh| fresh.send_text(SUBSCRIPTION).await)
        .positions(|message| Some(Position { key: 0, sequence: number_of(message)? }))
        .retry(|failure| match failure {
            Failure::Closed(Some(frame)) if frame.code == NIGHT => Retry::Never,
            _ => Retry::Backoff,
        })
        .build(async move || connector.connect(format!("ws://{address}/feed")).await)
}

/// What the user of a feed keeps of it.
#[derive(Default)]
struct Account {
    last: u64,
    ticks: u64,
    missing: u64,
    switches: u32,
    losses: u32,
    orders: u64,
    too_soon: u64,
}

impl Account {
    fn tick(&mut self, number: u64) {
        assert!(number > self.last, "each tick once, in order");
        if self.last > 0 {
            self.missing += number - self.last - 1;
        }
        (self.last, self.ticks) = (number, self.ticks + 1);
    }

    fn order(&mut self, session: &mut Session<ClientTransport>) {
        match session.try_send_text("order") {
            Ok(()) => self.orders += 1,
            Err(SendError::TooSoon(_)) => self.too_soon += 1,
            Err(other) => println!("  no order: {other}"),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    taut::run(async {
        let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
        let address = listener.local_addr()?;
        let venue = Venue::default();
        let script = taut::spawn(venue.clone().open(listener));

        let start = Instant::now();
        let mut session = session(address);
        let mut account = Account::default();
        while let Some(event) = session.next().await? {
            if let Event::Message(message) = &event
                && let Some(number) = number_of(message)
            {
                account.tick(number);
                account.order(&mut session);
                continue;
            }
            let at_us = start.elapsed().as_micros();
            match event {
                Event::Message(message) => {
                    println!("{at_us:>7} us  the venue says: {}", message.as_str().unwrap_or("?"));
                    session.replace();
                }
                Event::Connecting { replaces: Some(old), .. } => {
                    println!("{at_us:>7} us  making a connection to replace {old}");
                }
                Event::Connecting { failures, .. } => {
                    println!("{at_us:>7} us  connecting, after {failures} failures");
                }
                Event::Connected { connection, .. } => {
                    println!("{at_us:>7} us  connection {connection} is there and subscribed");
                }
                Event::Waiting { pause, .. } => println!("{at_us:>7} us  waiting for {pause:?}"),
                Event::Lost { connection, why } => {
                    let last = account.last;
                    println!("{at_us:>7} us  lost {connection} after tick {last}: {why}");
                    account.losses += 1;
                }
                Event::Switched { from, to } => {
                    println!("{at_us:>7} us  {to} takes over from {from}, nothing is missing");
                    account.switches += 1;
                }
                Event::GaveUp(why) => println!("{at_us:>7} us  {why}"),
                other => println!("{at_us:>7} us  {other:?}"),
            }
        }
        script.await??;
        let Account { ticks, missing, switches, losses, orders, too_soon, .. } = account;
        assert_eq!((switches, losses), (1, 2), "one replacement, a cut and a good night");
        assert!(ticks > 100 && orders > 0 && too_soon > 0);
        let took = start.elapsed();
        let most = u64::from(MESSAGES_PER_SPAN) * (1 + (took.as_nanos() / SPAN.as_nanos()) as u64);
        assert!(venue.orders.get() <= most, "the venue counts, too");
        assert!(venue.pings_answered.get() > 0);
        println!(
            "{ticks} ticks, {missing} missed in the gap; {orders} orders sent, {too_soon} refused \
             by the rate limit; {} pings answered",
            venue.pings_answered.get()
        );
        Ok(())
    })?
}
