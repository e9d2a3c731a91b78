//! One address served by two cores: the kernel spreads the connections among a listener on each,
//! and a client whose session belongs on the other core is handed over after its logon:
//! `cargo run --release --example sharded_server`. Makes do with the cores that the host has.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use rustix::thread::{CpuSet, sched_getaffinity};
use taut::cores::{CoreContext, Cores, Mesh, MeshSender, mesh};
use taut::net::{Detached, Shard, Sharding, TcpStream};
use taut::sync::Mutex;
use taut::{Runtime, WaitStrategy, is_cancelled, spawn};

const SHARDS: usize = 2;
const SESSIONS: u8 = 32;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let affinity = sched_getaffinity(None)?;
    let allowed: Vec<_> = (0..CpuSet::MAX_CPU).filter(|core| affinity.is_set(*core)).collect();
    let core = |index: usize| allowed[index % allowed.len()];
    let wait = if allowed.len() > 4 { WaitStrategy::Spin } else { WaitStrategy::default() };

    // All of them listen before the first core starts, so none misses its share.
    let shards = Sharding::new(SHARDS).bind("127.0.0.1:0".parse()?)?;
    let address = shards[0].local_addr()?;
    let mut cores = Cores::new()
        .runtime(Runtime::builder().wait(wait).allow_degraded(true))
        .allow_shared_cores(allowed.len() <= SHARDS);
    for (shard, mesh) in shards.into_iter().zip(mesh(SHARDS, 64)) {
        let (name, core) = (format!("shard-{}", shard.index()), core(shard.index()));
        cores = cores.role(name, core, |_core| serve(shard, mesh));
    }
    let outcome = cores.role("clients", core(SHARDS), move |core| ask(core, address)).run()?;

    let sessions = outcome.into_values();
    println!("sessions of each shard, and of the clients: {sessions:?}");
    let share = usize::from(SESSIONS) / SHARDS;
    assert_eq!(sessions, [Some(share), Some(share), Some(usize::from(SESSIONS))]);
    Ok(())
}

/// Serves the sessions of this shard, wherever they came in, until it is time to stop; how many.
async fn serve(shard: Shard, mesh: Mesh<Detached>) -> io::Result<usize> {
    let own = shard.index();
    let (others, mut handed_over) = mesh.into_split();
    let others = Rc::new(Mutex::new(others));
    let sessions = Rc::new(Cell::new(0));

    let counted = Rc::clone(&sessions);
    spawn(async move {
        while let Ok((_from, connection)) = handed_over.recv().await {
            spawn(session(TcpStream::attach(connection), Rc::clone(&counted)));
        }
    });

    let listener = shard.listen();
    loop {
        match listener.accept().await {
            Ok(stream) => {
                let (others, sessions) = (Rc::clone(&others), Rc::clone(&sessions));
                spawn(log_on(stream, own, others, sessions));
            }
            Err(error) if is_cancelled(&error) => return Ok(sessions.get()),
            Err(error) => return Err(error),
        }
    }
}

/// Learns whose connection this is, and serves it or hands it over.
async fn log_on(
    mut stream: TcpStream,
    own: usize,
    others: Rc<Mutex<MeshSender<Detached>>>,
    sessions: Rc<Cell<usize>>,
) -> io::Result<()> {
    let mut number = [0];
    stream.read_exact(&mut number).await?;
    let home = usize::from(number[0]) % SHARDS;
    if home == own {
        return session(stream, sessions).await;
    }
    // What followed the logon may have been received already: it goes along.
    let connection = stream.detach().await?;
    Ok(others.lock().await?.send_to(home, connection).await?)
}

async fn session(mut stream: TcpStream, sessions: Rc<Cell<usize>>) -> io::Result<()> {
    sessions.set(sessions.get() + 1);
    loop {
        let order = stream.recv().await?;
        if order.is_empty() {
            return Ok(());
        }
        stream.write_all(&order).await?;
    }
}

/// Logs all sessions on, sends an order from each, and stops the run.
async fn ask(core: CoreContext, address: SocketAddr) -> io::Result<usize> {
    let mut answered = 0;
    for session in 0..SESSIONS {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&[session, b'b', b'u', b'y']).await?;
        let mut answer = [0; 3];
        stream.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"buy");
        answered += 1;
    }
    core.stop();
    Ok(answered)
}
