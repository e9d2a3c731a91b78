//! Bytes come back as they went out, whatever their number and however they are cut.

mod common;

use common::{Random, block_on, connected_pair, on_each_driver_and_wait};

#[test]
fn small_messages_come_back_in_order() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            let echo = taut::spawn(async move {
                loop {
                    let message = server.recv().await.unwrap();
                    if message.is_empty() {
                        break;
                    }
                    server.write_all(&message).await.unwrap();
                }
            });
            let mut random = Random::new(1);
            for _ in 0..500 {
                let length = 1 + random.below(64);
                let message = random.bytes(length);
                client.write_all(&message).await.unwrap();
                let mut answer = vec![0; message.len()];
                client.read_exact(&mut answer).await.unwrap();
                assert_eq!(answer, message);
            }
            drop(client);
            echo.await.unwrap();
        });
    });
}
