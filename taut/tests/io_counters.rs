//! What the kernel took, gave, refused and copied is counted, on each driver alike.

mod common;

use common::{block_on, connected_pair, on_each_driver, until};
use taut::net::TcpStream;
use taut::{Driver, counters, features, spawn};

#[test]
fn bytes_of_a_stream_are_counted_at_both_ends() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut near, mut far) = connected_pair().await;
            let before = counters();
            let sent = vec![7; 300_000];
            let receiver = spawn(async move {
                let mut bytes = vec![0; 300_000];
                far.read_exact(&mut bytes).await.unwrap();
                far
            });
            near.write_all(&sent).await.unwrap();
            let _far = receiver.await.unwrap();
            let since = counters().since(&before);
            assert_eq!((since.sent_bytes, since.received_bytes), (300_000, 300_000));
            assert!(since.sends >= 1 && since.receives >= 1, "{since:?}");
            assert_eq!(since.errors, 0);
        });
    });
}

#[test]
fn a_peer_that_does_not_read_shows_in_the_sends() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut near, far) = connected_pair().await;
            let writer = spawn(async move {
                let chunk = vec![7; 100_000];
                while near.write_all(&chunk).await.is_ok() {}
            });
            until(|| counters().sends_would_block > 0).await;
            assert!(counters().sends_short > 0, "{:?}", counters());
            drop(far);
            writer.await.unwrap();
            assert!(counters().errors > 0, "the peer has gone");
        });
    });
}

#[test]
fn a_connection_that_is_refused_is_an_error_and_a_cancelled_wait_is_none() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut near, _far) = connected_pair().await;
            let reader = spawn(async move { near.recv().await.map(|_| ()) });
            taut::yield_now().await;
            reader.cancel();
            assert!(reader.await.unwrap().is_err());
            assert_eq!(counters().errors, 0);

            let (listener, address) = common::listen();
            drop(listener);
            assert!(TcpStream::connect(address).await.is_err());
            assert_eq!(counters().errors, 1);
        });
    });
}

#[test]
fn a_zero_copy_send_that_loopback_copies_is_counted_and_given_back() {
    on_each_driver(|builder| {
        let runtime = builder.zero_copy_send_bytes_min(Some(1)).build().unwrap();
        let zero_copy = runtime.driver() == Driver::Uring;
        runtime.block_on(async {
            let (mut near, mut far) = connected_pair().await;
            near.send(vec![7; 10_000]).await.unwrap();
            let mut bytes = vec![0; 10_000];
            far.read_exact(&mut bytes).await.unwrap();
            until(|| counters().zero_copy_pending == 0).await;
            assert!(counters().zero_copy_copied <= 1);
            assert!(zero_copy || counters().zero_copy_copied == 0);
            let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
            let mut parts = kernel.split(['.', '-']).map(|part| part.parse().unwrap_or(0_u32));
            if zero_copy && (parts.next(), parts.next()) >= (Some(6), Some(10)) {
                assert_eq!(counters().zero_copy_copied, 1, "{}", features());
            }
        });
    });
}
