//! The floor: `recvmmsg` on sockets that don't block, spinning.

use std::io;
use std::net::UdpSocket;

use taut::net::feed::{Arbiter, MOLD_UDP64_HEADER_BYTES, mold_udp64};

use super::bursts::{Bursts, Ear, Heard};
use super::listener::{Ready, SocketEnd};
use super::replay::Lines;
use super::route::BATCH;
use super::ticks::{Ticks, Told, feed_options, realtime_ns};
use crate::sys::{ReceiveBatch, stamp_received};

/// Bytes of a packet of a feed; an Ethernet frame has no more.
const PACKET_BYTES: usize = 2_048;

fn failed(error: io::Error) -> String {
    format!("the receiver's socket failed: {error}")
}

/// One socket, joined to all groups.
pub(super) fn bursts(bursts: &Bursts, mut ear: Ear, ready: Ready) -> Result<Heard, String> {
    let socket = bursts.route.raw_socket(&bursts.group_addresses())?;
    let mut batch = ReceiveBatch::new(BATCH, bursts.size);
    ready(vec![socket.local_addr().map_err(failed)?.port()]);
    let mut syscalls = 0;
    loop {
        syscalls += 1;
        let count = batch.receive(&socket).map_err(failed)?;
        for place in 0..count {
            if ear.take(batch.payload(place), || syscalls) {
                return Ok(ear.end(syscalls, SocketEnd::of(&socket)?));
            }
        }
        if count == 0 && ear.shared.is_abandoned() {
            return Err("the sender has given up".to_owned());
        }
    }
}

/// What the arbiter is given of a packet: all that it looks at, and when the kernel had it.
#[derive(Clone, Copy, Debug)]
struct Head {
    bytes: [u8; MOLD_UDP64_HEADER_BYTES],
    received_ns: Option<u64>,
}

impl AsRef<[u8]> for Head {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Two sockets, and the arbiter by itself.
pub(super) fn lines(lines: &Lines, mut ticks: Ticks, ready: Ready) -> Result<Told, String> {
    let sockets: Vec<UdpSocket> = lines
        .groups()
        .into_iter()
        .map(|group| lines.route.raw_socket(&[group]))
        .collect::<Result<_, _>>()?;
    sockets.iter().try_for_each(stamp_received).map_err(failed)?;
    let port = |socket: &UdpSocket| socket.local_addr().map(|address| address.port());
    ready(sockets.iter().map(port).collect::<Result<_, _>>().map_err(failed)?);
    let mut batch = ReceiveBatch::new(BATCH, PACKET_BYTES);
    let mut arbiter = Arbiter::new(feed_options(), mold_udp64);
    let mut syscalls = 0;
    while !ticks.has_ended() {
        let mut received = 0;
        for (line, socket) in sockets.iter().enumerate() {
            syscalls += 1;
            let count = batch.receive(socket).map_err(failed)?;
            received += count;
            for place in 0..count {
                let received_ns = batch.received_ns(place);
                // What has no header would be refused; the replay sends no such thing.
                let Some(&bytes) = batch.payload(place).first_chunk() else { continue };
                let packet = Head { bytes, received_ns };
                let at_ns = received_ns.unwrap_or_else(realtime_ns);
                arbiter.offer(line, at_ns, packet, &mut |event| {
                    ticks.take(&event, |packet| packet.received_ns, || syscalls);
                });
            }
        }
        if received == 0 {
            if arbiter.deadline_ns().is_some() {
                arbiter.expire(realtime_ns(), &mut |_| ());
            }
            if ticks.shared.is_abandoned() {
                return Err("the sender has given up".to_owned());
            }
        }
    }
    let ends = sockets.iter().map(SocketEnd::of).collect::<Result<_, _>>()?;
    let counters = ticks.counted(syscalls);
    arbiter.finish(&mut |_| ());
    Ok(ticks.end(&arbiter, counters, ends))
}
