//! What the server costs a request beside the kernel: a connection in memory, whose requests come
//! sixteen at a time, and whose answers nobody reads.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use taut_net::Transport;
use taut_proto::http::{Listener, Peer, Request, Response, Secured, Server};
use taut_runtime::Runtime;
use taut_runtime::buffer::RxBuf;

const REQUEST: &[u8] = b"GET /plaintext HTTP/1.1\r\nhost: 127.0.0.1\r\n\
    user-agent: taut-bench\r\naccept: text/plain\r\n\r\n";
const PIPELINED: usize = 16;
const BATCHES: usize = 256;

/// Gives so many batches of requests, then the end.
struct Batches {
    batch: RxBuf,
    left: usize,
    written: Rc<Cell<usize>>,
}

impl Secured for Batches {}

impl Transport for Batches {
    fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<io::Result<RxBuf>> {
        if self.left == 0 {
            return Poll::Ready(Ok(RxBuf::empty()));
        }
        self.left -= 1;
        Poll::Ready(Ok(self.batch.clone()))
    }

    fn stop_waiting(&mut self) {}

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written.set(self.written.get() + bytes.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn set_hot(&mut self, _: bool) {}
}

/// Has one connection, and shuts the server down with the next look at it.
struct Once {
    connection: Cell<Option<Batches>>,
    server: Server,
}

impl Listener for Once {
    type Transport = Batches;

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(Batches, Peer)>> {
        if let Some(connection) = self.connection.take() {
            return Poll::Ready(Ok((connection, Peer::Unknown)));
        }
        if self.server.counters().connections_live == 0 {
            self.server.shutdown();
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

async fn plaintext(request: Request<'_>) -> Response {
    match request.path() {
        "/plaintext" => Response::text("Hello, World!"),
        _ => http::StatusCode::NOT_FOUND.into(),
    }
}

fn requests(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("server");
    group.throughput(Throughput::Elements((BATCHES * PIPELINED) as u64));
    group.bench_function("a request of a pipeline", |bencher| {
        bencher.iter(|| {
            let written = Rc::new(Cell::new(0));
            let connection = Batches {
                batch: RxBuf::from(REQUEST.repeat(PIPELINED)),
                left: BATCHES,
                written: Rc::clone(&written),
            };
            let server = Server::new();
            let listener = Once { connection: Cell::new(Some(connection)), server: server.clone() };
            runtime.block_on(server.serve(listener, plaintext)).unwrap();
            assert_eq!(server.counters().responses_2xx, (BATCHES * PIPELINED) as u64);
            assert!(written.get() > BATCHES * PIPELINED * 100);
        });
    });
    group.finish();
}

criterion_group!(benches, requests);
criterion_main!(benches);
