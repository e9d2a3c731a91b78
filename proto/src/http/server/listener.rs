//! What connections are accepted from.

use std::io;
use std::task::{Context, Poll, ready};

use taut_net::{TcpListener, TcpStream, Transport, UnixListener, UnixStream};

use super::{Peer, Secured};

/// What connections are accepted from: a [`TcpListener`], a [`UnixListener`], or something of one's
/// own.
pub trait Listener {
    /// What an accepted connection is.
    type Transport: Transport + Secured + 'static;

    /// The next connection, and who is at its other end. A pending poll has taken none.
    ///
    /// # Errors
    ///
    /// What accepting fails with. All but a cancel are taken to pass: the server tries again.
    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(Self::Transport, Peer)>>;
}

impl Listener for TcpListener {
    type Transport = TcpStream;

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(TcpStream, Peer)>> {
        let stream = ready!(self.poll_accept(context))?;
        let peer = stream.peer_addr().map_or(Peer::Unknown, Peer::Tcp);
        Poll::Ready(Ok((stream, peer)))
    }
}

impl Listener for UnixListener {
    type Transport = UnixStream;

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(UnixStream, Peer)>> {
        let stream = ready!(self.poll_accept(context))?;
        let peer = stream.peer_credentials().map_or(Peer::Unknown, Peer::Unix);
        Poll::Ready(Ok((stream, peer)))
    }
}
