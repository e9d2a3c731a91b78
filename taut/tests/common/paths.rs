//! The ways between two sockets that tests go: loopback, and across a device where the host lets
//! them make one; each in both families.

use std::net::{IpAddr, SocketAddr};

use taut::net::{TcpListener, TcpSocket, TcpStream, UdpBuilder, UdpSocket};

use super::in_time;
use super::netns::{Pair, Side};

/// One way, in one family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'a> {
    pair: Option<&'a Pair>,
    near: IpAddr,
    far: IpAddr,
}

/// All ways there are.
pub(crate) fn paths(pair: Option<&Pair>) -> Vec<Path<'_>> {
    let loopback = ["127.0.0.1", "::1"].map(|address| address.parse().unwrap());
    let mut paths: Vec<_> =
        loopback.into_iter().map(|own| Path { pair: None, near: own, far: own }).collect();
    if pair.is_some() {
        let ends = Side::A.addresses().into_iter().zip(Side::B.addresses());
        paths.extend(ends.map(|(near, far)| Path { pair, near, far }));
    }
    paths
}

impl Path<'_> {
    pub(crate) fn is_loopback(&self) -> bool {
        self.pair.is_none()
    }

    /// Whatever `make` makes, at the near end.
    pub(crate) fn near<T>(&self, make: impl FnOnce(SocketAddr) -> T) -> T {
        let address = (self.near, 0).into();
        match self.pair {
            Some(pair) => pair.inside(Side::A, || make(address)),
            None => make(address),
        }
    }

    /// The same at the far end.
    pub(crate) fn far<T>(&self, make: impl FnOnce(SocketAddr) -> T) -> T {
        let address = (self.far, 0).into();
        match self.pair {
            Some(pair) => pair.inside(Side::B, || make(address)),
            None => make(address),
        }
    }

    /// Two sockets, connected to each other.
    pub(crate) async fn udp(&self) -> (UdpSocket, UdpSocket) {
        self.udp_with(&UdpSocket::builder()).await
    }

    /// The same, made by a builder.
    pub(crate) async fn udp_with(&self, builder: &UdpBuilder) -> (UdpSocket, UdpSocket) {
        let near = self.near(|address| builder.bind(address).unwrap());
        let far = self.far(|address| builder.bind(address).unwrap());
        near.connect(far.local_addr().unwrap()).await.unwrap();
        far.connect(near.local_addr().unwrap()).await.unwrap();
        (near, far)
    }

    /// Two ends of one connection.
    pub(crate) async fn tcp(&self) -> (TcpStream, TcpStream) {
        let listener = self.far(|address| TcpListener::bind(address).unwrap());
        let address = listener.local_addr().unwrap();
        let socket = self.near(|_| TcpSocket::for_address(address).unwrap());
        let near = in_time(socket.connect(address)).await.unwrap();
        (near, in_time(listener.accept()).await.unwrap())
    }
}
