//! Any bytes as a script of what a peer sends after the handshake, and how it is cut: records that
//! it must not send, damaged ones, repeated ones, floods. Ours takes nothing that was not sealed as
//! data and arrived whole, loses nothing, stays with its first error, and takes no more than
//! rustls.
#![no_main]

#[path = "../../tests/tls_common/mod.rs"]
#[allow(dead_code, reason = "only a part of it is used here")]
mod tls_common;
#[path = "../../tests/tls_script/mod.rs"]
mod tls_script;

use libfuzzer_sys::fuzz_target;
use taut_proto::tls::{Provider, TlsAcceptor, TlsConnector, TlsVersion};
use tls_common::builders;
use tls_script::{Script, check};

thread_local! {
    static ENDS: [(TlsConnector, TlsAcceptor); 2] =
        [TlsVersion::Tls13, TlsVersion::Tls12].map(ends_without_memory);
}

/// No session is kept from one input to the next.
fn ends_without_memory(version: TlsVersion) -> (TlsConnector, TlsAcceptor) {
    let (client, server) = builders(Provider::default(), version);
    let (client, server) = (client.sessions_max(0), server.tickets_per_connection(0));
    (client.build().unwrap(), server.build().unwrap())
}

fuzz_target!(|input: &[u8]| {
    let script = Script::from_bytes(input);
    ENDS.with(|[of_13, of_12]| {
        let ends = if script.version == TlsVersion::Tls13 { of_13 } else { of_12 };
        check(&script, ends);
    });
});
