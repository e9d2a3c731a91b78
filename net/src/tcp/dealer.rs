//! One listener that deals its connections out to several cores.
//!
//! Where the kernel's hash of [`Sharding`](crate::Sharding) is too blunt: the acceptor sees how
//! busy each core is, and may look at who connects. Connections go to the cores over a ring each,
//! before anything was received from them.
//!
//! Invariant: an accepted connection is with the dealer, in a worker's ring, or with the worker. A
//! worker whose ring is full is passed by; while all are full the dealer accepts no more, and
//! connections wait where they would wait for an acceptor, up to the listener's backlog. Costs one
//! message between cores for each connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fmt, io};

use taut_runtime::cores::spsc;
use taut_runtime::task::{race, waiting};

use crate::{Detached, TcpListener, TcpStream};

/// Whom a connection goes to. Where that worker's ring is full, or it is gone, the next one gets
/// it.
#[non_exhaustive]
pub enum Deal {
    /// One after the other.
    RoundRobin,
    /// The one with the fewest [`Load`]s alive; of several, the one whose turn it is.
    LeastConnections,
    /// Whom the closure names: it gets the connection, for its addresses and options, and the loads
    /// of all workers, `usize::MAX` for one that is gone. A number too large is taken modulo their
    /// count.
    By(Choose),
}

/// The closure of [`Deal::By`].
pub type Choose = Box<dyn FnMut(&Detached, &[usize]) -> usize + Send>;

impl fmt::Debug for Deal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RoundRobin => "RoundRobin",
            Self::LeastConnections => "LeastConnections",
            Self::By(_) => "By(..)",
        })
    }
}

/// Counts as one connection of its worker for as long as it lives; to be kept with the stream. It
/// may be dropped on any thread.
#[derive(Debug)]
pub struct Load(Arc<AtomicUsize>);

impl Load {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        // Nothing else is told by it, so no order is asked of it.
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

type Dealt = (Detached, Load);

/// Accepts connections and deals them out to [`Worker`]s.
///
/// It may be sent to the core that accepts.
///
/// ```
/// use std::io;
/// use taut_net::{Deal, Dealer, TcpListener, TcpStream};
///
/// let (mut dealer, workers) = Dealer::new(Deal::LeastConnections, 2, 16);
/// let cores: Vec<_> = workers
///     .into_iter()
///     .map(|mut worker| {
///         std::thread::spawn(move || {
///             taut_runtime::run(async move {
///                 let (mut stream, _load) = worker.accept().await?;
///                 stream.write_all(b"hello").await
///             })
///         })
///     })
///     .collect();
/// taut_runtime::run(async move {
///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
///     let address = listener.local_addr()?;
///     let acceptor = taut_runtime::spawn(async move { dealer.run(&listener).await });
///     for _ in 0..2 {
///         let mut greeting = [0; 5];
///         TcpStream::connect(address).await?.read_exact(&mut greeting).await?;
///         assert_eq!(&greeting, b"hello");
///     }
///     acceptor.abort();
///     Ok::<(), io::Error>(())
/// })??;
/// # cores.into_iter().for_each(|core| core.join().unwrap().unwrap().unwrap());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Dealer {
    deal: Deal,
    /// By the workers' numbers; `None` for one that is gone.
    seats: Vec<Option<Seat>>,
    /// Whose turn it is.
    next: usize,
    /// Accepted, and not dealt yet.
    held: Option<Detached>,
    /// The loads, and the workers in the order in which they are asked: kept for their memory.
    loads: Vec<usize>,
    order: Vec<usize>,
}

#[derive(Debug)]
struct Seat {
    sender: spsc::Sender<Dealt>,
    load: Arc<AtomicUsize>,
}

impl Dealer {
    /// A dealer for so many workers, each with room for `capacity` connections that it has not
    /// accepted.
    ///
    /// # Panics
    ///
    /// For no workers, and as [`spsc::channel`] does.
    #[track_caller]
    pub fn new(deal: Deal, workers: usize, capacity: usize) -> (Self, Vec<Worker>) {
        assert!(workers > 0, "connections are dealt to one worker at least");
        let (seats, workers): (Vec<_>, Vec<_>) = (0..workers)
            .map(|index| {
                let (sender, connections) = spsc::channel(capacity);
                let seat = Seat { sender, load: Arc::default() };
                (Some(seat), Worker { index, connections })
            })
            .unzip();
        let (loads, order) = (Vec::with_capacity(seats.len()), Vec::with_capacity(seats.len()));
        (Self { deal, seats, next: 0, held: None, loads, order }, workers)
    }

