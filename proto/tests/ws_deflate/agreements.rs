//! Agreements of both ends, made as handshakes make them.

use taut_proto::ws::{DeflateAgreement, DeflateOptions};

/// What client and server, who want the same, agree on. The directions of `want` are the client's;
/// the server wants all that it can have, and compresses whatever it is.
pub(crate) fn agree(want: DeflateOptions) -> (DeflateAgreement, DeflateAgreement) {
    let server = DeflateOptions::default().min_bytes(0);
    let (of_server, answer) = server.answer(parameters(&want.offer())).expect("an offer of ours");
    let of_client = want.agree(parameters(&answer)).expect("an answer of ours");
    (of_client, of_server)
}

/// The same wishes in both directions.
pub(crate) fn both_ways(context: bool, window_bits: u8) -> DeflateOptions {
    DeflateOptions::default()
        .min_bytes(0)
        .send_context(context)
        .receive_context(context)
        .send_window_bits(window_bits)
        .receive_window_bits(window_bits)
}

fn parameters(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split("; ").skip(1).map(|parameter| match parameter.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (parameter, None),
    })
}
