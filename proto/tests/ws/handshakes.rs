//! Any bytes as what a peer says in the handshake, and as the first frames behind it: the same
//! verdict however they are cut, and nothing is agreed to that others would not agree to. The fuzz
//! target `ws_handshake` asks this of its inputs.
//!
//! An input is a byte of switches, a position to cut at, and what the peer sends: a request to our
//! server, or an answer to our client, in which [`ACCEPT`] stands for what belongs to the key.

use std::cell::Cell;
use std::net::Shutdown;
use std::path::PathBuf;

use taut_net::{Transport, UnixListener, UnixStream};
use taut_proto::http::Client;
use taut_proto::ws::{Acceptor, Connector, DeflateOptions, Error, Options, WebSocket};
use taut_runtime::{Runtime, yield_now};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::server::{Request, create_response};

/// Switches: the client's answer is read, rather than the server's request.
pub(crate) const ANSWERS: u8 = 1;
/// Switches: compression is wanted.
pub(crate) const COMPRESSES: u8 = 2;
/// At the beginning of a header's value in an answer: the `Sec-WebSocket-Accept` that belongs to the
/// key.
pub(crate) const ACCEPT: u8 = 0xFF;

const SUBPROTOCOLS: [&str; 2] = ["v2.book", "v1"];
const HEADERS_MAX: usize = 256;

/// What became of a handshake.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) is_agreed: bool,
    /// What was agreed on and the first message, or the error.
    told: String,
    /// What the peer got: of an agreement the head, without what differs each time.
    answer: String,
}

/// Asserts that the input has one verdict, and that it is no other than that of other rules.
pub(crate) fn check(runtime: &Runtime, input: &[u8]) -> Option<Verdict> {
    let [switches, cut, bytes @ ..] = input else { return None };
    let read = if switches & ANSWERS == 0 { read_request } else { read_answer };
    let is_compressed = switches & COMPRESSES != 0;
    let whole = read(runtime, bytes, is_compressed, &[]);
    let cut = usize::from(*cut).min(bytes.len());
    let text = bytes.escape_ascii();
    assert_eq!(read(runtime, bytes, is_compressed, &[cut]), whole, "cut at {cut}: {text}");
    let byte_by_byte: Vec<usize> = (1..bytes.len().min(400)).collect();
    let by_bytes = read(runtime, bytes, is_compressed, &byte_by_byte);
    assert_eq!(by_bytes, whole, "byte by byte: {text}");
    Some(whole)
}

fn options(is_compressed: bool) -> Options {
    let mut options = Options::default();
    options.deflate = is_compressed.then(DeflateOptions::default);
    options
}

fn pieces(bytes: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let ends = cuts.iter().copied().chain([bytes.len()]);
    let mut at = 0;
    ends.map(|end| bytes[std::mem::replace(&mut at, end)..end].to_vec()).collect()
}

fn read_request(runtime: &Runtime, bytes: &[u8], is_compressed: bool, cuts: &[usize]) -> Verdict {
    let acceptor = Acceptor::new().subprotocols(SUBPROTOCOLS).options(options(is_compressed));
    let pieces = pieces(bytes, cuts);
    let (verdict, answer) = runtime.block_on(async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let peer = taut_runtime::spawn(converse(theirs, pieces));
        let verdict = verdict(acceptor.accept(ours).await).await;
        (verdict, peer.await.unwrap())
    });
    let (is_agreed, told) = verdict;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    let lines = head.lines().filter(|line| !line.starts_with("date:"));
    let shown: Vec<&str> = lines.collect();
    if is_agreed {
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        others_agree_to_request(bytes, head);
    }
    Verdict { is_agreed, told, answer: shown.join("\n") }
}

fn read_answer(runtime: &Runtime, bytes: &[u8], is_compressed: bool, cuts: &[usize]) -> Verdict {
    let path = socket_path();
    let client = Client::builder().decode(false).unix_socket(&path).build();
    let connector = Connector::new().client(client).subprotocols(SUBPROTOCOLS);
    let connector = connector.options(options(is_compressed));
    let (verdict, sent) = runtime.block_on(async {
        let listener = UnixListener::bind(&path).unwrap();
        let (bytes, cuts) = (bytes.to_vec(), cuts.to_vec());
        let peer = taut_runtime::spawn(async move {
            let mut stream: UnixStream = listener.accept().await.unwrap();
            drop(listener);
            let accept = derive_accept_key(key_of(&mut stream).await.as_bytes());
            let sent = with_accept(&bytes, &accept);
            converse(stream, pieces(&sent, &cuts)).await;
            (sent, accept)
        });
        let verdict = verdict(connector.connect("ws://venue.example/feed").await).await;
        (verdict, peer.await.unwrap())
    });
    let ((is_agreed, told), (sent, accept)) = (verdict, sent);
    if is_agreed {
        others_agree_to_answer(&sent, &accept, is_compressed);
    }
    Verdict { is_agreed, told: told.replace(&accept, "ACCEPT"), answer: String::new() }
}

