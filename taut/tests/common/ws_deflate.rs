//! Connections whose handshake, which is left out, agreed on compression.

use taut::net::TcpStream;
use taut::ws::{DeflateAgreement, DeflateOptions, Options, Role, WebSocket};

/// What client and server agree on where the client wants this, and the server whatever it can
/// have.
pub(crate) fn agree(want: DeflateOptions) -> (DeflateAgreement, DeflateAgreement) {
    let server = DeflateOptions::default();
    let (of_server, answer) = server.answer(parameters(&want.offer())).expect("an offer of ours");
    (want.agree(parameters(&answer)).expect("an answer of ours"), of_server)
}

fn parameters(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split("; ").skip(1).map(|parameter| match parameter.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (parameter, None),
    })
}

/// Both ends of a connection: client, server.
pub(crate) async fn pair_agreed(
    options: &Options,
    want: DeflateOptions,
) -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    let (client, server) = super::connected_pair().await;
    let (of_client, of_server) = agree(want);
    (
        WebSocket::over_agreed(client, Role::Client, options, None, Some(&of_client)),
        WebSocket::over_agreed(server, Role::Server, options, None, Some(&of_server)),
    )
}

/// A message as venues send them.
pub(crate) fn trade(id: usize) -> String {
    format!(r#"{{"e":"trade","s":"BTCUSDT","t":{id:08},"p":"67123.40","q":"0.012","m":true}}"#)
}
