//! The log of TLS keys. The only test of its process, since it sets a variable of the environment.

mod common;

use common::directory::Directory;
use common::tls::{NAME, builders, handshakes};
use common::{block_on, on_each_driver};

#[test]
fn keys_are_logged_only_where_that_was_asked_for() {
    let directory = Directory::new();
    let file = directory.join("keys");
    // SAFETY: no other test of this process reads or sets the environment meanwhile.
    unsafe { std::env::set_var("SSLKEYLOGFILE", &file) };
    on_each_driver(|builder| {
        let _ = std::fs::remove_file(&file);
        block_on(builder, async {
            let (client, server) = builders();
            let acceptor = server.build().unwrap();
            let quiet = client.clone().build().unwrap();
            handshakes(&quiet, &acceptor, NAME).await.0.unwrap();
            assert!(!file.exists());
            let logging = client.log_keys().build().unwrap();
            handshakes(&logging, &acceptor, NAME).await.0.unwrap();
            let log = std::fs::read_to_string(&file).unwrap();
            assert!(log.contains("CLIENT_TRAFFIC_SECRET_0"), "{log}");
        });
    });
}
