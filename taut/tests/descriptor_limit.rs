//! A process without free descriptors: the listener tells it, survives and goes on.

mod common;

use std::net::TcpStream as StdStream;

use common::{in_time, listen, on_each_driver_and_wait, open_descriptors, turns, until};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use taut::net::TcpStream;

/// Opens descriptors until there is no number left.
fn take_all() -> Vec<std::fs::File> {
    std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect()
}

// One test: the limit is the whole process's.
#[test]
fn a_listener_without_descriptors_reports_it_survives_and_goes_on() {
    // Lowered once, since an accept that is armed keeps to the limit of that time.
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(256), maximum }).unwrap();
    on_each_driver_and_wait(|builder| {
        builder.build().unwrap().block_on(in_time(async {
            let (listener, address) = listen();
            let before = open_descriptors();
            for _ in 0..3 {
                let clients: Vec<_> =
                    (0..5).map(|_| StdStream::connect(address).unwrap()).collect();
                let all = take_all();
                for _ in 0..10 {
                    let error = listener.accept().await.unwrap_err();
                    assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
                }
                let refused = TcpStream::connect(address).await.unwrap_err();
                assert_eq!(refused.raw_os_error(), Some(libc::EMFILE), "{refused}");
                drop(all);
                for client in &clients {
                    let mut accepted = accept_after_errors(&listener).await;
                    assert_eq!(accepted.peer_addr().unwrap(), client.local_addr().unwrap());
                    std::io::Write::write_all(&mut &*client, b"here").unwrap();
                    assert_eq!(&accepted.recv().await.unwrap()[..], b"here");
                }
                drop(clients);
                turns(3).await;
            }
            drop(listener);
            until(|| open_descriptors() < before).await;
        }));
    });
}

/// One error of the time without descriptors may still be under way.
async fn accept_after_errors(listener: &taut::net::TcpListener) -> TcpStream {
    match listener.accept().await {
        Ok(stream) => stream,
        Err(error) => {
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
            listener.accept().await.unwrap()
        }
    }
}
