//! actix-web with one worker, which is a current-thread runtime of its own, plain or over TLS by rustls.

use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::rt::System;
use actix_web::{App, HttpResponse, HttpServer, web};
use encrypted::Encrypted;
use subject::{About, require, version_of};

async fn plaintext() -> HttpResponse {
    let mut response = HttpResponse::Ok().body("Hello, World!");
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn main() {
    let is_encrypted = subject::start(&["http", "https"]).mode == "https";
    let tls = if is_encrypted { ", rustls, ring, TLS 1.3" } else { "" };
    let about =
        About { version: version_of("actix-web"), settings: format!("1 worker, TCP_NODELAY{tls}") };
    System::new().block_on(async {
        let make = || App::new().route("/plaintext", web::get().to(plaintext));
        let server = HttpServer::new(make).workers(1).backlog(1024).disable_signals();
        let (server, any_port) = (server.tcp_nodelay(true), ("127.0.0.1", 0));
        let encrypted = is_encrypted.then(Encrypted::new);
        let bound = match &encrypted {
            None => server.bind(any_port),
            Some(encrypted) => server.bind_rustls_0_23(any_port, (*encrypted.config).clone()),
        };
        let server = require("can't listen", bound);
        match &encrypted {
            None => subject::announce_server(server.addrs()[0], &about),
            Some(tls) => {
                subject::announce_encrypted(server.addrs()[0], &tls.certificate, &about);
            }
        }
        require("it ended", server.run().await);
    });
}
