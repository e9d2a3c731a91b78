//! What a transport knows of who is at its other end.

use taut_net::{TcpStream, UnixStream};

/// What a server asks of the transports that it serves, beside their bytes: what a handshake agreed
/// on, which a handler sees as [`Request::tls`](super::Request::tls). Asked once a connection,
/// before its first request.
///
/// A transport of one's own that is not encrypted needs nothing but `impl Secured for Mine {}`; one
/// that wraps another passes the question on.
pub trait Secured {
    /// What the two ends agreed on; nothing where the transport is not encrypted.
    #[cfg(feature = "tls")]
    fn tls(&self) -> Option<std::rc::Rc<crate::tls::Agreed>> {
        None
    }
}

impl Secured for TcpStream {}

impl Secured for UnixStream {}

#[cfg(feature = "tls")]
impl<T: taut_net::Transport> Secured for crate::tls::TlsStream<T> {
    fn tls(&self) -> Option<std::rc::Rc<crate::tls::Agreed>> {
        Some(std::rc::Rc::clone(self.agreed()))
    }
}
