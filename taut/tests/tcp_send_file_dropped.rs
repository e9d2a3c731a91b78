//! What calls that were dropped leave behind. In a process of its own, since it counts descriptors.

mod common;

use std::task::Poll;

use common::directory::Directory;
use common::{block_on, connected_pair, on_each_driver, open_descriptors, turns, until};
use futures_util::poll;
use rustix::fs::fcntl_getfl;
use taut::fs::File;

#[test]
fn a_dropped_send_of_a_file_leaves_no_descriptor_and_the_socket_as_it_was() {
    const BYTES: u64 = 32 << 20;
    const CALLS: u64 = 20;

    on_each_driver(|builder| {
        block_on(builder, async {
            let directory = Directory::new();
            let path = directory.join("file");
            std::fs::write(&path, vec![7; BYTES as usize]).unwrap();
            let (mut client, mut server) = connected_pair().await;
            let file = File::open(&path).await.unwrap();
            // Starts the thread that reads, which has descriptors of its own.
            client.send_file(&file, &mut (0..1)).await.unwrap();
            let (flags, open) = (fcntl_getfl(&client).unwrap(), open_descriptors());
            for count in 0..CALLS {
                let mut part = 0..BYTES;
                let mut send = Box::pin(client.send_file(&file, &mut part));
                for _ in 0..count {
                    assert!(matches!(poll!(&mut send), Poll::Pending), "nobody reads 32 MiB");
                    turns(10).await;
                }
            }
            // A thread may still fill a pipe that nobody wants.
            until(|| open_descriptors() <= open).await;
            assert_eq!(fcntl_getfl(&client).unwrap(), flags);
            assert_eq!(server.recv().await.unwrap()[0], 7);
        });
    });
}
