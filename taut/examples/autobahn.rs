//! What the Autobahn test suite talks to: an echo server and an echo client. `scripts/autobahn.sh`
//! starts both; by hand:
//!
//! ```text
//! autobahn server                       prints its two URLs and serves until it is stopped
//! autobahn client URL AGENT [ROOT.pem]  goes through all cases that a `fuzzingserver` offers
//! autobahn identity FOLDER              writes certificate.pem and key.pem for 127.0.0.1
//! ```

use std::error::Error;
use std::net::Ipv4Addr;
use std::path::Path;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use taut::http::{Client, Secured};
use taut::net::{TcpListener, Transport};
use taut::task::all;
use taut::tls::{Identity, Roots, TlsAcceptor, TlsConnector};
use taut::ws::{
    Acceptor, CloseCode, Connector, DeflateOptions, Item, Message, Options, Outbox, WebSocket,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "autobahn server | client URL AGENT [ROOT.pem] | identity FOLDER";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["server"] => taut::run(serve())?,
        ["client", url, agent] => taut::run(visit(url, agent, None))?,
        ["client", url, agent, root] => taut::run(visit(url, agent, Some(Path::new(root))))?,
        ["identity", folder] => write_identity(Path::new(folder)),
        _ => Err(USAGE.into()),
    }
}

/// What both ends are tested with.
fn options() -> Options {
    let mut options = Options::default();
    options.deflate = Some(DeflateOptions::default());
    options
}

/// Certificate and key, as PEM.
fn new_identity() -> Result<[String; 2]> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    Ok([cert.pem(), signing_key.serialize_pem()])
}

fn write_identity(folder: &Path) -> Result<()> {
    let [certificate, key] = new_identity()?;
    std::fs::write(folder.join("certificate.pem"), certificate)?;
    std::fs::write(folder.join("key.pem"), key)?;
    Ok(())
}

/// Serves plain connections at one port and those over TLS at another.
async fn serve() -> Result<()> {
    let [certificate, key] = new_identity()?;
    let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes())?;
    let acceptor = TlsAcceptor::builder(identity).build()?;
    let plain = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let tls = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    println!("ws://{}\nwss://{}", plain.local_addr()?, tls.local_addr()?);

    all((serve_plain(plain), serve_tls(tls, acceptor))).await?;
    Ok(())
}

async fn serve_plain(listener: TcpListener) -> std::io::Result<()> {
    loop {
        taut::spawn(serve_one(listener.accept().await?));
    }
}

async fn serve_tls(listener: TcpListener, acceptor: TlsAcceptor) -> std::io::Result<()> {
    loop {
        let handshake = acceptor.accept(listener.accept().await?);
        taut::spawn(async move {
            match handshake.await {
                Ok(stream) => serve_one(stream).await,
                Err(error) => eprintln!("{error}"),
            }
        });
    }
}

async fn serve_one<T: Transport + Secured + 'static>(transport: T) {
    let served = async {
        let mut connection = Acceptor::new().options(options()).accept(transport).await?;
        echo_ready(&mut connection).await
    };
    // Most cases are mistakes on purpose.
    if let Err(error) = served.await {
        eprintln!("{error}");
    }
}

/// Queues the answers to all that came in together: the server's way.
async fn echo_ready<T: Transport + 'static>(connection: &mut WebSocket<T>) -> Result<()> {
    let echo = |item: Item<'_>, outbox: &mut Outbox| match item.as_str() {
        Some(text) => outbox.queue_text(text),
        None => outbox.queue_binary(item.as_bytes()),
    };
    while connection.for_each_ready(echo).await? > 0 {}
    Ok(())
}

/// Sends each answer by itself, behind the message: the client's way.
async fn echo_each<T: Transport + 'static>(connection: &mut WebSocket<T>) -> Result<()> {
    while let Some(message) = connection.next().await? {
        match &message {
            Message::Text(text) => connection.send_text(text).await?,
            other => connection.send_binary(other.as_bytes()).await?,
        }
    }
    Ok(())
}

/// Asks how many cases there are, goes through them, and has the reports written.
async fn visit(url: &str, agent: &str, root: Option<&Path>) -> Result<()> {
    let mut client = Client::builder();
    if let Some(root) = root {
        let roots = Roots::none().with_pem(&std::fs::read(root)?)?;
        client = client.tls(TlsConnector::builder().roots(roots).build()?);
    }
    let connector = Connector::new().client(client.build()).options(options());

    let mut asking = connector.connect(format!("{url}/getCaseCount")).await?;
    let count = asking.next().await?.ok_or("no count of cases")?;
    let count: u32 = count.as_str().ok_or("the count of cases is no text")?.parse()?;
    asking.close(CloseCode::NORMAL, "").await?;
    for case in 1..=count {
        let case_url = format!("{url}/runCase?case={case}&agent={agent}");
        let mut connection = connector.connect(case_url).await?;
        if let Err(error) = echo_each(&mut connection).await {
            eprintln!("case {case} of {count}: {error}");
        }
        // Waits for the end, which is a part of the case. What there is to tell was told.
        let _ = connection.close(CloseCode::NORMAL, "").await;
    }
    let mut reporting = connector.connect(format!("{url}/updateReports?agent={agent}")).await?;
    while reporting.next().await?.is_some() {}
    println!("{count} cases");
    Ok(())
}
