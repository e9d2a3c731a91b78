//! Clients that others wrote: curl and Python's `http.client`. Skipped, with the reason, where they
//! are missing.

mod common;

use std::net::SocketAddr;

use common::http::{Running, limits};
use common::{block_on, on_each_driver};
use taut::http::{Body, BodyError, Request, Response, StatusCode};
use taut::process::Command;

async fn answer(mut request: Request<'_>) -> Result<Response, BodyError> {
    Ok(match request.path() {
        "/hello" => "hello".into(),
        "/stream" => {
            let pieces =
                (0..3).map(|index| Ok::<_, std::io::Error>(format!("{index}").into_bytes()));
            Response::ok(Body::stream(futures_util::stream::iter(pieces), None))
        }
        "/echo" => {
            request.set_body_bytes_max(8 << 20);
            Response::ok(request.bytes().await?)
        }
        _ => StatusCode::NOT_FOUND.into(),
    })
}

/// What a command prints; nothing where the host does not have it.
async fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(arguments).output().await {
        Ok(output) => output,
        Err(error) => {
            eprintln!("SKIPPED: {program} can't be run: {error}");
            return None;
        }
    };
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {}: {told}", output.status);
    Some(String::from_utf8(output.stdout).unwrap())
}

fn with_clients(body: impl AsyncFn(SocketAddr)) {
    on_each_driver(|builder| {
        block_on(builder, async {
            let running = Running::start(limits(), answer);
            body(running.address).await;
            running.end().await;
        });
    });
}

async fn curl(arguments: &[&str]) -> Option<String> {
    let always = ["--silent", "--show-error", "--http1.1", "--max-time", "30", "--noproxy", "*"];
    output("curl", &[&always[..], arguments].concat()).await
}

#[test]
fn curl_is_served() {
    with_clients(async |address| {
        let url = |path: &str| format!("http://{address}{path}");
        let (write, status) = ("--write-out", "|%{http_code}|%{num_connects}");
        // Two requests on one connection.
        let Some(twice) = curl(&[write, status, &url("/hello"), &url("/nowhere")]).await else {
            return;
        };
        assert_eq!(twice, "hello|200|1|404|0");
        assert_eq!(curl(&[&url("/stream")]).await.unwrap(), "012");
        let head = curl(&["--head", &url("/hello")]).await.unwrap();
        assert!(head.contains("content-length: 5\r\n"), "{head}");
        assert_eq!(curl(&["--data", "buy 7", &url("/echo")]).await.unwrap(), "buy 7");
        let chunked = ["--header", "transfer-encoding: chunked", "--data", "buy 8"];
        assert_eq!(curl(&[&chunked[..], &[&url("/echo")]].concat()).await.unwrap(), "buy 8");
        assert_eq!(
            curl(&["--http1.0", write, status, &url("/hello")]).await.unwrap(),
            "hello|200|1"
        );
    });
}

#[test]
fn curl_waits_for_100_continue() {
    with_clients(async |address| {
        let url = format!("http://{address}/echo");
        let body = "x".repeat(100_000);
        // It would wait for the answer for longer than it may take altogether.
        let patience =
            ["--expect100-timeout", "25", "--verbose", "--header", "expect: 100-continue"];
        let arguments = [&patience[..], &["--stderr", "-", "--data", &body, &url]].concat();
        let Some(told) = curl(&arguments).await else { return };
        assert!(told.contains("< HTTP/1.1 100 Continue"), "{}", &told[..2000.min(told.len())]);
        assert!(told.contains(&body));
    });
}

#[test]
fn python_is_served() {
    const PROGRAM: &str = "
import http.client, sys
client = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=30)
for method, path, body, headers in [
    ('GET', '/hello', None, {}), ('HEAD', '/hello', None, {}), ('GET', '/stream', None, {}),
    ('POST', '/echo', b'x' * 300000, {}), ('POST', '/echo', iter([b'ab', b'cd']), {}),
    ('GET', '/nowhere', None, {}), ('GET', '/hello', None, {'Connection': 'close'}),
]:
    client.request(method, path, body, headers)
    response = client.getresponse()
    content = response.read()
    print(method, path, response.status, len(content), content[:5].decode(), response.will_close)
";
    with_clients(async |address| {
        let port = address.port().to_string();
        let Some(printed) = output("python3", &["-c", PROGRAM, &port]).await else { return };
        let expected = "GET /hello 200 5 hello False\nHEAD /hello 200 0  False\n\
            GET /stream 200 3 012 False\nPOST /echo 200 300000 xxxxx False\n\
            POST /echo 200 4 abcd False\nGET /nowhere 404 0  False\nGET /hello 200 5 hello True\n";
        assert_eq!(printed, expected);
    });
}
