//! The servers of a run: all started before the first slice, all ended after the last.
//!
//! Invariant: a server that can't run leaves its reason in the report; none is left out in silence.

use std::net::{SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};

use super::client::Client;
use super::options::Options;
use super::server::{self, Running, ServerError, ServerKind, Shape};
use crate::harness::cores::Cores;
use crate::harness::environment::FeatureRow;
use crate::harness::verdict::Verdict;

/// How long a server may take to end once its connections are closed.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// One server of the run, or the reason why it is not there.
pub(super) struct Slot {
    pub(super) kind: ServerKind,
    pub(super) client: Option<Client>,
    pub(super) thread: Option<JoinHandle<Result<(), ServerError>>>,
    pub(super) features: Vec<FeatureRow>,
    pub(super) unavailable: Option<String>,
}

/// Starts one server after the other and connects to each. One that can't run leaves its reason.
pub(super) fn start_servers(options: &Options, cores: &Cores, verdict: &mut Verdict) -> Vec<Slot> {
    let shape = Shape {
        core: cores.server,
        size: options.size as usize,
        connections: options.connections as usize,
    };
    let mut slots = Vec::new();
    for kind in options.servers() {
        let mut slot =
            Slot { kind, client: None, thread: None, features: Vec::new(), unavailable: None };
        match server::start(kind, shape) {
            Ok(Running { gate, ready, thread }) => {
                slot.features = ready.features;
                slot.thread = Some(thread);
                match connect(ready.address, shape.connections) {
                    Ok(connections) => {
                        slot.client = Some(Client::new(gate, connections, shape.size));
                    }
                    Err(reason) => slot.unavailable = Some(reason),
                }
            }
            Err(error) => {
                if let ServerError::NotPinned(reason) | ServerError::Failed(reason) = &error {
                    verdict.fail(format!("the server of {} failed: {reason}", kind.name()));
                }
                slot.unavailable = Some(error.to_string());
            }
        }
        slots.push(slot);
    }
    slots
}

/// So many connections to a server, ready for the client.
pub(super) fn connect(address: SocketAddr, connections: usize) -> Result<Vec<TcpStream>, String> {
    let one = || {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    };
    (0..connections).map(|_| one()).collect::<std::io::Result<_>>().map_err(|error| {
        format!(
            "not all of its {connections} connections could be made: {error}; raise the limit of \
             open files (ulimit -n) or ask for fewer --connections"
        )
    })
}

/// Closes all connections and waits for the servers' last words. A thread that hangs is left
/// behind, which the end of the process takes care of.
pub(super) fn end_servers(slots: Vec<Slot>, verdict: &mut Verdict) {
    let threads: Vec<_> = slots
        .into_iter()
        .filter_map(|slot| {
            // Without a client the server still waits for connections that will not come.
            slot.client?.stop();
            Some((slot.kind, slot.thread?))
        })
        .collect();
    let deadline = Instant::now() + END_TIMEOUT;
    for (kind, thread) in threads {
        while !thread.is_finished() && Instant::now() < deadline {
            thread::park_timeout(Duration::from_millis(1));
        }
        let end = match thread.is_finished() {
            true => server::last_word(thread).map_err(|error| error.to_string()),
            false => Err("it did not end when its connections were closed".to_owned()),
        };
        if let Err(reason) = end {
            verdict.fail(format!("the server of {} failed: {reason}", kind.name()));
        }
    }
}

/// Each connection takes two descriptors of this process for each server; the soft limit is often
/// 1024. Where it can't be raised, the connect that fails says so.
pub(super) fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
