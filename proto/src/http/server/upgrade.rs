//! A connection that goes on in another protocol.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use taut_net::{ReceiveTimestamps, StampedBy, Transport};
use taut_runtime::buffer::RxBuf;

/// The transport of a connection that was upgraded. What the client sent behind its request comes
/// first.
///
/// It is a [`Transport`], whatever the connection runs over; [`downcast`](Self::downcast) gives the
/// concrete one, for protocols that would not pay for a virtual call.
pub struct Upgraded {
    transport: Box<dyn AnyTransport>,
    left: Option<RxBuf>,
}

trait AnyTransport: Transport {
    fn as_any(&self) -> &dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<T: Transport + 'static> AnyTransport for T {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl Upgraded {
    pub(super) fn new<T: Transport + 'static>(transport: T, left: Option<RxBuf>) -> Self {
        Self { transport: Box::new(transport), left: left.filter(|bytes| !bytes.is_empty()) }
    }

    /// The concrete transport, and the bytes that came behind the request.
    ///
    /// # Errors
    ///
    /// Gives itself back where the connection runs over another kind of transport.
    pub fn downcast<T: Transport + 'static>(self) -> Result<(T, Option<RxBuf>), Self> {
        if !(*self.transport).as_any().is::<T>() {
            return Err(self);
        }
        let Ok(transport) = self.transport.into_any().downcast::<T>() else {
            unreachable!("its type was just compared");
        };
        Ok((*transport, self.left))
    }

    /// As [`downcast`](Self::downcast), or itself, where that is what is asked for.
    pub(crate) fn downcast_or_keep<T: Transport + 'static>(
        self,
    ) -> Result<(T, Option<RxBuf>), Self> {
        let mut kept = Some(self);
        match (&mut kept as &mut dyn Any).downcast_mut::<Option<T>>().and_then(Option::take) {
            Some(itself) => Ok((itself, None)),
            None => kept.expect("it was not taken").downcast(),
        }
    }
}

impl Transport for Upgraded {
    fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<io::Result<RxBuf>> {
        match self.left.take() {
            Some(left) => Poll::Ready(Ok(left)),
            None => self.transport.poll_recv(context),
        }
    }

    fn stop_waiting(&mut self) {
        self.transport.stop_waiting();
    }

    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.transport.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.transport.poll_write_vectored(context, slices)
    }

    #[inline]
    fn poll_write_in_place(
        &mut self,
        context: &mut Context<'_>,
        memory: &mut Vec<u8>,
        start: usize,
    ) -> Poll<io::Result<usize>> {
        self.transport.poll_write_in_place(context, memory, start)
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport.poll_flush(context)
    }

    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport.poll_shutdown(context)
    }

    fn set_hot(&mut self, hot: bool) {
        self.transport.set_hot(hot);
    }

    fn set_receive_timestamps(&mut self, by: Option<StampedBy>) -> io::Result<()> {
        self.transport.set_receive_timestamps(by)
    }

    #[inline]
    fn receive_timestamps(&self) -> ReceiveTimestamps {
        self.transport.receive_timestamps()
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").field("left", &self.left).finish_non_exhaustive()
    }
}

type Protocol = Pin<Box<dyn Future<Output = ()>>>;

/// What runs on an upgraded connection.
pub(super) struct Takeover(Box<dyn FnOnce(Upgraded) -> Protocol>);

impl Takeover {
    pub(super) fn new<F: AsyncFnOnce(Upgraded) + 'static>(protocol: F) -> Self {
        Self(Box::new(move |upgraded| Box::pin(async move { protocol(upgraded).await })))
    }

    pub(super) fn start(self, upgraded: Upgraded) -> Protocol {
        (self.0)(upgraded)
    }
}
