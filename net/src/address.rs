//! Names and addresses: what a connection can be made to.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs};

use taut_runtime::off_core;

/// An address, or a name that leads to some.
///
/// Addresses, one or several, cost nothing. Names (`"example.com:443"`, `("example.com", 443)`) are
/// resolved by the system's resolver on a thread off the core, in the order that it gives
/// (RFC 6724); text that is an address is recognised without it.
pub trait ToAddresses {
    /// The addresses in the order in which to try them, at least one.
    ///
    /// # Errors
    ///
    /// What the resolver tells, or `NotFound` where a name leads nowhere.
    fn to_addresses(&self) -> impl Future<Output = io::Result<Vec<SocketAddr>>>;
}

macro_rules! known {
    ($($type:ty),+) => {
        $(impl ToAddresses for $type {
            async fn to_addresses(&self) -> io::Result<Vec<SocketAddr>> {
                Ok(vec![SocketAddr::from(*self)])
            }
        })+
    };
}

known!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl ToAddresses for [SocketAddr] {
    async fn to_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        match self.is_empty() {
            true => Err(no_address()),
            false => Ok(self.to_vec()),
        }
    }
}

impl<const COUNT: usize> ToAddresses for [SocketAddr; COUNT] {
    async fn to_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.as_slice().to_addresses().await
    }
}

impl ToAddresses for str {
    async fn to_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.parse() {
            return Ok(vec![address]);
        }
        resolve(self, self.to_owned()).await
    }
}

impl ToAddresses for String {
    async fn to_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.as_str().to_addresses().await
    }
}

impl ToAddresses for (&str, u16) {
    async fn to_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let (host, port) = *self;
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        resolve(host, (host.to_owned(), port)).await
    }
}

impl<T: ToAddresses + ?Sized> ToAddresses for &T {
    async fn to_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        (**self).to_addresses().await
    }
}

pub(crate) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "there is no address to connect to")
}

async fn resolve(
    name: &str,
    target: impl ToSocketAddrs + Send + 'static,
) -> io::Result<Vec<SocketAddr>> {
    let looked_up = off_core(move || target.to_socket_addrs().map(Vec::from_iter)).await?;
    let addresses = looked_up.map_err(|error| {
        io::Error::new(error.kind(), format!("{name:?} could not be resolved: {error}"))
    })?;
    if addresses.is_empty() {
        let message = format!("{name:?} resolves to no address");
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    Ok(addresses)
}
