//! hyper on Taut: what its clients and servers ask of a runtime.
//!
//! For those who need HTTP/2 or gRPC, or have a service that is written for hyper already: [`Io`]
//! is a transport as hyper reads and writes it, [`Executor`] runs its tasks on this core, [`Timer`]
//! gives it the core's clock. Taut's own [`http`](crate::http) reads heads and bodies where they
//! landed; hyper copies what it receives into buffers of its own, once.
//!
//! hyper's timers have to be `Send`, since its connections may move between threads. Those of Taut
//! are not, and need not be: they stay on the core that made them, and panic where another thread
//! polls or drops them.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use hyper::server::conn::http1;
//! use hyper::service::service_fn;
//! use hyper::{Request, Response, body::Incoming};
//! use taut_net::{TcpListener, TcpStream};
//! use taut_proto::hyper::{Io, Timer};
//!
//! taut_runtime::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
//!     let address = listener.local_addr()?;
//!     let server = taut_runtime::spawn(async move {
//!         let stream = listener.accept().await.unwrap();
//!         let hello = |_: Request<Incoming>| async {
//!             Ok::<_, Infallible>(Response::new("hello".to_owned()))
//!         };
//!         http1::Builder::new()
//!             .timer(Timer)
//!             .keep_alive(false)
//!             .serve_connection(Io::new(stream), service_fn(hello))
//!             .await
//!     });
//!
//!     let mut stream = TcpStream::connect(address).await?;
//!     stream.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await?;
//!     let mut answer = Vec::new();
//!     stream.read_to_end(&mut answer).await?;
//!     assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(b"\r\n\r\nhello"));
//!     server.await?.expect("a clean end");
//!     Ok::<(), std::io::Error>(())
//! })??;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod io;
mod timer;

pub use io::Io;
pub use timer::Timer;

/// Runs hyper's tasks on the core that asks, as [`taut_runtime::spawn`] does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Executor;

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, task: F) {
        // Dropping the handle lets the task run on.
        drop(taut_runtime::spawn(task));
    }
}
