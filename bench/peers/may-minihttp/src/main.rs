//! `may_minihttp`: a server that skips most checks, on stackful coroutines with one worker.

use std::io;

use may_minihttp::{HttpService, HttpServiceFactory, Request, Response};
use subject::{About, require, version_of};

#[derive(Clone)]
struct Plaintext;

impl HttpService for Plaintext {
    fn call(
        &mut self,
        request: Request<'_, '_, '_>,
        response: &mut Response<'_>,
    ) -> io::Result<()> {
        if request.path() == "/plaintext" {
            response.header("Content-Type: text/plain");
            response.body("Hello, World!");
        } else {
            response.status_code(404, "Not Found");
        }
        Ok(())
    }
}

struct Factory;

impl HttpServiceFactory for Factory {
    type Service = Plaintext;

    fn new_service(&self, _id: usize) -> Plaintext {
        Plaintext
    }
}

fn main() {
    // There is one mode.
    let _ = subject::start(&["http"]);
    may::config().set_workers(1).set_pool_capacity(1000).set_stack_size(0x1000);
    let about =
        About { version: version_of("may_minihttp"), settings: "may with 1 worker".to_owned() };
    // It takes an address only, so a free port is found first.
    let free = require("no free port", std::net::TcpListener::bind("127.0.0.1:0"));
    let address = require("no address", free.local_addr());
    drop(free);
    let server = require("can't listen", Factory.start(address));
    subject::announce_server(address, &about);
    server.wait();
}
