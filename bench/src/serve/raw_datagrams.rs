//! The raw servers of datagrams: spinning on the socket itself, or told by epoll.
//!
//! A datagram is sent back to whoever sent it, or as an order to a TCP connection, or swallowed.
//! Epoll is level-triggered here: one datagram is then one `recvfrom`, where an edge would have to
//! be answered by receives until there is nothing.

use std::io;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto};

use super::Duty;
use super::acceptor::Acceptor;
use super::{Service, send_all};
use crate::sys::ReceiveBatch;
use crate::transport::Listener;

const BUFFER_BYTES: usize = 64 << 10;
/// Datagrams that one call takes out of a flood, and room for each.
const BATCH: usize = 32;
const DATAGRAM_BYTES: usize = 2_048;

/// A server that is about to serve.
#[derive(Debug)]
pub(super) struct Datagrams<'a> {
    socket: UdpSocket,
    /// Where orders go, if it has some.
    orders: Option<Acceptor>,
    connections: Vec<OwnedFd>,
    service: &'a Service,
    syscalls: u64,
}

impl<'a> Datagrams<'a> {
    pub(super) fn new(
        socket: UdpSocket,
        orders: Option<Listener>,
        service: &'a Service,
    ) -> io::Result<Self> {
        let orders = orders.map(Acceptor::start).transpose()?;
        Ok(Self { socket, orders, connections: Vec::new(), service, syscalls: 0 })
    }

    /// Asks the socket again and again; for as long as the process lives.
    pub(super) fn spin(mut self) -> io::Result<()> {
        if self.service.duty == Duty::Swallow {
            return self.swallow();
        }
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            self.serve_one(&mut buffer)?;
        }
    }

    /// The least that a flood can cost: a system call for up to 32 datagrams.
    fn swallow(mut self) -> io::Result<()> {
        let mut batch = ReceiveBatch::plain(BATCH, DATAGRAM_BYTES);
        loop {
            self.syscalls += 1;
            let count = batch.receive(&self.socket)?;
            let bytes = (0..count).map(|place| batch.payload(place).len()).sum();
            self.service.attendant.served(bytes, || self.syscalls);
        }
    }

    /// Asks epoll, and then the socket.
    pub(super) fn on_epoll(mut self, spin: bool) -> io::Result<()> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&poll, &self.socket, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
        let mut events: Vec<epoll::Event> = Vec::with_capacity(1);
        let mut buffer = vec![0; BUFFER_BYTES];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let timeout = spin.then_some(&at_once);
        loop {
            events.clear();
            self.syscalls += 1;
            match epoll::wait(&poll, spare_capacity(&mut events), timeout) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => self.serve_one(&mut buffer)?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    #[inline(always)]
    fn serve_one(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.syscalls += 1;
        let (count, from) = match recvfrom(&self.socket, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((count, _, Some(from))) => (count, from),
            Ok((_, _, None)) | Err(Errno::AGAIN | Errno::INTR | Errno::CONNREFUSED) => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let datagram = &buffer[..count];
        if let Some(orders) = &self.orders {
            // A tick may be here before the thread that accepts has run.
            while self.connections.is_empty() {
                orders.take(&mut self.connections);
                std::thread::yield_now();
            }
            // One that is gone is noticed with the order that it does not take.
            if send_all(&self.connections[0], datagram, &mut self.syscalls).is_err() {
                self.connections.remove(0);
            }
        } else if self.service.duty == Duty::Echo {
            self.syscalls += 1;
            match sendto(&self.socket, datagram, SendFlags::DONTWAIT, &from) {
                Ok(_) | Err(Errno::AGAIN | Errno::CONNREFUSED) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.service.attendant.served(count, || self.syscalls);
        Ok(())
    }
}
