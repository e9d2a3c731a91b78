//! An io_uring-native, thread-per-core runtime for Linux trading systems: *no slack between the
//! wire and your code*.
//!
//! One single-threaded executor per pinned core, on io_uring where the host has it and on epoll
//! where it has not. Received data is read where the kernel put it; a spinning idle core makes no
//! system call; a steady connection allocates nothing.
//!
//! ```
//! use taut::net::{TcpListener, TcpStream};
//!
//! taut::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
//!     let address = listener.local_addr()?;
//!
//!     let server = taut::spawn(async move {
//!         let mut stream = listener.accept().await?;
//!         loop {
//!             let message = stream.recv().await?; // where it landed: no copy
//!             if message.is_empty() {
//!                 return Ok::<(), std::io::Error>(());
//!             }
//!             stream.write_all(&message).await?;
//!         }
//!     });
//!
//!     let mut stream = TcpStream::connect(address).await?;
//!     stream.write_all(b"8=FIX.4.4").await?;
//!     let mut echo = [0; 9];
//!     stream.read_exact(&mut echo).await?;
//!     assert_eq!(&echo, b"8=FIX.4.4");
//!     drop(stream);
//!     server.await?
//! })??;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To tune, start with [`Runtime::builder`]: the core to pin to, the [`WaitStrategy`], the driver,
//! and every limit by name. [`Runtime::features`] tells what the host granted,
//! [`Runtime::counters`] what the runtime did.

/// TCP: listeners, streams, sockets.
pub mod net {
    pub use taut_net::*;
}

/// HTTP/1.1: see [`http::Client`], [`http::serve`] and [`http::Server`]. Behind the feature `http`.
#[cfg(feature = "http")]
pub mod http {
    pub use taut_proto::http::*;
}

/// Recording the latencies of one's own engine: [`Recorder`](latency::Recorder), and the `.hgrm`
/// and `.hlog` files that the HdrHistogram tools read. Behind the feature `latency`, which is on by
/// default.
#[cfg(feature = "latency")]
pub mod latency {
    pub use taut_latency::*;
}

/// TLS 1.2 and 1.3 over any stream: [`TlsConnector`](tls::TlsConnector),
/// [`TlsAcceptor`](tls::TlsAcceptor) and the [`TlsStream`](tls::TlsStream) that they make. Behind
/// the features `tls` and `tls-aws-lc-rs`, which say whose ciphers are used.
#[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
pub mod tls {
    pub use taut_proto::tls::*;
}

/// Counters in a mapped file that other processes read live: those of the runtimes that were built
/// with [`Builder::counter_file`], and your own counters, gauges and latency recorders beside them.
/// `taut-stat` shows them.
pub mod counter_file {
    pub use taut_counters::*;
}

/// hyper on Taut: executor, timers and streams as it asks for them. Behind the feature `hyper`.
#[cfg(feature = "hyper")]
pub mod hyper {
    pub use taut_proto::hyper::*;
}

/// WebSocket: see [`ws::WebSocket`]. Behind the feature `ws`.
#[cfg(feature = "ws")]
pub mod ws {
    pub use taut_proto::ws::*;
}

pub use taut_runtime::{
    BuildError, BuildErrorKind, Builder, CancelFlag, Cancelled, Counters, Driver, Feature,
    Features, JoinError, JoinHandle, NumaMemory, OffCore, Runtime, WaitStrategy, WorkPanicked,
    YieldNow, buffer, channel, cores, counters, dump, features, fs, io, is_cancelled,
    is_inside_runtime, off_core, off_core_with, on_own_thread, process, run, signal, spawn,
    spawn_background, sync, task, time, yield_now,
};
pub use taut_runtime::{LONG_TURNS_MAX, LongTurn, long_turns};
pub use taut_runtime::{Poller, PollerHandle, add_poller};
pub use taut_runtime::{random_u64, secure_random_bytes, secure_random_u32};

/// Keeps the programs of the README and of the guides compiling and true.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../../docs/errors.md")]
#[doc = include_str!("../../docs/coming-from-asyncio.md")]
struct Guides;
