//! When a packet came in: having receives stamped, and reading the stamps.

use std::io;

use taut_runtime::buffer::RxBuf;
use taut_runtime::io::ReceiveTimestamps;
use taut_runtime::task::waiting;

use super::StampedBy;
use super::flags::set_receive;
use crate::{Family, OwnedReadHalf, Tcp, TcpStream, UdpSocket};

impl UdpSocket {
    /// Has what comes in stamped, or with `None` no longer:
    /// [`Datagram::timestamps`](crate::Datagram::timestamps) tells the times.
    ///
    /// The kernel begins to stamp a moment after the first socket of the host asks for it, so the
    /// first datagrams may be without. Where sends are stamped too, datagrams may carry a stamp
    /// that was not asked for.
    ///
    /// ```
    /// use std::time::{SystemTime, UNIX_EPOCH};
    /// use taut_net::{StampedBy, UdpSocket};
    ///
    /// taut_runtime::run(async {
    ///     let mut feed = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
    ///     feed.set_receive_timestamps(Some(StampedBy::Kernel))?;
    ///     feed.send_to(b"tick", feed.local_addr()?).await?;
    ///     let tick = feed.recv().await?;
    ///     if let Some(came_ns) = tick.timestamps().software_ns {
    ///         let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    ///         println!("handled {} ns later", now.as_nanos() - u128::from(came_ns));
    ///     }
    ///     Ok::<(), std::io::Error>(())
    /// })??;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `InvalidInput` on a [plain](crate::UdpBuilder::plain) socket. What `setsockopt(2)` tells. A
    /// device that can't stamp is none: its stamps are missing. See
    /// [`Interface::timestamp_capabilities`](crate::Interface::timestamp_capabilities).
    pub fn set_receive_timestamps(&self, by: Option<StampedBy>) -> io::Result<()> {
        if self.is_plain() && by.is_some() {
            let message = "a plain socket has no room for timestamps: build it without plain";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        set_receive(self, by)
    }
}

impl TcpStream {
    /// Has what comes in stamped, or with `None` no longer; after each read
    /// [`receive_timestamps`](Self::receive_timestamps) tells the times. As
    /// [`UdpSocket::set_receive_timestamps`]. What was received before comes first, and without.
    ///
    /// On io_uring a receive in the background tells no times, so a stamped stream is read when it
    /// is readable, by a call for each buffer: some hundred nanoseconds a read. A hot stream, and
    /// any on epoll, is read by such a call anyway.
    ///
    /// # Errors
    ///
    /// `InvalidInput` where the runtime's `receive_buffer_bytes` has no room for what comes with the
    /// bytes (256). What `setsockopt(2)` tells.
    pub fn set_receive_timestamps(&self, by: Option<StampedBy>) -> io::Result<()> {
        self.read.set_receive_timestamps(by)
    }

    /// When the last of the bytes that were read last came in: where a read took several segments,
    /// the last one's, and of `read`, which may leave a part for later, that of all that was
    /// received together. None of [`recv_into`](Self::recv_into).
    #[inline]
    pub fn receive_timestamps(&self) -> ReceiveTimestamps {
        self.read.inbound.receive_timestamps()
    }

    /// The next bytes, and when the last of them came in; no bytes at the end of the stream.
    /// Cancel-safe. As [`recv`](Self::recv), with its
    /// [`receive_timestamps`](Self::receive_timestamps).
    ///
    /// ```
    /// use taut_net::{StampedBy, TcpListener, TcpStream};
    ///
    /// taut_runtime::run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let mut client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let mut server = listener.accept().await?;
    ///     server.set_receive_timestamps(Some(StampedBy::Kernel))?;
    ///     client.write_all(b"order").await?;
    ///     let (order, came) = server.recv_with_timestamps().await?;
    ///     assert_eq!(&order[..], b"order");
    ///     println!("at {:?} ns", came.software_ns);
    ///     Ok::<(), std::io::Error>(())
    /// })??;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    #[track_caller]
    pub fn recv_with_timestamps(
        &mut self,
    ) -> impl Future<Output = io::Result<(RxBuf, ReceiveTimestamps)>> {
        self.read.recv_with_timestamps()
    }
}

impl OwnedReadHalf<Tcp> {
    /// As [`TcpStream::recv_with_timestamps`].
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn recv_with_timestamps(
        &mut self,
    ) -> impl Future<Output = io::Result<(RxBuf, ReceiveTimestamps)>> {
        waiting("recv_with_timestamps on a TCP stream", async {
            let bytes = self.inbound.recv().await?;
            Ok((bytes, self.inbound.receive_timestamps()))
        })
    }
}

impl<F: Family> OwnedReadHalf<F> {
    /// Of a socket whose kind the kernel stamps; of others nothing is asked.
    pub(crate) fn set_receive_timestamps(&self, by: Option<StampedBy>) -> io::Result<()> {
        if !F::IS_STAMPED {
            return Ok(());
        }
        self.inbound.set_stamped(by.is_some())?;
        // Without stamps there is no reason to receive so.
        set_receive(&self.descriptor, by).inspect_err(|_| drop(self.inbound.set_stamped(false)))
    }
}
