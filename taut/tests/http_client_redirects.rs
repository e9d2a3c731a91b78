//! Redirects: off unless asked for, with the methods of RFC 9110, and nothing private goes to
//! another origin. Cookies, too.

mod common;

use common::http_peer::{Peer, against, against_with, header, ok, saying};
use taut::http::Method;
use taut::http::client::{Body, Cause, Client, ClientBuilder, Error};
use taut::net::TcpListener;

fn following() -> ClientBuilder {
    Client::builder().redirects(3)
}

fn to(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn a_redirect_is_an_answer_unless_it_is_to_be_followed() {
    against(saying(&to(302, "/next")), async |client, url| {
        let answer = client.get(url).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.header("location")), (302, Some("/next")));
    });
}

#[test]
fn methods_and_bodies_go_on_as_the_rfc_has_it() {
    for (status, method, next, keeps_body) in [
        (301, Method::POST, "GET", false),
        (302, Method::POST, "GET", false),
        (303, Method::PUT, "GET", false),
        (301, Method::PUT, "PUT", true),
        (307, Method::POST, "POST", true),
        (308, Method::PATCH, "PATCH", true),
    ] {
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            assert!(peer.request().await.starts_with(method.as_str()));
            peer.say(to(status, "../b?c#d")).await;
            let request = peer.request().await;
            assert!(request.starts_with(&format!("{next} /b?c HTTP/1.1\r\n")), "{request}");
            assert_eq!(request.ends_with("order"), keeps_body, "{request}");
            assert_eq!(header(&request, "content-type").is_some(), keeps_body);
            assert_eq!(header(&request, "authorization"), Some("Bearer secret"));
            peer.say(ok("there")).await;
        };
        against_with(following, script, async |client, url| {
            let request =
                client.request(method.clone(), format!("{url}/a/x")).bearer_auth("secret");
            let request = request.header("content-type", "text/plain").body("order");
            let answer = request.send().await.unwrap();
            assert_eq!(answer.url().as_str(), format!("{url}/b?c"));
            assert_eq!(answer.text().await.unwrap(), "there");
        });
    }
}

#[test]
fn nothing_private_is_carried_to_another_origin() {
    let script = async |listener: &TcpListener| {
        let port = listener.local_addr().unwrap().port();
        let mut peer = Peer::accept(listener).await;
        peer.request().await;
        // The same host under another name is another origin.
        peer.say(to(302, &format!("http://localhost:{port}/"))).await;
        let request = Peer::accept(listener).await.request().await;
        for name in ["authorization", "cookie", "x-secret"] {
            assert_eq!(header(&request, name), None, "{name}");
        }
        assert_eq!(header(&request, "x-open"), Some("yes"));
        assert_eq!(header(&request, "host"), Some(&*format!("localhost:{port}")));
    };
    against_with(following, script, async |client, url| {
        let mut private = taut::http::HeaderMap::new();
        let mut value = taut::http::header::HeaderValue::from_static("key");
        value.set_sensitive(true);
        private.insert("x-secret", value);
        let request = client.get(url).bearer_auth("secret").header("cookie", "a=b");
        let request = request.header("x-open", "yes").header("host", "engine").headers(&private);
        assert!(request.send().await.unwrap_err().is_written_no_answer());
    });
}

#[test]
fn redirects_without_end_or_to_nowhere_are_errors_with_the_answers_status() {
    for (location, times) in [("/again", 4), ("ftp://host/", 1), ("http://", 1)] {
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            for _ in 0..times {
                assert_ne!(peer.request().await, "");
                peer.say(to(302, location)).await;
            }
            peer.is_closed().await;
        };
        against_with(following, script, async |client, url| {
            let error = client.get(url).send().await.unwrap_err();
            assert!(matches!(error, Error::Unusable(_)), "{error}");
            assert!(matches!(error.cause(), Cause::Redirect(_)), "{error}");
            assert_eq!(error.status().unwrap(), 302);
        });
    }
}

#[test]
fn a_body_that_a_source_brings_is_not_sent_twice() {
    against_with(following, saying(&to(307, "/next")), async |client, url| {
        let mut left = Some(bytes::Bytes::from("once"));
        let body = Body::stream_of(4, move |_: &mut std::task::Context<'_>| {
            std::task::Poll::Ready(left.take().map(Ok))
        });
        let error = client.post(url).body(body).send().await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Redirect(_)), "{error}");
    });
}

#[test]
fn cookies_are_kept_by_their_rules_and_only_where_they_are_asked_for() {
    for keeps in [true, false] {
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            peer.request().await;
            peer.say(
                "HTTP/1.1 200 OK\r\nSet-Cookie: session=1; Path=/; HttpOnly\r\n\
                 Set-Cookie: deep=2; Path=/deep\r\n\
                 Set-Cookie: other=4; Domain=elsewhere.example\r\nContent-Length: 0\r\n\r\n",
            )
            .await;
            let cookie = |request: &str| header(request, "cookie").map(str::to_owned);
            assert_eq!(cookie(&peer.request().await).as_deref(), keeps.then_some("session=1"));
            peer.say("HTTP/1.1 200 OK\r\nSet-Cookie: session=; Max-Age=0; Path=/\r\nContent-Length: 0\r\n\r\n").await;
            assert_eq!(cookie(&peer.request().await).as_deref(), keeps.then_some("deep=2"));
            peer.say(ok("")).await;
        };
        let client = || Client::builder().cookies(keeps);
        against_with(client, script, async |client, url| {
            for path in ["/login", "/account", "/deep/er"] {
                client.get(format!("{url}{path}")).send().await.unwrap();
            }
        });
    }
}

/// The first server may have acted: `NotSent` would have its order sent again.
#[test]
fn a_redirect_to_a_host_that_is_not_there_is_not_as_if_nothing_was_sent() {
    let (_held, nobody) = common::nobody();
    let answer = to(303, &format!("http://{nobody}/done"));
    against_with(following, saying(&answer), async |client, url| {
        let error = client.post(url).body("order").send().await.unwrap_err();
        assert!(error.is_written_no_answer(), "{error}");
        assert!(error.failure().bytes_written() > 5, "{error}");
    });
}
