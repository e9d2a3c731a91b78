//! When a packet left: having sends stamped, and reading the stamps.

use std::io;
use std::task::{Context, Poll};

use taut_runtime::io::{Descriptor, TimestampQueue, TransmitTimestamp};
use taut_runtime::task::waiting;

use super::StampedBy;
use super::flags::{set_transmit, transmits};
use crate::{TcpStream, UdpSocket};

/// The times at which a socket's sends left. Sends are no longer stamped when it is dropped.
///
/// The runtime takes the stamps from the kernel as they come; up to
/// [`TRANSMIT_TIMESTAMPS_MAX`](taut_runtime::io::TRANSMIT_TIMESTAMPS_MAX) wait to be read. The
/// socket is closed when it and this are gone.
#[derive(Debug)]
pub struct TransmitTimestamps {
    queue: TimestampQueue,
    descriptor: Descriptor,
}

impl TransmitTimestamps {
    fn new(descriptor: &Descriptor, by: StampedBy, of_stream: bool) -> io::Result<Self> {
        if transmits(descriptor)? {
            let message = "the socket's sends are stamped for somebody else already: drop that \
                           TransmitTimestamps first";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        let queue = TimestampQueue::new(descriptor.clone())?;
        set_transmit(descriptor, Some(by), of_stream)?;
        Ok(Self { queue, descriptor: descriptor.clone() })
    }

    /// The next stamp, in the order in which they were made. Cancel-safe.
    ///
    /// # Errors
    ///
    /// `ECANCELED` in a cancelled task.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = io::Result<TransmitTimestamp>> {
        waiting("timestamp of a send", self.queue.recv())
    }

    /// As [`recv`](Self::recv), for futures written by hand.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<io::Result<TransmitTimestamp>> {
        self.queue.poll_recv(context)
    }

    /// The next stamp of those that are here already; no system call and no wait.
    pub fn next_here(&mut self) -> Option<TransmitTimestamp> {
        self.queue.next_here()
    }

    /// Stamps that were dropped because too many waited to be read.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }
}

impl Drop for TransmitTimestamps {
    fn drop(&mut self) {
        // The option was set before, so it can be cleared.
        let _ = set_transmit(&self.descriptor, None, false);
    }
}

impl UdpSocket {
    /// Has the datagrams that are sent from now on stamped as they leave. Each call that sends one
    /// has a number, its stamp's `key`: 0 for the next, then 1, and so on; each datagram of
    /// [`send_many`](Self::send_many) has one of its own, and those of one
    /// [`send_segments`](Self::send_segments) share one. With [`StampedBy::Both`] each comes twice.
    ///
    /// A stamp is missing where the datagram never reached the device, or the socket's receive
    /// buffer was full, which stamps count against. A send that failed may have taken a number
    /// before Linux 6.9.
    ///
    /// ```
    /// use taut_net::{StampedBy, UdpSocket};
    ///
    /// taut_runtime::run(async {
    ///     let venue = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let engine = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let mut stamps = engine.transmit_timestamps(StampedBy::Kernel)?;
    ///     engine.send_to(b"order", venue.local_addr()?).await?;
    ///     let left = stamps.recv().await?;
    ///     assert_eq!(left.key, 0);
    ///     assert!(left.software_ns.is_some());
    ///     Ok::<(), std::io::Error>(())
    /// })??;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `AlreadyExists` while another one of this socket lives; what `setsockopt(2)` tells.
    pub fn transmit_timestamps(&self, by: StampedBy) -> io::Result<TransmitTimestamps> {
        TransmitTimestamps::new(self.descriptor(), by, false)
    }
}

impl TcpStream {
    /// Has what is written from now on stamped as it leaves. A stamp's `key` is the place of a
    /// write's last byte among those that were written since: 99 after a write of 100 bytes. Of
    /// writes that left in one packet only the last one has a stamp; one that is sent again is
    /// stamped once.
    ///
    /// ```
    /// use taut_net::{StampedBy, TcpListener, TcpStream};
    ///
    /// taut_runtime::run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let mut client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let _server = listener.accept().await?;
    ///     let mut stamps = client.transmit_timestamps(StampedBy::Kernel)?;
    ///     client.write_all(b"order").await?;
    ///     assert_eq!(stamps.recv().await?.key, 4);
    ///     Ok::<(), std::io::Error>(())
    /// })??;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`UdpSocket::transmit_timestamps`]; `InvalidInput` before Linux 6.2, which does not
    /// count bytes from the next one, and where the connection has ended.
    pub fn transmit_timestamps(&self, by: StampedBy) -> io::Result<TransmitTimestamps> {
        TransmitTimestamps::new(&self.read.descriptor, by, true)
    }
}
