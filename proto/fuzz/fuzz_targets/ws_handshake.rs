//! Any bytes as a request to our server, or as an answer to our client, and what comes behind them.
#![no_main]

#[path = "../../tests/ws/handshakes.rs"]
mod handshakes;

use libfuzzer_sys::fuzz_target;
use taut_runtime::Runtime;

thread_local!(static RUNTIME: Runtime = Runtime::new().unwrap());

fuzz_target!(|input: &[u8]| {
    RUNTIME.with(|runtime| handshakes::check(runtime, input));
});
