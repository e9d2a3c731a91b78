//! Every core connected with every other: a ring from each to each.
//!
//! Each pair has two [`spsc`] rings, one for each direction, so no two senders ever meet, and what
//! one core sends to another arrives in order. A core that waits watches all of its rings at once.
//!
//! Invariant: whose turn it is moves on past each core that something was taken from, so a core
//! that floods the others keeps nobody waiting longer than one item of each. Cost: for `n` cores
//! `n * (n - 1)` rings; a receive looks at no more than `n - 1` of them, and a wait is a watch for
//! each, without allocation once each was waited for.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::receive::Source as _;
use super::spsc::{self, RecvError, SendError, TryRecvError, TrySendError};
use crate::executor::{block_on, checkpoint_at, give_way};

const WAIT: &str = "mesh recv";

/// Connects so many cores, each with each other, by rings with room for `capacity` items. The ends
/// of core `index` are the element of that index, to be sent there.
///
/// ```
/// use taut_runtime::cores::mesh;
///
/// let cores: Vec<_> = mesh(3, 64)
///     .into_iter()
///     .map(|mut mesh| {
///         std::thread::spawn(move || {
///             taut_runtime::run(async move {
///                 let own = mesh.index();
///                 for other in (0..mesh.count()).filter(|other| *other != own) {
///                     mesh.send_to(other, own * 10).await.unwrap();
///                 }
///                 let mut sum = 0;
///                 for _ in 1..mesh.count() {
///                     let (from, number) = mesh.recv().await.unwrap();
///                     assert_eq!(number, from * 10);
///                     sum += number;
///                 }
///                 sum
///             })
///         })
///     })
///     .collect();
/// let sums: Vec<_> = cores.into_iter().map(|core| core.join().unwrap().unwrap()).collect();
/// assert_eq!(sums, [30, 20, 10]);
/// ```
///
/// # Panics
///
/// For fewer than two cores, and as [`spsc::channel`] does.
#[track_caller]
pub fn mesh<T: Send + 'static>(cores: usize, capacity: usize) -> Vec<Mesh<T>> {
    assert!(cores >= 2, "a mesh connects two cores at least");
    let mut sources: Vec<Vec<_>> = (0..cores).map(|_| Vec::with_capacity(cores - 1)).collect();
    let mut connect = |from: usize, to: usize| {
        let (sender, receiver) = spsc::channel(capacity);
        sources[to].push(Source { from, receiver, ended: false });
        sender
    };
    let senders: Vec<Vec<_>> = (0..cores)
        .map(|from| (0..cores).filter(|to| *to != from).map(|to| connect(from, to)).collect())
        .collect();
    let ends = senders.into_iter().zip(sources).enumerate();
    ends.map(|(own, (senders, sources))| Mesh {
        sender: MeshSender { own, senders },
        receiver: MeshReceiver { sources, next: 0 },
    })
    .collect()
}

/// One core's ends of a [`mesh`]. Dropping it takes the core out: what it sent can still be
/// received, and sends to it fail.
pub struct Mesh<T: Send + 'static> {
    sender: MeshSender<T>,
    receiver: MeshReceiver<T>,
}

/// The sending ends of one core. Dropping it ends what goes from this core to the others.
pub struct MeshSender<T: Send + 'static> {
    own: usize,
    /// In the order of the cores, this one left out.
    senders: Vec<spsc::Sender<T>>,
}

/// The receiving ends of one core. Dropping it drops what is on its way here, and fails further
/// sends.
pub struct MeshReceiver<T: Send + 'static> {
    sources: Vec<Source<T>>,
    /// Whose turn it is.
    next: usize,
}

/// What comes from one core.
struct Source<T: Send + 'static> {
    from: usize,
    receiver: spsc::Receiver<T>,
    /// It was seen that nothing more will come.
    ended: bool,
}

