//! A connection on its way from one core to another.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::{fmt, io};

use socket2::SockRef;
use taut_runtime::io::Handover;
use taut_runtime::task::waiting;

use super::{Family, Stream};
use crate::Tcp;
use crate::has_descriptor::has_descriptor;
use crate::tcp::socket;

/// A connection that is on no core: made by [`Stream::detach`] on one, it is sent to another
/// and goes on there by [`Stream::attach`].
///
/// With it go the bytes that were received and not read, an end of the stream or a failure that was
/// seen already, and whether the stream was hot; options of the socket stay as they are. Dropping
/// it closes the connection.
#[derive(Debug)]
pub struct Detached<F = Tcp> {
    handover: Handover,
    family: PhantomData<F>,
}

impl<F: Family> Detached<F> {
    pub(crate) fn from_accepted(fd: OwnedFd) -> Self {
        Self::new(Handover::new(fd))
    }

    fn new(handover: Handover) -> Self {
        Self { handover, family: PhantomData }
    }

    /// Bytes that were received and not read.
    pub fn unread(&self) -> &[u8] {
        self.handover.unread()
    }

    /// Whether the stream will be [hot](Stream::set_hot).
    pub fn is_hot(&self) -> bool {
        self.handover.is_hot()
    }

    /// Makes the stream hot, or not, where it is attached.
    pub fn set_hot(&mut self, hot: bool) {
        self.handover.set_hot(hot);
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// What `getpeername(2)` tells: `NotConnected` where the peer is gone.
    pub fn peer_addr(&self) -> io::Result<F::Address> {
        F::address(&SockRef::from(self).peer_addr()?)
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// What `getsockname(2)` tells.
    pub fn local_addr(&self) -> io::Result<F::Address> {
        F::address(&SockRef::from(self).local_addr()?)
    }

    /// The connection as a stream of the standard library, which blocks.
    ///
    /// # Errors
    ///
    /// The connection itself, where bytes or the end of the stream were received already, which the
    /// socket would not give again.
    pub fn into_std(self) -> Result<F::Std, Self> {
        match self.handover.into_fd() {
            Ok(fd) => Ok(fd.into()),
            Err(handover) => Err(Self::new(handover)),
        }
    }
}

impl Detached {
    /// Takes over a connected socket, with `TCP_NODELAY` on.
    ///
    /// # Errors
    ///
    /// What `setsockopt(2)` tells.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        socket::no_delay(&stream)?;
        Ok(Self::from_accepted(stream.into()))
    }
}

has_descriptor!(Detached<F>, handover);

impl<F: Family> Stream<F> {
    /// Takes the connection off this core, for another one to [attach](Self::attach).
    ///
    /// The receive in the background is stopped, a `send` that is under way is finished, and bytes
    /// that were received and not read are copied. Halves of a stream are
    /// [reunited](super::OwnedReadHalf::reunite) first.
    ///
    /// Where this future is dropped, the stream in it is, too, which closes the connection: to keep
    /// it, await [`quiesce`](Self::quiesce) before, after which this does not wait. Where the task
    /// is cancelled meanwhile, the error has the stream.
    ///
    /// # Errors
    ///
    /// A [`DetachError`] with the stream, where there is one still: `ECANCELED`, the failure of a
    /// `send` whose future was dropped, or what `dup(2)` tells where an operation that was given up
    /// still holds the descriptor.
    ///
    /// ```
    /// use taut_net::{TcpListener, TcpStream};
    ///
    /// let (send, receive) = std::sync::mpsc::channel();
    /// let strategy = std::thread::spawn(move || {
    ///     taut_runtime::run(async move {
    ///         let mut stream = TcpStream::attach(receive.recv().unwrap());
    ///         let mut message = [0; 4];
    ///         stream.read_exact(&mut message).await?;
    ///         Ok::<_, std::io::Error>(message)
    ///     })
    /// });
    /// taut_runtime::run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let mut client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let mut logon = listener.accept().await?;
    ///     client.write_all(b"35=A|35=D").await?;
    ///     logon.read_exact(&mut [0; 5]).await?;
    ///     send.send(logon.detach().await?).unwrap(); // the rest is for another core
    ///     Ok::<(), std::io::Error>(())
    /// })??;
    /// assert_eq!(&strategy.join().unwrap()??, b"35=D");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn detach(mut self) -> impl Future<Output = Result<Detached<F>, DetachError<F>>> {
        waiting(F::WAITS.detach, async move {
            if let Err(error) = self.quiesced().await {
                return Err(DetachError { error, stream: Some(Box::new(self)) });
            }
            let Self { read, write } = self;
            drop(write);
            match Handover::take(read.inbound, read.descriptor) {
                Ok(handover) => Ok(Detached::new(handover)),
                Err(error) => Err(DetachError { error, stream: None }),
            }
        })
    }

    /// Waits until the kernel does nothing for the stream: no receive in the background, no `send`
    /// under way. The next read or write goes on as ever. Cancel-safe.
    ///
    /// # Errors
    ///
    /// `ECANCELED`, or the failure of a `send` whose future was dropped.
    #[track_caller]
    pub fn quiesce(&mut self) -> impl Future<Output = io::Result<()>> {
        waiting(F::WAITS.quiesce, self.quiesced())
    }

    async fn quiesced(&mut self) -> io::Result<()> {
        // The sends first: they take as long as the peer likes, and meanwhile bytes come in.
        self.write.outbound.flush().await?;
        poll_fn(|context| self.read.inbound.poll_stopped(context)).await
    }

    /// Goes on with a connection on this core. Reads first give what was received before and not
    /// read.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn attach(detached: Detached<F>) -> Self {
        let (inbound, outbound, descriptor) = detached.handover.settle();
        Self::from_halves(inbound, outbound, descriptor)
    }
}

/// A stream could not be taken off its core. By `?` it becomes the [`io::Error`] that it holds.
pub struct DetachError<F = Tcp> {
    error: io::Error,
    stream: Option<Box<Stream<F>>>,
}

impl<F> DetachError<F> {
    /// Why.
    pub fn error(&self) -> &io::Error {
        &self.error
    }

    /// The stream, as it was; `None` where it is closed, for lack of descriptors.
    pub fn into_stream(self) -> Option<Stream<F>> {
        self.stream.map(|stream| *stream)
    }
}

impl<F> fmt::Display for DetachError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stream could not be taken off its core: {}", self.error)
    }
}

impl<F> fmt::Debug for DetachError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DetachError({self})")
    }
}

impl<F> std::error::Error for DetachError<F> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl<F> From<DetachError<F>> for io::Error {
    fn from(error: DetachError<F>) -> Self {
        error.error
    }
}
