//! What a connection can be made to.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::Resolver;

/// An address, or a name that leads to some.
///
/// Addresses, one or several, cost nothing. Names (`"example.com:443"`, `("example.com", 443)`) are
/// looked for by a [`Resolver`]; text that is an address is recognised without it.
pub trait ToAddresses {
    /// The addresses in the order in which to try them, at least one.
    ///
    /// # Errors
    ///
    /// As for [`Resolver::resolve`]; `NotFound` for an empty list; `InvalidInput` for text that is
    /// no `host:port`.
    fn to_addresses(
        &self,
        resolver: &Resolver,
    ) -> impl Future<Output = io::Result<Vec<SocketAddr>>>;
}

macro_rules! known {
    ($($type:ty),+) => {
        $(impl ToAddresses for $type {
            async fn to_addresses(&self, _: &Resolver) -> io::Result<Vec<SocketAddr>> {
                Ok(vec![SocketAddr::from(*self)])
            }
        })+
    };
}

known!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl ToAddresses for [SocketAddr] {
    async fn to_addresses(&self, _: &Resolver) -> io::Result<Vec<SocketAddr>> {
        match self.is_empty() {
            true => Err(no_address()),
            false => Ok(self.to_vec()),
        }
    }
}

impl<const COUNT: usize> ToAddresses for [SocketAddr; COUNT] {
    async fn to_addresses(&self, resolver: &Resolver) -> io::Result<Vec<SocketAddr>> {
        self.as_slice().to_addresses(resolver).await
    }
}

impl ToAddresses for Vec<SocketAddr> {
    async fn to_addresses(&self, resolver: &Resolver) -> io::Result<Self> {
        self.as_slice().to_addresses(resolver).await
    }
}

impl ToAddresses for str {
    async fn to_addresses(&self, resolver: &Resolver) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.parse() {
            return Ok(vec![address]);
        }
        let parts = self.rsplit_once(':').map(|(host, port)| (host, port.parse()));
        let Some((host, Ok(port))) = parts else {
            let message = format!("{self:?} is no address: it takes `host:port`, `ip:port`");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        };
        resolver.resolve(host, port).await
    }
}

impl ToAddresses for String {
    async fn to_addresses(&self, resolver: &Resolver) -> io::Result<Vec<SocketAddr>> {
        self.as_str().to_addresses(resolver).await
    }
}

impl ToAddresses for (&str, u16) {
    async fn to_addresses(&self, resolver: &Resolver) -> io::Result<Vec<SocketAddr>> {
        let (host, port) = *self;
        resolver.resolve(host, port).await
    }
}

impl ToAddresses for (String, u16) {
    async fn to_addresses(&self, resolver: &Resolver) -> io::Result<Vec<SocketAddr>> {
        resolver.resolve(&self.0, self.1).await
    }
}

impl<T: ToAddresses + ?Sized> ToAddresses for &T {
    async fn to_addresses(&self, resolver: &Resolver) -> io::Result<Vec<SocketAddr>> {
        (**self).to_addresses(resolver).await
    }
}

pub(crate) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "there is no address to connect to")
}