/// A path that nobody else uses, which is free again when its listener is gone.
fn socket_path() -> PathBuf {
    thread_local!(static NEXT: Cell<u32> = const { Cell::new(0) });
    let number = NEXT.replace(NEXT.get().wrapping_add(1));
    let thread = format!("{:?}", std::thread::current().id()).replace(['(', ')'], "");
    std::env::temp_dir().join(format!("taut-{}-{thread}-{number}", std::process::id()))
}

/// It is put where the value of a header begins, and nowhere else: what is random there changes no
/// verdict.
fn with_accept(answer: &[u8], accept: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for &byte in answer {
        match byte {
            ACCEPT if bytes.ends_with(b": ") => bytes.extend_from_slice(accept.as_bytes()),
            byte => bytes.push(byte),
        }
    }
    bytes
}

/// The key of our client's request.
async fn key_of(stream: &mut UnixStream) -> String {
    let (mut head, mut room) = (Vec::new(), [0; 4096]);
    while !head.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut room).await.unwrap();
        assert!(count > 0, "our client ended within its request");
        head.extend_from_slice(&room[..count]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let key = lines.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    key.expect("a request has a key").1.to_owned()
}

/// Sends the pieces one by one, ends this direction, and reads up to the end of the other.
async fn converse(mut stream: UnixStream, pieces: Vec<Vec<u8>>) -> Vec<u8> {
    for piece in pieces {
        // Who has refused is gone.
        if stream.write_all(&piece).await.is_err() {
            break;
        }
        yield_now().await;
    }
    let _ = stream.shutdown(Shutdown::Write).await;
    let (mut answer, mut room) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut room).await {
        answer.extend_from_slice(&room[..count]);
    }
    answer
}

async fn verdict<T: Transport + 'static>(outcome: Result<WebSocket<T>, Error>) -> (bool, String) {
    let mut connection = match outcome {
        Ok(connection) => connection,
        Err(error) => return (false, error.to_string()),
    };
    let handshake = connection.handshake().expect("there was one").clone();
    let first = connection.next().await;
    (true, format!("{handshake:?}, then {first:?}"))
}

/// What httparse reads of a request that we agree to is one that tungstenite agrees to.
fn others_agree_to_request(bytes: &[u8], answer: &str) {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    // It knows no HTTP/1.2 to 1.9, which we read as 1.1 (RFC 9110 section 2.5).
    let Ok(httparse::Status::Complete(_)) = request.parse(bytes) else { return };
    let values = |wanted: &str| -> Vec<&[u8]> {
        let wanted = request.headers.iter().filter(|it| it.name.eq_ignore_ascii_case(wanted));
        wanted.map(|header| header.value).collect()
    };
    let text = bytes.escape_ascii();
    for name in ["host", "sec-websocket-key", "sec-websocket-version"] {
        assert_eq!(values(name).len(), 1, "{name}: {text}");
    }
    let key = values("sec-websocket-key")[0];
    assert!(key.len() == 24 && key.ends_with(b"=="), "{text}");
    let accept = derive_accept_key(key);
    assert!(answer.contains(&format!("sec-websocket-accept: {accept}")), "{answer}: {text}");

    // It looks at one line of each only, and takes no other protocol beside ours.
    if values("connection").len() > 1 || !values("upgrade")[0].eq_ignore_ascii_case(b"websocket") {
        return;
    }
    let mut asked = Request::builder().method(request.method.unwrap()).uri("/");
    for header in request.headers.iter() {
        asked = asked.header(header.name, header.value);
    }
    let theirs = create_response(&asked.body(()).unwrap());
    assert!(theirs.is_ok(), "{theirs:?}: {text}");
}

/// What httparse reads of an answer that we agree to keeps the rules of RFC 6455 section 4.1.
fn others_agree_to_answer(mut bytes: &[u8], accept: &str, is_compressed: bool) {
    let text = bytes.escape_ascii();
    loop {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut answer = httparse::Response::new(&mut headers);
        let Ok(httparse::Status::Complete(head_bytes)) = answer.parse(bytes) else { return };
        let code = answer.code.unwrap();
        if (100..200).contains(&code) && code != 101 {
            bytes = &bytes[head_bytes..];
            continue;
        }
        assert_eq!(code, 101, "{text}");
        let values = |wanted: &str| -> Vec<&[u8]> {
            let wanted = answer.headers.iter().filter(|it| it.name.eq_ignore_ascii_case(wanted));
            wanted.map(|header| header.value).collect()
        };
        assert_eq!(values("sec-websocket-accept"), [accept.as_bytes()], "{text}");
        let upgrades = values("upgrade");
        assert!(upgrades.len() == 1 && upgrades[0].eq_ignore_ascii_case(b"websocket"), "{text}");
        let chosen = values("sec-websocket-protocol");
        let is_offered = |name: &&[u8]| SUBPROTOCOLS.iter().any(|it| it.as_bytes() == *name);
        assert!(chosen.len() <= 1 && chosen.iter().all(is_offered), "{text}");
        let extensions = values("sec-websocket-extensions");
        assert!(is_compressed || extensions.is_empty(), "{text}");
        return;
    }
}
