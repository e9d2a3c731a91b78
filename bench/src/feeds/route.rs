//! The way that datagrams take: groups, interfaces, and the socket that sends.

use std::fs::File;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsFd;

use clap::Args;
use rustix::net::addr::SocketAddrArg as _;
use rustix::net::sockopt::{
    set_ip_add_membership_with_ifindex, set_ip_multicast_if_with_ifindex, set_ip_multicast_loop,
    set_socket_recv_buffer_size,
};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use taut::net::Interface;

/// Datagrams that one system call sends at most.
pub(crate) const BATCH: usize = 64;

/// What a receiver asks the kernel for: the default of `taut::net::UdpSocket`, for all of them.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// Where the kernel keeps the namespaces that `ip netns` names.
const NAMESPACES: &str = "/run/netns";

/// The way from the sender to the receiver.
#[derive(Args, Clone, Debug)]
pub(crate) struct Route {
    /// Interface that the groups are sent by.
    #[arg(long, value_name = "NAME", default_value = "lo")]
    interface: String,

    /// Network namespace (ip netns) of the receiver, so that datagrams cross a device; needs root.
    #[arg(long, value_name = "NAME", requires = "receiver_interface")]
    receiver_namespace: Option<String>,

    /// Interface that the receiver joins the groups on; by default the sender's.
    #[arg(long, value_name = "NAME")]
    receiver_interface: Option<String>,
}

impl Route {
    /// Whether everything that it names is there, tried on a thread that is thrown away.
    pub(crate) fn check(&self) -> Result<(), String> {
        interface("--interface", &self.interface)?;
        let joins = || {
            self.enter()?;
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(|e| e.to_string())?;
            self.join(&socket, group(0))
        };
        std::thread::scope(|scope| scope.spawn(joins).join())
            .map_err(|_| "the thread that tried the way panicked".to_owned())?
    }

    /// Moves the calling thread to the receiver's namespace.
    pub(super) fn enter(&self) -> Result<(), String> {
        let Some(name) = &self.receiver_namespace else { return Ok(()) };
        let wrong = |error: io::Error| {
            format!(
                "--receiver-namespace {name}: it can't be entered: {error}; ip netns list shows \
                 which there are, and entering takes root"
            )
        };
        let namespace = File::open(format!("{NAMESPACES}/{name}")).map_err(wrong)?;
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|error| wrong(error.into()))
    }

    /// Where the receiver joins; to be called in its namespace.
    pub(super) fn joined_interface(&self) -> Result<Interface, String> {
        match &self.receiver_interface {
            Some(name) => interface("--receiver-interface", name),
            None => interface("--interface", &self.interface),
        }
    }

    fn join(&self, socket: &UdpSocket, group: Ipv4Addr) -> Result<(), String> {
        let interface = self.joined_interface()?;
        let any = Ipv4Addr::UNSPECIFIED;
        set_ip_add_membership_with_ifindex(socket, &group, &any, interface.index())
            .map_err(|error| format!("group {group} can't be joined on {interface}: {error}"))
    }

    /// A socket of a receiver without a runtime, joined to these groups.
    pub(super) fn raw_socket(&self, groups: &[Ipv4Addr]) -> Result<UdpSocket, String> {
        let wrong = |error: io::Error| format!("the receiver's socket: {error}");
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(wrong)?;
        set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER_BYTES)
            .map_err(|error| wrong(error.into()))?;
        groups.iter().try_for_each(|&group| self.join(&socket, group))?;
        Ok(socket)
    }

    pub(crate) fn sender(&self, to: &[SocketAddrV4]) -> Result<Sender, String> {
        let wrong = |error: io::Error| format!("the sender's socket: {error}");
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(wrong)?;
        let index = interface("--interface", &self.interface)?.index();
        let any = Ipv4Addr::UNSPECIFIED;
        set_ip_multicast_if_with_ifindex(&socket, &any, &any, index)
            .and_then(|()| set_ip_multicast_loop(&socket, self.receiver_namespace.is_none()))
            .map_err(|error| wrong(error.into()))?;
        let to = to.iter().map(|&one| SocketAddr::from(one).as_any()).collect();
        Ok(Sender { socket, to })
    }

    /// In a phrase.
    pub(crate) fn describe(&self) -> String {
        let Self { interface, receiver_namespace, receiver_interface } = self;
        match (receiver_namespace, receiver_interface) {
            (Some(namespace), Some(there)) => {
                format!("by {interface} to {there} in namespace {namespace}")
            }
            (_, Some(there)) => format!("by {interface}, joined on {there}"),
            _ => format!("by {interface}"),
        }
    }
}