impl<T: Send + 'static> Mesh<T> {
    /// Which of the cores this is.
    pub fn index(&self) -> usize {
        self.sender.own
    }

    /// How many cores there are, this one included.
    pub fn count(&self) -> usize {
        self.sender.count()
    }

    /// As [`MeshSender::send_to`].
    ///
    /// # Errors
    ///
    /// As for [`MeshSender::send_to`].
    ///
    /// # Panics
    ///
    /// As [`MeshSender::send_to`] does.
    #[inline]
    #[track_caller]
    pub fn send_to(
        &mut self,
        index: usize,
        item: T,
    ) -> impl Future<Output = Result<(), SendError<T>>> + Send {
        self.sender.send_to(index, item)
    }

    /// As [`MeshSender::try_send_to`].
    ///
    /// # Errors
    ///
    /// As for [`MeshSender::try_send_to`].
    ///
    /// # Panics
    ///
    /// As [`MeshSender::send_to`] does.
    #[inline]
    #[track_caller]
    pub fn try_send_to(&mut self, index: usize, item: T) -> Result<(), TrySendError<T>> {
        self.sender.try_send_to(index, item)
    }

    /// As [`MeshReceiver::recv`].
    ///
    /// # Errors
    ///
    /// As for [`MeshReceiver::recv`].
    #[inline]
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = Result<(usize, T), RecvError>> + Send + '_ {
        self.receiver.recv()
    }

    /// As [`MeshReceiver::ready`].
    ///
    /// # Errors
    ///
    /// As for [`MeshReceiver::recv`].
    #[inline]
    #[track_caller]
    pub fn ready(&mut self) -> impl Future<Output = Result<(), RecvError>> + Send + '_ {
        self.receiver.ready()
    }

    /// As [`MeshReceiver::try_recv`].
    ///
    /// # Errors
    ///
    /// As for [`MeshReceiver::try_recv`].
    #[inline]
    pub fn try_recv(&mut self) -> Result<(usize, T), TryRecvError> {
        self.receiver.try_recv()
    }

    /// As [`MeshReceiver::drain`].
    pub fn drain(&mut self, max_each: usize) -> impl Iterator<Item = (usize, T)> + '_ {
        self.receiver.drain(max_each)
    }

    /// Takes no more items and sends none. What is here already can still be received.
    pub fn close(&mut self) {
        self.sender.close();
        self.receiver.close();
    }

    /// The two directions, for tasks of their own: cores that send to each other from the same task
    /// that receives stand still once their rings are full.
    pub fn into_split(self) -> (MeshSender<T>, MeshReceiver<T>) {
        (self.sender, self.receiver)
    }
}

impl<T: Send + 'static> MeshSender<T> {
    /// How many cores there are, this one included.
    pub fn count(&self) -> usize {
        self.senders.len() + 1
    }

    /// The end that leads to a core.
    ///
    /// # Panics
    ///
    /// As [`send_to`](Self::send_to) does.
    #[inline]
    #[track_caller]
    pub fn to(&mut self, index: usize) -> &mut spsc::Sender<T> {
        assert!(index != self.own, "core {index} of a mesh has no ring to itself");
        assert!(index < self.count(), "there is no core {index} in a mesh of {}", self.count());
        &mut self.senders[index - usize::from(index > self.own)]
    }

    /// Sends an item to a core, after waiting for room.
    ///
    /// Cancel-safe: where it is dropped before it is done, nothing was sent.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] where that core receives no more, [`SendError::Cancelled`] where the
    /// task was asked to stop; both give the item back.
    ///
    /// # Panics
    ///
    /// Where there is no such core, or it is this one.
    #[inline]
    #[track_caller]
    pub fn send_to(
        &mut self,
        index: usize,
        item: T,
    ) -> impl Future<Output = Result<(), SendError<T>>> + Send {
        self.to(index).send(item)
    }

    /// Sends an item to a core without waiting.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] where there is no room, [`TrySendError::Closed`] where that core
    /// receives no more. Both give the item back.
    ///
    /// # Panics
    ///
    /// As [`send_to`](Self::send_to) does.
    #[inline]
    #[track_caller]
    pub fn try_send_to(&mut self, index: usize, item: T) -> Result<(), TrySendError<T>> {
        self.to(index).try_send(item)
    }

    /// Sends no more to anybody.
    pub fn close(&mut self) {
        self.senders.iter_mut().for_each(spsc::Sender::close);
    }

    /// The ends themselves, each with the core that it leads to.
    pub fn into_ends(self) -> Vec<(usize, spsc::Sender<T>)> {
        let own = self.own;
        let ends = self.senders.into_iter().enumerate();
        ends.map(|(place, end)| (place + usize::from(place >= own), end)).collect()
    }
}

