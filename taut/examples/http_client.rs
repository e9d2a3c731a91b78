//! A venue's REST interface: reference data, an order, an order whose outcome is not known, and a
//! prepared order: `cargo run --release --features http-json --example http_client`.

use std::time::Duration;

use serde_json::{Value, json};
use taut::http::Method;
use taut::http::client::{Client, Error, Template, Timeouts};
use taut::net::{TcpListener, TcpStream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
        let venue = format!("http://{}", listener.local_addr()?);
        let _venue = taut::spawn(serve(listener)).cancel_on_drop();

        let client = Client::builder()
            .timeouts(Timeouts { head: Duration::from_millis(500), ..Timeouts::default() })
            .header("x-api-key", "0123")
            .build();
        client.keep_warm(&venue, 1).await?;

        let time: Value = client.get(format!("{venue}/time")).send().await?.json().await?;
        println!("the venue's time is {}", time["ms"]);

        let order = json!({"symbol": "BTCUSDT", "quantity": 250});
        let answer = client.post(format!("{venue}/order")).json(&order).send().await?;
        let filled: Value = answer.error_for_status()?.json().await?;
        assert_eq!(filled["state"], "filled");
        println!("the order is {}", filled["state"]);

        // The venue reads this one and hangs up: nobody knows what became of it.
        match client.post(format!("{venue}/lost")).json(&order).send().await {
            Err(error @ Error::WrittenNoAnswer(_)) => println!("ask for its state: {error}"),
            other => panic!("{other:?}"),
        }

        let mut order = client
            .prepare(Method::POST, format!("{venue}/order"))
            .header("x-signature", Template::new().field("signature", 16))
            .body(Template::new().text("quantity=").field("quantity", 8))
            .build()?;
        let (quantity, signature) = (order.field("quantity")?, order.field("signature")?);
        for number in 1..=3 {
            order.set_number(quantity, number)?;
            order.set(signature, format!("{:016x}", number * 7919).as_bytes())?;
            let answer = order.send().await?;
            assert_eq!(answer.status(), 200);
            println!("prepared order {number}: {}", String::from_utf8_lossy(answer.body()));
        }
        Ok(())
    })?
}

/// A venue of a few lines, which reads no more of HTTP than this example sends.
async fn serve(listener: TcpListener) -> std::io::Result<()> {
    loop {
        let stream = listener.accept().await?;
        taut::spawn(answer(stream));
    }
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    loop {
        let request = stream.recv().await?;
        let body = match &request[..] {
            [] => return Ok(()),
            bytes if bytes.starts_with(b"GET /time ") => r#"{"ms":1700000000123}"#,
            bytes if bytes.starts_with(b"POST /order ") => r#"{"state":"filled"}"#,
            _ => return Ok(()),
        };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).await?;
    }
}
