//! A runtime that is dropped before what belongs to it: a clear error afterwards, never a crash,
//! and nothing is freed that the kernel still uses.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream as StdStream;
use std::time::{Duration, Instant};

use common::{HUNG_AFTER, connected_pair, listen, on_each_driver, poll_then_drop, turns};
use taut::net::TcpStream;
use taut::{JoinHandle, spawn};

/// The output of a future that must not need to wait, polled outside of any runtime.
fn at_once<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("it waits for a runtime that is gone"),
    }
}

#[test]
fn streams_that_outlive_their_runtime_tell_so() {
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        let (listener, mut client, mut server, mut silent) = runtime.block_on(async {
            let (listener, address) = listen();
            let mut client = TcpStream::connect(address).await.unwrap();
            let mut server = listener.accept().await.unwrap();
            let silent = TcpStream::connect(address).await.unwrap();
            poll_then_drop(listener.accept(), 3).await;
            poll_then_drop(server.recv(), 3).await;
            poll_then_drop(client.recv_into(Vec::with_capacity(64)), 3).await;
            (listener, client, server, silent)
        });
        drop(runtime);
        for stream in [&mut client, &mut server, &mut silent] {
            let error = at_once(stream.recv()).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
            assert!(error.to_string().contains("runtime"), "{error}");
            assert!(at_once(stream.read(&mut [0; 4])).is_err());
            assert!(at_once(stream.recv_into(Vec::with_capacity(8))).0.is_err());
            let big = at_once(stream.send(vec![0; 32 << 20])).unwrap_err();
            assert!(big.to_string().contains("runtime"), "{big}");
            stream.set_hot(true);
            stream.set_hot(false);
        }
        let (mut reader, writer) = server.into_split();
        assert!(at_once(reader.recv()).is_err());
        drop((listener, client, silent, reader, writer));
    });
}

#[test]
fn received_bytes_outlive_their_runtime() {
    on_each_driver(|builder| {
        let runtime = builder.receive_buffers(4).hot_buffers(0).build().unwrap();
        let (held, part, queued) = runtime.block_on(async {
            let (mut client, mut server) = connected_pair().await;
            client.write_all(&[5; 100]).await.unwrap();
            let held = server.recv().await.unwrap();
            let part = held.slice(10..20);
            client.write_all(&[6; 50]).await.unwrap();
            let queued = server.recv().await.unwrap();
            (held, part, queued)
        });
        drop(runtime);
        assert_eq!((&held[..], &part[..]), (&[5; 100][..], &[5; 10][..]));
        let again = held.clone();
        drop(held);
        assert_eq!(&again[..], &[5; 100]);
        drop((again, queued));
        assert_eq!(&part[..], &[5; 10]);
    });
}

#[test]
fn handles_of_tasks_outlive_their_runtime() {
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        let (pending, done): (JoinHandle<Vec<u8>>, _) = runtime.block_on(async {
            let (mut client, server) = connected_pair().await;
            let pending = spawn(async move {
                let _server = server;
                client.recv().await.unwrap().to_vec()
            });
            let done = spawn(async { vec![1, 2, 3] });
            turns(2).await;
            (pending, done)
        });
        drop(runtime);
        assert!(at_once(pending).is_err());
        assert_eq!(at_once(done).unwrap(), [1, 2, 3]);
    });
}

#[test]
fn what_the_kernel_still_sends_after_the_end_is_what_was_given() {
    on_each_driver(|builder| {
        let builder = builder
            .zero_copy_send_bytes_min(Some(1))
            .shutdown_timeout(Duration::from_millis(50))
            .send_buffers(64)
            .send_buffer_bytes(65_536);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let runtime = builder.build().unwrap();
        let mut peer = runtime.block_on(async {
            let mut client = TcpStream::connect(address).await.unwrap();
            let (peer, _) = listener.accept().unwrap();
            spawn(async move {
                // Registered memory that goes with the runtime, more than the kernel takes at once.
                for _ in 0..64 {
                    let mut slot = taut::buffer::TxBuf::take().unwrap();
                    slot.resize(65_536);
                    slot.fill(9);
                    client.send(slot).await.unwrap();
                }
                client.send(vec![9; 8 << 20]).await.unwrap();
            });
            turns(1_000).await;
            peer
        });
        let begun = Instant::now();
        drop(runtime);
        assert!(begun.elapsed() < HUNG_AFTER);
        // New owners of that memory, if any was freed, write to it.
        let litter: Vec<Vec<u8>> = (0..64).map(|_| vec![8; 1 << 19]).collect();
        peer.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut chunk = vec![0; 1 << 20];
        let mut count = 0;
        while let Ok(read @ 1..) = peer.read(&mut chunk) {
            assert!(chunk[..read].iter().all(|byte| *byte == 9));
            count += read;
        }
        assert!(count > 0);
        drop(litter);
    });
}

#[test]
fn a_shutdown_timeout_may_be_anything() {
    on_each_driver(|builder| {
        for timeout in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            let runtime = builder.clone().shutdown_timeout(timeout).build().unwrap();
            let mut peer = runtime.block_on(async {
                let (listener, address) = listen();
                let mut peer = StdStream::connect(address).unwrap();
                let mut server = listener.accept().await.unwrap();
                peer.write_all(b"x").unwrap();
                assert_eq!(&server.recv().await.unwrap()[..], b"x");
                poll_then_drop(server.recv(), 2).await;
                peer
            });
            drop(runtime);
            if timeout == Duration::MAX {
                peer.set_read_timeout(Some(HUNG_AFTER)).unwrap();
                assert_eq!(peer.read(&mut [0]).unwrap(), 0);
            }
        }
    });
}

#[test]
fn a_future_is_dropped_with_the_runtime_and_may_use_it_in_its_destructor() {
    struct Last(Option<TcpStream>);
    impl Drop for Last {
        fn drop(&mut self) {
            let mut stream = self.0.take().unwrap();
            at_once(stream.write(b"bye")).unwrap();
            // Starts an operation that nobody will ever wait for.
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let mut receive = std::pin::pin!(stream.recv());
            assert!(receive.as_mut().poll(&mut context).is_pending());
            drop(spawn(async { unreachable!("nothing runs any more") }));
        }
    }
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        let mut peer = runtime.block_on(async {
            let (listener, address) = listen();
            let peer = StdStream::connect(address).unwrap();
            let last = Last(Some(listener.accept().await.unwrap()));
            spawn(async move {
                std::future::pending::<()>().await;
                drop(last);
            });
            turns(1).await;
            peer
        });
        drop(runtime);
        let mut rest = Vec::new();
        peer.set_read_timeout(Some(HUNG_AFTER)).unwrap();
        peer.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"bye");
    });
}