impl<T: Send + 'static> MeshReceiver<T> {
    /// How many cores there are, this one included.
    pub fn count(&self) -> usize {
        self.sources.len() + 1
    }

    /// Asks the ring of each core in turn, beginning with the one whose turn it is.
    #[inline]
    fn attempt<R>(
        &mut self,
        attempt: impl Fn(&mut spsc::Receiver<T>) -> Result<R, TryRecvError>,
    ) -> Result<(usize, R), TryRecvError> {
        let mut nothing = TryRecvError::Closed;
        let (mut place, count) = (self.next, self.sources.len());
        for _ in 0..count {
            let source = &mut self.sources[place];
            place = if place + 1 == count { 0 } else { place + 1 };
            if source.ended {
                continue;
            }
            match attempt(&mut source.receiver) {
                Ok(item) => {
                    let from = source.from;
                    self.next = place;
                    return Ok((from, item));
                }
                Err(TryRecvError::Closed) => source.ended = true,
                Err(TryRecvError::Empty) => nothing = TryRecvError::Empty,
            }
        }
        Err(nothing)
    }

    /// Receives an item without waiting, with the core that it comes from.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] where there is none, [`TryRecvError::Closed`] where all other cores
    /// are gone and what they sent was received.
    #[inline]
    pub fn try_recv(&mut self) -> Result<(usize, T), TryRecvError> {
        self.attempt(spsc::Receiver::try_recv)
    }

    /// Takes what is there, at most `max_each` items of each core, those of one core in a row.
    /// Which core comes first changes from call to call.
    pub fn drain(&mut self, max_each: usize) -> impl Iterator<Item = (usize, T)> + '_ {
        let first = self.next;
        self.next = (first + 1) % self.sources.len();
        let (later, now) = self.sources.split_at_mut(first);
        now.iter_mut().chain(later).flat_map(move |source| {
            let from = source.from;
            source.receiver.drain(max_each).map(move |item| (from, item))
        })
    }

    /// Receives an item, after waiting for one, with the core that it comes from.
    ///
    /// Cancel-safe: where it is dropped before it is done, no item is lost.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] where all other cores are gone and what they sent was received,
    /// [`RecvError::Cancelled`] where the task was asked to stop.
    #[inline]
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = Result<(usize, T), RecvError>> + Send + '_ {
        Receive::new(self, Self::try_recv)
    }

    /// Receives an item, with the core that it comes from; the thread sleeps until there is one.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] where all other cores are gone and what they sent was received.
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn recv_blocking(&mut self) -> Result<(usize, T), RecvError> {
        let received = block_on(&mut Receive::new(self, Self::try_recv), None);
        received.expect("no limit was set")
    }

    /// Waits until there is an item, and leaves it there, for [`drain`](Self::drain) or
    /// [`try_recv`](Self::try_recv).
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    #[track_caller]
    pub fn ready(&mut self) -> impl Future<Output = Result<(), RecvError>> + Send + '_ {
        Receive::new(self, |mesh: &mut Self| {
            let turn = mesh.next;
            let found = mesh.attempt(|receiver| receiver.try_borrow().map(drop));
            // Nothing was taken from it.
            mesh.next = turn;
            found.map(drop)
        })
    }

    /// Takes no more items. What is here already can still be received.
    pub fn close(&mut self) {
        self.sources.iter_mut().for_each(|source| source.receiver.close());
    }

    /// The ends themselves, each with the core that it comes from.
    pub fn into_ends(self) -> Vec<(usize, spsc::Receiver<T>)> {
        self.sources.into_iter().map(|source| (source.from, source.receiver)).collect()
    }
}

impl<T: Send + 'static> fmt::Debug for Mesh<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut mesh = f.debug_struct("Mesh");
        mesh.field("sender", &self.sender).field("receiver", &self.receiver).finish()
    }
}

impl<T: Send + 'static> fmt::Debug for MeshSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sender = f.debug_struct("MeshSender");
        sender.field("own", &self.own).field("senders", &self.senders).finish()
    }
}

impl<T: Send + 'static> fmt::Debug for MeshReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.sources.iter().map(|source| (source.from, &source.receiver)))
            .finish()
    }
}

/// Waits until an attempt gives something.
struct Receive<'a, T: Send + 'static, A> {
    mesh: &'a mut MeshReceiver<T>,
    attempt: A,
    waits: bool,
    location: &'static Location<'static>,
}

impl<'a, T: Send + 'static, A> Receive<'a, T, A> {
    #[inline]
    #[track_caller]
    fn new(mesh: &'a mut MeshReceiver<T>, attempt: A) -> Self {
        Self { mesh, attempt, waits: false, location: Location::caller() }
    }
}

impl<T: Send + 'static, A> Unpin for Receive<'_, T, A> {}

impl<T, A, R> Future for Receive<'_, T, A>
where
    T: Send + 'static,
    A: FnMut(&mut MeshReceiver<T>) -> Result<R, TryRecvError>,
{
    type Output = Result<R, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { mesh, attempt, waits, location } = &mut *self;
        let checked = ready!(checkpoint_at(context, WAIT, location));
        // A wait that begins in a cancelled task fails; one that has its item gives it.
        if !*waits {
            checked?;
        }
        ready!(give_way(context));
        loop {
            match attempt(mesh) {
                Err(TryRecvError::Empty) => checked?,
                done => return Poll::Ready(done.map_err(|_| RecvError::Closed)),
            }
            *waits = true;
            // One that has ended since the attempt is something to look at, too.
            let mut open = mesh.sources.iter_mut().filter(|source| !source.ended);
            if !open.any(|source| source.receiver.watch(context, false).is_ready()) {
                return Poll::Pending;
            }
        }
    }
}

impl<T: Send + 'static, A> Drop for Receive<'_, T, A> {
    #[inline]
    fn drop(&mut self) {
        if self.waits {
            for source in &mut self.mesh.sources {
                source.receiver.stop_watching();
            }
        }
    }
}
