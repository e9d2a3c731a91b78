//! WebSocket with Chromium, whose page comes from our HTTP server, as does what it talks to; plain
//! and over TLS, with and without compression. The page posts what it found. Left out, with the
//! reason, where it is not installed.

mod common;

use std::cell::RefCell;
use std::path::Path;
use std::process::Stdio;
use std::rc::Rc;

use common::directory::Directory;
use common::foreign::find;
use common::http::limits;
use common::ws_interop::{ASKED, Files, GOODBYE, WEB_CLIENT, converse, goodbyes, options};
use common::{block_on, in_time, listen, on_each_driver};
use taut::channel::oneshot;
use taut::http::header::{CONTENT_TYPE, HeaderValue};
use taut::http::{Request, Response, StatusCode, Upgraded};
use taut::process::Command;
use taut::signal::SignalKind;
use taut::ws::{Acceptor, WebSocket};

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// Visits our server without compression, then with it.
fn page() -> String {
    let codes = serde_json::json!([ASKED.0, ASKED.1, GOODBYE.0, GOODBYE.1]);
    format!(
        "<!doctype html><title>WebSocket</title><script>\n{WEB_CLIENT}
const origin = location.origin.replace('http', 'ws');
visit(origin + '/plain', ...{codes})
  .then(() => visit(origin + '/compressed', ...{codes}))
  .then(() => '', (error) => String(error))
  .then((body) => fetch('/found', {{ method: 'POST', body }}));
</script>"
    )
}

/// What the page found, empty where all is well, and with what its connections were closed.
struct Visit {
    found: RefCell<Option<oneshot::Sender<String>>>,
    closes: RefCell<Vec<(u16, String)>>,
}

impl Visit {
    async fn answer(self: &Rc<Self>, mut request: Request<'_>) -> Response {
        match request.path() {
            "/" => Response::ok(page()).header(CONTENT_TYPE, HTML),
            "/plain" => self.upgrade(&request, false),
            "/compressed" => self.upgrade(&request, true),
            "/found" => {
                let found = request.bytes().await.unwrap();
                let found = String::from_utf8_lossy(&found).into_owned();
                let to = self.found.borrow_mut().take().expect("it is posted once");
                to.send(found).expect("it is waited for");
                StatusCode::NO_CONTENT.into()
            }
            _ => StatusCode::NOT_FOUND.into(),
        }
    }

    fn upgrade(self: &Rc<Self>, request: &Request<'_>, compressed: bool) -> Response {
        let this = Rc::clone(self);
        let acceptor = Acceptor::new().options(options(compressed));
        acceptor.upgrade(request, async move |connection: WebSocket<Upgraded>| {
            let close = converse(connection, compressed).await;
            this.closes.borrow_mut().push(close);
        })
    }
}

/// Its sandbox is not for root, and the certificate's authority is in no store of its.
fn command(chromium: &Path, home: &Directory, url: &str) -> Command {
    let mut command = Command::new(chromium);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
    command.args(["--no-first-run", "--no-proxy-server", "--disable-background-networking"]);
    command.args(["--disable-component-update", "--disable-breakpad"]);
    command.arg("--ignore-certificate-errors");
    command.arg(format!("--user-data-dir={}", home.display())).arg(url).env("HOME", &**home);
    // Where it leaves a socket behind.
    command.env("TMPDIR", &**home);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command
}

async fn visited_by(chromium: &Path, files: Option<&Files>) {
    let (to, found) = oneshot::channel();
    let visit = Rc::new(Visit { found: RefCell::new(Some(to)), closes: RefCell::default() });
    let (server, (listener, address)) = (limits().build(), listen());
    let (serving, answering) = (server.clone(), Rc::clone(&visit));
    let service = async move |request: Request<'_>| answering.answer(request).await;
    let serving = match files.map(Files::acceptor) {
        None => taut::spawn(async move { serving.serve(listener, service).await }),
        Some(tls) => {
            let handshake = async move |stream| tls.accept(stream).await.map_err(Into::into);
            taut::spawn(async move { serving.serve_over(listener, handshake, service).await })
        }
    };
    let scheme = if files.is_some() { "https" } else { "http" };
    let home = Directory::new();
    let url = format!("{scheme}://{address}/");
    let mut browser = command(chromium, &home, &url).spawn().await.unwrap();
    assert_eq!(in_time(found).await.unwrap(), "");
    browser.signal(SignalKind::TERM).unwrap();
    in_time(browser.wait()).await.unwrap();
    server.shutdown();
    in_time(serving).await.unwrap().unwrap();
    assert_eq!(*visit.closes.borrow(), [goodbyes(), goodbyes()].concat());
}

#[test]
fn chromium_is_served() {
    let Some(chromium) = find("chromium", "--version") else { return };
    let files = Files::new();
    on_each_driver(|builder| {
        for files in [None, Some(&files)] {
            block_on(builder.clone(), visited_by(&chromium, files));
        }
    });
}
