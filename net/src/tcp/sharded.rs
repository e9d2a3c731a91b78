//! One address, a listener on each of several cores: the kernel spreads the connections.
//!
//! All sockets are bound and listen before any of them is handed out (`SO_REUSEPORT`), so the
//! kernel chooses among all from the first connection on, and none is dealt to a group that still
//! grows. Costs nothing per connection beyond a listener of one's own.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use socket2::{SockRef, Socket};

use crate::has_descriptor::has_descriptor;
use crate::socket_options::local_addr;
use crate::tcp::listener::BACKLOG_DEFAULT;
use crate::{TcpListener, TcpSocket};

/// How an address is shared among several listeners.
///
/// ```
/// use std::net::TcpStream;
/// use taut_net::Sharding;
///
/// let shards = Sharding::new(2).bind("127.0.0.1:0".parse().unwrap())?;
/// let address = shards[0].local_addr()?;
/// let clients: Vec<_> = (0..2).map(|_| TcpStream::connect(address).unwrap()).collect();
/// let cores: Vec<_> = shards
///     .into_iter()
///     .map(|shard| {
///         std::thread::spawn(move || {
///             taut_runtime::run(async move {
///                 let listener = shard.listen();
///                 // Each core accepts what the kernel chose for it, if anything.
///                 drop(taut_runtime::spawn(async move { listener.accept().await }));
///             })
///         })
///     })
///     .collect();
/// # cores.into_iter().for_each(|core| core.join().unwrap().unwrap());
/// # drop(clients);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is bound until `bind`"]
pub struct Sharding {
    count: usize,
    backlog: u32,
    cores: Option<Vec<usize>>,
}

impl Sharding {
    /// So many listeners, among which the kernel chooses by a hash of both addresses.
    ///
    /// # Panics
    ///
    /// For none.
    pub fn new(count: usize) -> Self {
        assert!(count > 0, "an address is shared among one listener at least");
        Self { count, backlog: BACKLOG_DEFAULT, cores: None }
    }

    /// A listener for each of these cores, among which the kernel chooses by the core on which it
    /// handles a connection's first packet (`SO_INCOMING_CPU`), and by a hash where that is none of
    /// them.
    ///
    /// Worth its while where the network card's queues interrupt just these cores. It needs Linux
    /// 6.2 or a kernel with the repair of this option from there; older ones accept it and go on by
    /// the hash.
    ///
    /// # Panics
    ///
    /// For none.
    pub fn by_incoming_core(cores: impl IntoIterator<Item = usize>) -> Self {
        let cores: Vec<_> = cores.into_iter().collect();
        Self { cores: Some(cores.clone()), ..Self::new(cores.len()) }
    }

    /// Connections that wait unaccepted in the kernel, for each listener; the kernel caps it at
    /// `net.core.somaxconn`. Default: 1024.
    pub fn backlog(mut self, connections: u32) -> Self {
        self.backlog = connections;
        self
    }

    /// Binds all listeners, each with room for [`backlog`](Self::backlog) connections from now on.
    /// Port 0 lets the kernel choose one for all.
    ///
    /// Every process of the same user may join the group with a socket of its own, and then gets a
    /// share.
    ///
    /// # Errors
    ///
    /// What `socket(2)`, `setsockopt(2)`, `bind(2)` and `listen(2)` tell: `AddrInUse` where
    /// somebody listens there without sharing. Nothing listens then.
    pub fn bind(&self, address: SocketAddr) -> io::Result<Vec<Shard>> {
        let mut address = address;
        let mut shards = Vec::with_capacity(self.count);
        for index in 0..self.count {
            let socket = TcpSocket::for_address(address)?;
            socket.set_reuse_address(true)?;
            socket.set_reuse_port(true)?;
            if let Some(cores) = &self.cores {
                steer(&socket, cores[index])?;
            }
            socket.bind(address)?;
            address = socket.local_addr()?;
            shards.push(Shard { socket: socket.into_socket(), index });
        }
        // Not before all are bound: a refused one must not leave others with connections.
        for shard in &shards {
            shard.socket.listen(i32::try_from(self.backlog).unwrap_or(i32::MAX))?;
        }
        Ok(shards)
    }
}

/// Has the kernel prefer this socket for what it handles on a core.
fn steer(socket: &TcpSocket, core: usize) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_cpu_affinity(core)?;
    match socket.cpu_affinity()? {
        taken if taken == core => Ok(()),
        other => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("the kernel took core {other} where connections of core {core} are wanted"),
        )),
    }
}

/// One of the listeners of an address, on its way to its core.
///
/// It listens already: connections that the kernel chooses for it wait until it accepts. Where it,
/// or the [`TcpListener`] that it becomes, is dropped, connections that wait are reset by the
/// kernel, unless `net.ipv4.tcp_migrate_req` is 1, which gives them to the others; later ones go to
/// the others in any case. So a core that stops accepts what waits first, or the sysctl is set.
#[derive(Debug)]
pub struct Shard {
    socket: Socket,
    index: usize,
}

impl Shard {
    /// Its place among those of the address.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The address that it listens on.
    ///
    /// # Errors
    ///
    /// What `getsockname(2)` tells.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        local_addr(self)
    }

    /// Accepts on the core of this thread.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn listen(self) -> TcpListener {
        TcpListener::from_std(OwnedFd::from(self.socket).into())
    }
}

has_descriptor!(Shard, socket);