    /// Accepts and deals out until all workers are gone, which shows with the next connection: that
    /// one is closed.
    ///
    /// Where it is dropped or fails, no connection is lost: one that was accepted and not dealt is
    /// dealt by the next call.
    ///
    /// # Errors
    ///
    /// What [`TcpListener::accept`] tells, such as `EMFILE`, after which it can be called again;
    /// `ECANCELED`.
    #[track_caller]
    pub fn run(&mut self, listener: &TcpListener) -> impl Future<Output = io::Result<()>> {
        waiting("connections to deal out", async move {
            while self.deal_held().await? {
                self.held = Some(listener.accept_detached().await?);
            }
            Ok(())
        })
    }

    /// How many connections each worker has, those that wait for it among them; `usize::MAX` for
    /// one that is gone.
    pub fn loads(&self) -> impl Iterator<Item = usize> {
        self.seats.iter().map(|seat| match seat {
            Some(seat) => seat.load.load(Ordering::Relaxed),
            None => usize::MAX,
        })
    }

    /// Deals out the connection that is held, after waiting for room; whether there are workers.
    async fn deal_held(&mut self) -> io::Result<bool> {
        while let Some(connection) = self.held.take() {
            self.held = self.offer(connection);
            if self.held.is_some() {
                if !self.has_workers() {
                    self.held = None;
                    break;
                }
                self.room().await?;
            }
        }
        Ok(self.has_workers())
    }

    fn has_workers(&self) -> bool {
        self.seats.iter().any(Option::is_some)
    }

    /// Waits until a worker has room, or is gone, which the next offer finds out.
    async fn room(&mut self) -> io::Result<()> {
        let present = self.seats.iter_mut().flatten();
        match race(present.map(|seat| seat.sender.ready())).await {
            Ok(()) | Err(spsc::SendError::Closed(())) => Ok(()),
            Err(cancelled) => Err(cancelled.into()),
        }
    }

    /// Gives the connection to the first worker that takes it; back where none does.
    fn offer(&mut self, connection: Detached) -> Option<Detached> {
        self.set_order(&connection);
        let mut connection = connection;
        for place in 0..self.order.len() {
            let index = self.order[place];
            let Some(seat) = &mut self.seats[index] else { continue };
            match seat.sender.try_send((connection, Load::new(&seat.load))) {
                Ok(()) => {
                    self.next = (index + 1) % self.seats.len();
                    return None;
                }
                Err(spsc::TrySendError::Closed((back, _))) => {
                    self.seats[index] = None;
                    connection = back;
                }
                Err(refused) => (connection, _) = refused.into_inner(),
            }
        }
        Some(connection)
    }

    /// Decides in which order the workers are asked.
    fn set_order(&mut self, connection: &Detached) {
        let mut loads = std::mem::take(&mut self.loads);
        loads.clear();
        loads.extend(self.loads());
        let count = self.seats.len();
        let first = match &mut self.deal {
            Deal::RoundRobin | Deal::LeastConnections => self.next,
            Deal::By(choose) => choose(connection, &loads) % count,
        };
        self.order.clear();
        self.order.extend((first..count).chain(0..first));
        if let Deal::LeastConnections = self.deal {
            // Of equal ones, the first in turn: few enough for a sort that allocates nothing.
            self.order
                .sort_unstable_by_key(|index| (loads[*index], (index + count - first) % count));
        }
        self.loads = loads;
    }
}

/// Gets the connections that a [`Dealer`] has for one core.
///
/// It may be sent there. Dropping it takes the worker out; connections that it was dealt and has
/// not accepted are closed with it, see [`close`](Self::close).
#[derive(Debug)]
pub struct Worker {
    index: usize,
    connections: spsc::Receiver<Dealt>,
}

impl Worker {
    /// Its place among those of the dealer.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The next connection, with `TCP_NODELAY` on, and its [`Load`]. Cancel-safe.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` where the dealer is gone, or this was closed, and there are none left;
    /// `ECANCELED`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn accept(&mut self) -> impl Future<Output = io::Result<(TcpStream, Load)>> {
        waiting("accept from a dealer", async {
            let (connection, load) = self.connections.recv().await?;
            Ok((TcpStream::attach(connection), load))
        })
    }

    /// Takes no more connections. Those that were dealt already can still be accepted.
    pub fn close(&mut self) {
        self.connections.close();
    }
}
