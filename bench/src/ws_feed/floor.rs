//! The floor of `ws-feed`: `recv` in a loop, and of each frame its length.

use std::net::SocketAddr;

use rustix::io::Errno;
use taut::ws::Role;
use taut::ws::wire::FrameHeader;

use super::handler::{GO, Handler};
use super::{Client, now_ns, unexpected};
use crate::client::channel::Channel;
use crate::client::messages::upgrade;
use crate::client::{Patience, broken, connect_one};
use crate::transport::Address;
use crate::ws::masked_text;

const BUFFER_BYTES: usize = 128 << 10;

pub(super) fn client(venue: SocketAddr) -> Result<Client, String> {
    let mut channel = Channel::from(connect_one(&Address::Ip(venue))?);
    upgrade(&mut channel, false)?;
    let go = masked_text(GO);
    let mut buffer = vec![0; BUFFER_BYTES];
    Ok(Box::new(move |handler, _| {
        channel.send(&go).map_err(|error| broken("send", error))?;
        let (mut filled, mut patience) = (0, Patience::default());
        while !handler.is_done() {
            match channel.receive(&mut buffer[filled..]) {
                Ok(0) => return Err("the venue closed the connection".to_owned()),
                Ok(count) => filled += count,
                Err(Errno::AGAIN | Errno::INTR) => {
                    patience.nothing_came(|| "the next message".to_owned())?;
                    continue;
                }
                Err(error) => return Err(broken("recv", error)),
            }
            patience = Patience::default();
            let used = handle(&buffer[..filled], handler)?;
            buffer.copy_within(used..filled, 0);
            filled -= used;
        }
        Ok(())
    }))
}

/// Shows all whole messages to the handler; how many bytes they were.
#[inline]
fn handle(received: &[u8], handler: &mut Handler) -> Result<usize, String> {
    let mut used = 0;
    loop {
        let rest = &received[used..];
        let header = FrameHeader::read(rest, Role::Client, false);
        let Some((header, header_bytes)) = header.map_err(|violation| violation.to_string())?
        else {
            return Ok(used);
        };
        let end = header_bytes + header.payload_bytes as usize;
        let Some(text) = rest.get(header_bytes..end) else { return Ok(used) };
        if !handler.handle(text, now_ns()) {
            return Err(unexpected(text));
        }
        used += end;
    }
}
