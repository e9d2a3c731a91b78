//! An idle accepted connection whose task waits for bytes costs at most a kibibyte of memory.

mod common;

use std::net::TcpStream as StdStream;

use common::{in_time, listen, on_each_driver, resident_bytes, turns};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use taut::spawn;

const CONNECTIONS: usize = 5_000;
const BYTES_MAX: usize = 1024;

#[test]
fn an_idle_connection_takes_a_kibibyte_at_most() {
    let limit = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit }).unwrap();
    let possible = limit.map_or(CONNECTIONS, |limit| limit.saturating_sub(200) as usize / 2);
    let count = possible.min(CONNECTIONS);
    if count < CONNECTIONS {
        eprintln!("{count} connections, because RLIMIT_NOFILE ends at {limit:?}");
    }
    on_each_driver(|builder| {
        // What the driver before left free would hide what this one takes.
        // SAFETY: it gives free memory back to the system, and touches nothing in use.
        #[cfg(target_env = "gnu")]
        unsafe {
            libc::malloc_trim(0)
        };
        let runtime = builder.build().unwrap();
        // Client ends are bare descriptors in a list that is made before: they take kernel memory.
        let mut clients: Vec<StdStream> = Vec::with_capacity(count);
        let grown = runtime.block_on(in_time(async {
            let (listener, address) = listen();
            let idle = async |clients: &mut Vec<StdStream>| {
                clients.push(StdStream::connect(address).unwrap());
                let mut stream = listener.accept().await.unwrap();
                // Detached: the task owns its stream and waits.
                spawn(async move {
                    let bytes = stream.recv().await;
                    assert!(bytes.is_ok_and(|bytes| bytes.is_empty()));
                });
            };
            // The list's own pages, and what the first few need for good.
            clients.spare_capacity_mut().iter_mut().for_each(|place| {
                // SAFETY: it only touches the bytes; nothing reads them as a stream.
                unsafe { place.as_mut_ptr().write_bytes(0, 1) };
            });
            for _ in 0..10 {
                idle(&mut clients).await;
            }
            turns(10).await;
            let before = resident_bytes();
            for _ in 10..count {
                idle(&mut clients).await;
            }
            turns(10).await;
            resident_bytes() - before
        }));
        let each = grown / (count - 10);
        eprintln!("{:?}: {each} bytes for each of {count} idle connections", runtime.driver());
        assert!(each <= BYTES_MAX);
    });
}
