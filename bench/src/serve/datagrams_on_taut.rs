//! The servers of datagrams on the runtime: one task receives, and answers.
//!
//! The socket is asked for no more than the raw servers get: datagrams with their sender.

use std::io;
use std::net::UdpSocket as StdSocket;

use taut::net::{TcpListener, UdpSocket};

use super::{Duty, Service};
use crate::transport::Listener;

/// Serves for as long as the process lives.
pub(super) async fn serve(
    socket: StdSocket,
    orders: Option<Listener>,
    hot: bool,
    service: &Service,
) -> io::Result<()> {
    let mut socket = UdpSocket::builder().plain(true).adopt(socket)?;
    socket.set_hot(hot);
    match orders {
        Some(Listener::Tcp(listener)) => {
            trade(socket, TcpListener::from_std(listener), service).await
        }
        _ if service.duty == Duty::Swallow => swallow(socket, service).await,
        _ => echo(socket, service).await,
    }
}

async fn echo(mut socket: UdpSocket, service: &Service) -> io::Result<()> {
    loop {
        let datagram = socket.recv().await?;
        if let Some(from) = datagram.source() {
            socket.send_to(&datagram, from).await?;
        }
        service.attendant.served(datagram.len(), || taut::counters().syscalls);
    }
}

/// What one receive has brought is taken without another wait.
async fn swallow(mut socket: UdpSocket, service: &Service) -> io::Result<()> {
    loop {
        let mut bytes = socket.recv().await?.len();
        while let Some(datagram) = socket.next_here() {
            bytes += datagram.len();
        }
        service.attendant.served(bytes, || taut::counters().syscalls);
    }
}

/// Orders go to one connection until it is gone, then to the next.
async fn trade(mut ticks: UdpSocket, orders: TcpListener, service: &Service) -> io::Result<()> {
    loop {
        let mut connection = orders.accept().await?;
        loop {
            let tick = ticks.recv().await?;
            if connection.write_all(&tick).await.is_err() {
                break;
            }
            service.attendant.served(tick.len(), || taut::counters().syscalls);
        }
    }
}
