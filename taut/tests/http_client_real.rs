//! Against a server that others wrote: Python's `http.server`.

mod common;

use std::time::Duration;

use common::directory::Directory;
use common::{block_on, nobody, on_each_driver};
use taut::http::client::Client;
use taut::process::Command;
use taut::time::sleep;

/// Until the server listens.
const ATTEMPTS: usize = 600;

#[test]
fn pythons_server_serves_and_is_understood() {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        return eprintln!("SKIPPED: there is no python3 on this host");
    }
    on_each_driver(|builder| {
        let directory = Directory::new();
        let content = common::Random::new(3).bytes(300_000);
        std::fs::write(directory.join("book.bin"), &content).unwrap();
        block_on(builder, async {
            let (socket, address) = nobody();
            drop(socket);
            let mut server = Command::new("python3");
            let mut server = server
                .args(["-m", "http.server", "--bind", "127.0.0.1", "--protocol", "HTTP/1.1"])
                .arg(address.port().to_string())
                .arg("--directory")
                .arg(&*directory)
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .await
                .unwrap();
            let client = Client::new();
            let url = format!("http://{address}");
            let mut attempts = 0;
            while let Err(error) = client.head(&url).send().await {
                assert!(attempts < ATTEMPTS && error.is_not_sent(), "{error}");
                attempts += 1;
                sleep(Duration::from_millis(50)).await.unwrap();
            }
            for _ in 0..3 {
                let answer = client.get(format!("{url}/book.bin")).send().await.unwrap();
                assert_eq!(answer.content_length(), Some(content.len() as u64));
                assert!(answer.bytes().await.unwrap() == content);
            }
            let saved = directory.join("saved.bin");
            let count = client.get(format!("{url}/book.bin")).download(&saved).await.unwrap();
            assert_eq!(count, content.len() as u64);
            assert!(std::fs::read(&saved).unwrap() == content);
            assert!(!directory.join("saved.bin.part").exists());
            let missing = client.get(format!("{url}/none")).send().await.unwrap();
            assert_eq!(missing.error_for_status().unwrap_err().status().unwrap(), 404);
            let refused = client.post(&url).body("order").send().await.unwrap();
            assert_eq!(refused.status(), 501);
            server.kill().unwrap();
            server.wait().await.unwrap();
        });
    });
}
