//! A request and its reply are one `send` on each side, as the runtime's counters and strace see
//! it: a frame is one segment, and nobody waits for a delayed acknowledgement.

mod common;

use common::strace::{self, mark};
use common::ws::{Ws, pair};
use common::{in_time, on_each_driver};
use taut::ws::{CloseCode, Options};
use taut::{Driver, Runtime, WaitStrategy, spawn};

const TRIPS: u64 = 500;
/// Names the driver to a child process under strace.
const CHILD: &str = "TAUT_WS_CHILD";

async fn serve(mut server: Ws) {
    while let Some(message) = server.next().await.unwrap() {
        server.send_binary(message.as_bytes()).await.unwrap();
    }
}

async fn ask(client: &mut Ws, trips: u64) {
    for trip in 0..trips {
        client.send_binary(&[trip as u8; 64]).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap().as_bytes(), [trip as u8; 64]);
    }
}

fn segments(client: &Ws) -> u64 {
    let info = client.transport().info().unwrap();
    info.data_segments_sent.expect("kernels since 4.6 tell it").into()
}

#[test]
fn a_frame_is_one_segment() {
    on_each_driver(|builder| {
        let runtime: Runtime = builder.wait(WaitStrategy::Spin).build().unwrap();
        runtime.block_on(in_time(async {
            let (mut client, server) = pair(&Options::default()).await;
            let server = spawn(serve(server));
            ask(&mut client, 10).await;
            let before = segments(&client);
            ask(&mut client, TRIPS).await;
            assert_eq!(segments(&client) - before, TRIPS);
            client.close(CloseCode::NORMAL, "").await.unwrap();
            server.await.unwrap();
        }));
    });
}

fn child(driver: Driver) {
    let runtime = Runtime::builder().driver(driver).wait(WaitStrategy::Spin).build().unwrap();
    runtime.block_on(async {
        let (mut client, server) = pair(&Options::default()).await;
        let server = spawn(serve(server));
        ask(&mut client, 10).await;
        mark();
        ask(&mut client, TRIPS).await;
        mark();
        client.close(CloseCode::NORMAL, "").await.unwrap();
        server.await.unwrap();
    });
}

#[test]
fn strace_sees_one_send_for_each_frame() {
    const NAME: &str = "strace_sees_one_send_for_each_frame";
    match std::env::var(CHILD).as_deref() {
        Ok("Uring") => return child(Driver::Uring),
        Ok(_) => return child(Driver::Epoll),
        Err(_) => {}
    }
    if !strace::is_here() {
        return;
    }
    on_each_driver(|builder| {
        let driver = builder.build().unwrap().driver();
        let calls = strace::calls_of(NAME, CHILD, &format!("{driver:?}"));
        let count = |what: &str| calls.iter().filter(|line| line.contains(what)).count() as u64;
        let sends = count("sendto(") + count("sendmsg(") + count("writev(") + count(" write(");
        eprintln!("{driver:?}: {} calls, {sends} sends for {} frames", calls.len(), 2 * TRIPS);
        // On the ring a send may be part of a call that the driver owes the kernel anyway.
        assert!(sends <= 2 * TRIPS, "{sends} sends");
        if driver == Driver::Epoll {
            assert_eq!(sends, 2 * TRIPS);
        }
    });
}
