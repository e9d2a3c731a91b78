//! The same on the runtime: a task that receives.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use taut::net::feed::{ArbitratedFeed, mold_udp64};
use taut::net::{Interface, UdpSocket};
use taut::time::timeout;

use super::bursts::{Bursts, Ear, Heard};
use super::listener::{Ready, SocketEnd};
use super::replay::Lines;
use super::ticks::{Ticks, Told, feed_options};
use crate::sys::stamp_received;

/// A slice that takes longer hangs.
const SLICE_LONGEST: Duration = Duration::from_secs(300);

fn failed(error: io::Error) -> String {
    format!("the receiver's socket failed: {error}")
}

/// Runs a task to its end. The limit is another one's, so that it costs the task nothing.
fn run<T: 'static>(
    runtime: taut::Builder,
    task: impl Future<Output = Result<T, String>> + 'static,
) -> Result<T, String> {
    let runtime = runtime.build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let task = taut::spawn(task);
        let ended = timeout(SLICE_LONGEST, task).await;
        ended.map_err(|error| format!("the receiver hangs: {error}"))?.map_err(|e| e.to_string())?
    })
}

fn joined(
    groups: &[Ipv4Addr],
    interface: Interface,
    hot: bool,
) -> Result<(UdpSocket, u16), String> {
    let mut socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0).into()).map_err(failed)?;
    groups.iter().try_for_each(|&group| socket.join(group.into(), interface)).map_err(failed)?;
    socket.set_hot(hot);
    let port = socket.local_addr().map_err(failed)?.port();
    Ok((socket, port))
}

/// One socket, joined to all groups.
pub(super) fn bursts(
    bursts: &Bursts,
    runtime: taut::Builder,
    hot: bool,
    mut ear: Ear,
    ready: Ready,
) -> Result<Heard, String> {
    let (groups, interface) = (bursts.group_addresses(), bursts.route.joined_interface()?);
    run(runtime, async move {
        let (mut socket, port) = joined(&groups, interface, hot)?;
        ready(vec![port]);
        loop {
            let datagram = socket.recv().await.map_err(failed)?;
            if ear.take(&datagram, || taut::counters().syscalls) {
                return Ok(ear.end(taut::counters().syscalls, SocketEnd::of(&socket)?));
            }
        }
    })
}

/// Two sockets, and the feed out of them.
pub(super) fn lines(
    lines: &Lines,
    runtime: taut::Builder,
    hot: bool,
    mut ticks: Ticks,
    ready: Ready,
) -> Result<Told, String> {
    let (groups, interface) = (lines.groups(), lines.route.joined_interface()?);
    run(runtime, async move {
        let (mut sockets, mut ports) = (Vec::new(), Vec::new());
        for group in groups {
            let (socket, port) = joined(&[group], interface, hot)?;
            stamp_received(&socket).map_err(failed)?;
            sockets.push(socket);
            ports.push(port);
        }
        let count = sockets.len();
        let mut feed = ArbitratedFeed::new(sockets, feed_options(), mold_udp64);
        ready(ports);
        while !ticks.has_ended() {
            let event = feed.next_event().await.map_err(|error| error.to_string())?;
            ticks.take(
                &event,
                |packet| packet.timestamps().software_ns,
                || taut::counters().syscalls,
            );
        }
        let counters = ticks.counted(taut::counters().syscalls);
        let ends =
            (0..count).map(|line| SocketEnd::of(feed.line(line))).collect::<Result<_, _>>()?;
        feed.finish();
        Ok(ticks.end(feed.arbiter(), counters, ends))
    })
}
