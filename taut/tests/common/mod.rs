//! What the tests share: each behaviour on each driver, a pair of connected streams, and counts of
//! what a process holds.

#![allow(dead_code, reason = "every test file uses its own part")]

pub(crate) mod allocations;
pub(crate) mod channel_mpsc;
pub(crate) mod channel_shared;
pub(crate) mod channels;
pub(crate) mod children;
pub(crate) mod cores;
pub(crate) mod directory;
pub(crate) mod every_poll;
pub(crate) mod foreign;
pub(crate) mod held;
pub(crate) mod http;
pub(crate) mod http_peer;
pub(crate) mod netns;
pub(crate) mod off_core;
pub(crate) mod openssl;
pub(crate) mod other_cores;
pub(crate) mod paths;
pub(crate) mod raw_option;
pub(crate) mod shared_memory;
pub(crate) mod strace;
pub(crate) mod tasks;
pub(crate) mod tls;
pub(crate) mod venue;
pub(crate) mod veth;
pub(crate) mod waiters;
pub(crate) mod waits;
pub(crate) mod wall_clock;
pub(crate) mod ways;
pub(crate) mod whole_process;
pub(crate) mod ws;
pub(crate) mod ws_deflate;
pub(crate) mod ws_handshake;
pub(crate) mod ws_interop;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use taut::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use taut::{Builder, Driver, Runtime, WaitStrategy};

/// How long anything may take before a test counts as hung. Generous: timing never decides.
pub(crate) const HUNG_AFTER: Duration = Duration::from_secs(60);

/// Runs a test body on io_uring and on epoll. Where the host has no io_uring the first run is left
/// out, loudly, unless `TAUT_DRIVER` is set to demand it.
pub(crate) fn on_each_driver(body: impl Fn(Builder)) {
    for driver in [Driver::Uring, Driver::Epoll] {
        let builder = Runtime::builder().driver(driver);
        if let Err(error) = builder.clone().build() {
            assert_eq!(driver, Driver::Uring, "epoll always works: {error}");
            assert!(std::env::var_os("TAUT_DRIVER").is_none(), "{error}");
            eprintln!("SKIPPED on {driver:?}: {error}");
            continue;
        }
        eprintln!("on {driver:?}:");
        body(builder);
    }
}

/// Like [`on_each_driver`], with each wait strategy that makes sense everywhere.
pub(crate) fn on_each_driver_and_wait(body: impl Fn(Builder)) {
    let spin_for = Duration::from_micros(20);
    on_each_driver(|builder| {
        for wait in
            [WaitStrategy::Spin, WaitStrategy::Park, WaitStrategy::SpinThenPark { spin_for }]
        {
            eprintln!("  waiting by {wait:?}");
            body(builder.clone().wait(wait));
        }
    });
}

/// Builds a runtime and runs a future on it, which must end in time.
pub(crate) fn block_on<F: Future>(builder: Builder, future: F) -> F::Output {
    builder.build().expect("the driver was tried before").block_on(in_time(future))
}

/// The future's output; panics where it hangs.
pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    taut::time::timeout(HUNG_AFTER, future).await.expect("the test hangs")
}

/// Lets the runtime turn until the condition holds, which must be in time.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    in_time(async {
        while !condition() {
            taut::yield_now().await;
        }
    })
    .await;
}

/// Lets the runtime look at the world so many times. Merely yielding does not: many polls are one
/// turn.
pub(crate) async fn turns(count: u64) {
    let end = taut::counters().turns + count;
    until(|| taut::counters().turns >= end).await;
}

/// Polls a future, lets the runtime turn so many times, and drops it with whatever it gave.
pub(crate) async fn poll_then_drop(future: impl Future, turns_between: u64) {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        std::task::Poll::Ready(())
    })
    .await;
    turns(turns_between).await;
}

/// Whether nothing comes in, also after the loop has looked several times.
pub(crate) async fn is_silent(socket: &mut UdpSocket) -> bool {
    let mut receive = std::pin::pin!(socket.recv());
    for _ in 0..20 {
        if futures_util::poll!(receive.as_mut()).is_ready() {
            return false;
        }
        turns(1).await;
    }
    true
}

/// Loopback, with a port that the kernel chooses.
pub(crate) fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Listens on a port of loopback that the kernel chooses.
pub(crate) fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address of loopback at which nobody listens. The socket holds the port meanwhile, and may
/// listen later.
pub(crate) fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(loopback()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A UDP socket on a port of loopback that the kernel chooses.
pub(crate) fn bound() -> UdpSocket {
    UdpSocket::bind(loopback()).unwrap()
}

/// Two ends of one connection.
pub(crate) async fn connected_pair() -> (TcpStream, TcpStream) {
    let (listener, address) = listen();
    let client = TcpStream::connect(address).await.unwrap();
    (client, listener.accept().await.unwrap())
}

/// Sends back all that comes, up to the end.
pub(crate) async fn echo(mut stream: TcpStream) {
    loop {
        let message = stream.recv().await.unwrap();
        if message.is_empty() {
            return;
        }
        stream.write_all(&message).await.unwrap();
    }
}

/// Sockets of this host that wait for an answer of this port.
pub(crate) fn attempts_under_way(port: u16) -> usize {
    const SYN_SENT: &str = "02";

    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let to_port = format!(":{port:04X}");
    let sockets = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    sockets.filter(|row| row[2].ends_with(&to_port) && row[3] == SYN_SENT).count()
}

/// A listener whose queue is full, so that the kernel does not answer whoever connects; with those
/// that wait in its queue.
pub(crate) async fn silent_listener() -> (TcpListener, SocketAddr, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(loopback()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    loop {
        let mut attempt = Box::pin(TcpStream::connect(address));
        match taut::time::timeout(Duration::from_millis(5), &mut attempt).await {
            Ok(stream) => queued.push(stream.unwrap()),
            Err(_) if attempts_under_way(address.port()) > 0 => break,
            Err(_) => queued.push(attempt.await.unwrap()),
        }
    }
    (listener, address, queued)
}

/// Descriptors that this process has open. Tests that use it run in a process of their own, or
/// serialise themselves: other tests open descriptors too.
pub(crate) fn open_descriptors() -> usize {
    // The directory itself is open while it is read.
    std::fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

/// Waits, outside of a runtime, until no more than `count` descriptors are open. A blocking thread
/// lets go of its runtime's doorbell in its own time, also after the runtime's end.
pub(crate) fn until_open(count: usize) {
    let start = std::time::Instant::now();
    while open_descriptors() > count {
        assert!(start.elapsed() < HUNG_AFTER, "{} descriptors are open", open_descriptors());
        std::thread::yield_now();
    }
}

/// Resident memory of this process, in bytes.
pub(crate) fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = pages.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size()
}

/// A small generator of numbers with a fixed algorithm, so that a seed stays valid.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Before one of so many messages a sleep, before a few a yield, before the others nothing.
    pub(crate) async fn pause_at_one_of(&mut self, messages: usize) {
        match self.below(messages) {
            0 => {
                let pause = Duration::from_micros(self.below(300) as u64);
                taut::time::sleep(pause).await.unwrap();
            }
            1..10 => taut::yield_now().await,
            _ => {}
        }
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}
