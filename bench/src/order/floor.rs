//! The floor: one `send`, and `recv` in a loop until the answer is there.
//!
//! Two system calls an order and one for each empty poll; nothing is read of the answer, which is
//! compared with the bytes that it has to be.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::alone::Alone;
use super::text::Text;
use super::{Client, Venue, timed, whole_answer, whole_request};
use crate::client::{Patience, broken, connect_one};
use crate::transport::Address;
use crate::work::floor::drive;

/// A connection, and the bytes of both directions.
struct Floor {
    stream: OwnedFd,
    request: Text,
    expected: Vec<u8>,
    answer: Vec<u8>,
    sent: u64,
    syscalls: Rc<Cell<u64>>,
    /// What it does beside, if it shows what ciphers cost.
    alone: Option<Alone>,
}

pub(super) fn client(venue: &Venue, alone: Option<Alone>) -> Result<Client, String> {
    let expected = whole_answer();
    let syscalls = Rc::new(Cell::new(0));
    let mut floor = Floor {
        stream: connect_one(&Address::Ip(venue.address))?,
        request: whole_request(venue),
        // A byte behind the answer must not go unseen.
        answer: vec![0; expected.len() + 1],
        expected,
        sent: 0,
        syscalls: Rc::clone(&syscalls),
        alone,
    };
    Ok(Box::new(move |asked, tally| {
        drive(timed(asked, tally, || syscalls.get(), async || floor.order()))
    }))
}

impl Floor {
    #[inline(always)]
    fn order(&mut self) -> Result<(), String> {
        self.sent += 1;
        self.request.set(self.sent);
        let bytes = self.request.bytes();
        if let Some(alone) = &mut self.alone {
            alone.seal(bytes)?;
        }
        let mut syscalls = 1;
        match send(&self.stream, bytes, SendFlags::NOSIGNAL) {
            Ok(count) if count == bytes.len() => {}
            Ok(_) => return Err("an order did not fit into an empty connection".to_owned()),
            Err(error) => return Err(broken("send", error)),
        }
        let (mut received, mut patience) = (0, Patience::default());
        while received < self.expected.len() {
            syscalls += 1;
            match recv(&self.stream, &mut self.answer[received..], RecvFlags::empty()) {
                Ok((0, _)) => return Err("the venue closed the connection".to_owned()),
                Ok((count, _)) => received += count,
                Err(Errno::AGAIN | Errno::INTR) => {
                    patience.nothing_came(|| format!("the answer to order {}", self.sent))?;
                }
                Err(error) => return Err(broken("recv", error)),
            }
        }
        self.syscalls.set(self.syscalls.get() + syscalls);
        if let Some(alone) = &mut self.alone {
            alone.open()?;
        }
        match self.answer[..received] == self.expected {
            true => Ok(()),
            false => Err(format!("the answer to order {} is wrong", self.sent)),
        }
    }
}
