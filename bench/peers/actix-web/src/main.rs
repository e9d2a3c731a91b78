//! actix-web with one worker, which is a current-thread runtime of its own.

use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::rt::System;
use actix_web::{App, HttpResponse, HttpServer, web};
use subject::{About, require, version_of};

async fn plaintext() -> HttpResponse {
    let mut response = HttpResponse::Ok().body("Hello, World!");
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn main() {
    // There is one mode.
    let _ = subject::start(&["http"]);
    let about = About { version: version_of("actix-web"), settings: "1 worker".to_owned() };
    System::new().block_on(async {
        let make = || App::new().route("/plaintext", web::get().to(plaintext));
        let server = HttpServer::new(make).workers(1).backlog(1024).disable_signals();
        let server = require("can't listen", server.bind(("127.0.0.1", 0)));
        subject::announce_server(server.addrs()[0], &about);
        require("it ended", server.run().await);
    });
}
