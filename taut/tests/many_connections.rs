//! Ten thousand connections at once in one runtime, and thousands that come and go.

mod common;

use common::whole_process::alone;
use common::{in_time, listen, on_each_driver};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use taut::net::TcpStream;
use taut::spawn;

const WANTED: usize = 10_000;
/// Descriptors for everything that is not a connection.
const OTHERS: u64 = 200;

/// Raises the limit of descriptors as far as it goes; gives the connections that it has room for,
/// each with both ends in this process.
fn connections_possible() -> usize {
    let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let enough = 2 * WANTED as u64 + OTHERS;
    let raise =
        |to: u64| setrlimit(Resource::Nofile, Rlimit { current: Some(to), maximum: Some(to) });
    // Beyond the hard limit only a privileged process gets.
    let descriptors = if raise(enough.max(hard)).is_ok() { enough.max(hard) } else { hard };
    raise(descriptors).unwrap();
    let possible = (descriptors.saturating_sub(OTHERS) / 2).min(WANTED as u64) as usize;
    if possible < WANTED {
        eprintln!(
            "{possible} connections instead of {WANTED}: the hard limit of RLIMIT_NOFILE is \
             {descriptors}, and each takes two"
        );
    }
    possible
}

#[test]
fn ten_thousand_connections_at_once_echo_each() {
    let _alone = alone();
    let count = connections_possible();
    on_each_driver(|builder| {
        let outside = common::open_descriptors();
        let runtime = builder.build().unwrap();
        runtime.block_on(in_time(async {
            let (listener, address) = listen();
            let servers = spawn(async move {
                for _ in 0..count {
                    let mut stream = listener.accept().await.unwrap();
                    spawn(async move {
                        while let Ok(message @ [_, ..]) = stream.recv().await.as_deref() {
                            stream.write_all(message).await.unwrap();
                        }
                    });
                }
            });
            let mut clients = Vec::new();
            for _ in 0..count {
                clients.push(TcpStream::connect(address).await.unwrap());
            }
            servers.await.unwrap();
            // All are open. First they all ask, then they all look for their answer.
            for (number, client) in clients.iter_mut().enumerate() {
                client.write_all(&number.to_le_bytes()).await.unwrap();
            }
            for (number, client) in clients.iter_mut().enumerate() {
                let mut answer = [0; 8];
                client.read_exact(&mut answer).await.unwrap();
                assert_eq!(usize::from_le_bytes(answer), number);
            }
        }));
        let before = runtime.counters().operations_in_flight;
        assert!(before <= 2 * count as u64);
        drop(runtime);
        // All of them, and not after the time-out that leaks what is left.
        assert_eq!(common::open_descriptors(), outside);
    });
}

#[test]
fn thousands_of_connections_come_and_go() {
    let _alone = alone();
    on_each_driver(|builder| {
        builder.receive_buffers(64).build().unwrap().block_on(in_time(async {
            let (listener, address) = listen();
            let server = spawn(async move {
                for _ in 0..4 * 1_000 {
                    let mut stream = listener.accept().await.unwrap();
                    spawn(async move {
                        let asked = stream.recv().await.unwrap();
                        stream.write_all(&asked).await.unwrap();
                    });
                }
            });
            let clients: Vec<_> = (0..4)
                .map(|_| {
                    spawn(async move {
                        for number in 0..1_000_u32 {
                            let mut stream = TcpStream::connect(address).await.unwrap();
                            stream.write_all(&number.to_le_bytes()).await.unwrap();
                            let mut answer = Vec::new();
                            stream.read_to_end(&mut answer).await.unwrap();
                            assert_eq!(answer, number.to_le_bytes());
                            // No port is left waiting for the end of time.
                            stream.close_reset().unwrap();
                        }
                    })
                })
                .collect();
            for client in clients {
                client.await.unwrap();
            }
            server.await.unwrap();
        }));
    });
}