fn interface(option: &str, name: &str) -> Result<Interface, String> {
    Interface::by_name(name).map_err(|error| format!("{option}: {error}; ip link shows them"))
}

/// One of the groups, of the block for use within an organisation (RFC 2365).
pub(crate) fn group(number: usize) -> Ipv4Addr {
    let [.., high, low] = (number as u32 + 1).to_be_bytes();
    Ipv4Addr::new(239, 195, high, low)
}

/// Sends to groups.
#[derive(Debug)]
pub(crate) struct Sender {
    socket: UdpSocket,
    to: Vec<SocketAddrAny>,
}

impl Sender {
    /// Sends at most [`BATCH`] datagrams, each to the destination of its number, by as few system
    /// calls as the kernel grants; how many calls.
    #[inline]
    pub(crate) fn send(&self, datagrams: &[(usize, &[u8])]) -> Result<u64, String> {
        let mut slices = [[IoSlice::new(&[])]; BATCH];
        for (slice, (_, bytes)) in slices.iter_mut().zip(datagrams) {
            *slice = [IoSlice::new(bytes)];
        }
        let mut controls: [SendAncillaryBuffer<'_, '_, '_>; BATCH] =
            std::array::from_fn(|_| SendAncillaryBuffer::default());
        let mut controls = controls.iter_mut();
        let mut headers: [MMsgHdr<'_>; BATCH] = std::array::from_fn(|place| {
            let line = datagrams.get(place).map_or(0, |(line, _)| *line);
            // Invariant: there are as many controls as headers.
            let control = controls.next().expect("a control for each header");
            MMsgHdr::new_with_addr(&self.to[line], &slices[place], control)
        });
        let (mut sent, mut calls) = (0, 0);
        while sent < datagrams.len() {
            calls += 1;
            match sendmmsg(&self.socket, &mut headers[sent..datagrams.len()], SendFlags::empty()) {
                Ok(count) => sent += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(format!("datagrams could not be sent: {error}")),
            }
        }
        Ok(calls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        route: Route,
    }

    fn route(words: &[&str]) -> Route {
        Line::parse_from([&["line"], words].concat()).route
    }

    #[test]
    fn whole_batches_arrive_at_the_groups_that_were_joined() {
        let route = route(&[]);
        assert_eq!(route.check(), Ok(()));
        let receiver = route.raw_socket(&[group(0), group(2)]).unwrap();
        let port = receiver.local_addr().unwrap().port();
        let to = [0, 1, 2].map(|number| SocketAddrV4::new(group(number), port));
        let sender = route.sender(&to).unwrap();
        let payloads: Vec<[u8; 1]> = (0..BATCH as u8).map(|number| [number]).collect();
        let datagrams: Vec<(usize, &[u8])> =
            payloads.iter().enumerate().map(|(place, one)| (place % 3, &one[..])).collect();
        assert_eq!(sender.send(&datagrams), Ok(1));
        receiver.set_nonblocking(true).unwrap();
        let mut byte = [0];
        let received: Vec<u8> =
            std::iter::from_fn(|| receiver.recv(&mut byte).ok().map(|_| byte[0])).collect();
        let expected: Vec<u8> = (0..BATCH as u8).filter(|number| number % 3 != 1).collect();
        assert_eq!(received, expected, "group 1 was not joined");
    }

    #[test]
    fn what_is_not_there_is_named() {
        let error = route(&["--interface", "no-such"]).check().unwrap_err();
        assert!(error.contains("--interface") && error.contains("no-such"), "{error}");
        let words = ["--receiver-namespace", "no-such", "--receiver-interface", "lo"];
        let error = route(&words).check().unwrap_err();
        assert!(error.contains("ip netns list"), "{error}");
    }
}
