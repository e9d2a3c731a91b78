//! Connecting to one of several addresses (RFC 8305, *Happy Eyeballs*).
//!
//! Attempts begin one after the other: the next one when the delay has passed, or at once when one
//! has failed. Earlier ones go on meanwhile. The first that connects wins; dropping the others
//! cancels them and closes their sockets. Costs one timer, and one allocation an attempt.

use std::collections::VecDeque;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use taut_runtime::is_cancelled;
use taut_runtime::time::{Instant, Sleep, sleep};

use super::families::interleave;
use crate::{Connector, TcpStream};

type Attempt<'a> = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + 'a>>;

/// See the module's documentation.
pub(super) struct Attempts<'a> {
    connector: &'a Connector,
    delay: Duration,
    to_come: VecDeque<SocketAddr>,
    under_way: Vec<(SocketAddr, Attempt<'a>)>,
    failures: Vec<(SocketAddr, io::Error)>,
    next: Sleep,
    /// The next one need not wait for its time.
    due: bool,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(
        connector: &'a Connector,
        addresses: Vec<SocketAddr>,
        delay: Duration,
    ) -> Self {
        Self {
            connector,
            delay,
            to_come: interleave(addresses).into(),
            under_way: Vec::new(),
            failures: Vec::new(),
            next: sleep(delay),
            due: true,
        }
    }

    /// The error for when the time is up.
    pub(super) fn out_of_time(mut self) -> ConnectError {
        let silent = self.under_way.drain(..).map(|(address, _)| (address, "no answer in time"));
        let untried = self.to_come.drain(..).map(|address| (address, "the time was up before"));
        let late = |(address, what)| (address, io::Error::new(io::ErrorKind::TimedOut, what));
        self.failures.extend(silent.chain(untried).map(late));
        ConnectError { failures: self.failures, kind: io::ErrorKind::TimedOut }
    }

    /// Polls what is under way: the winner, or a cancel; else whether one has failed.
    fn poll_under_way(&mut self, context: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let mut index = 0;
        while let Some((address, attempt)) = self.under_way.get_mut(index) {
            match attempt.as_mut().poll(context) {
                Poll::Pending => index += 1,
                Poll::Ready(Err(error)) if !is_cancelled(&error) => {
                    self.failures.push((*address, error));
                    drop(self.under_way.remove(index));
                    self.due = true;
                }
                decided => return decided,
            }
        }
        Poll::Pending
    }

    /// Begins the next attempt, if there is one and it is time for it.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.due {
            std::task::ready!(Pin::new(&mut self.next).poll(context))?;
        }
        if let Some(address) = self.to_come.pop_front() {
            self.under_way.push((address, Box::pin(self.connector.attempt(address))));
            self.next.reset(Instant::now() + self.delay);
            self.due = false;
        }
        Poll::Ready(Ok(()))
    }
}

impl Future for Attempts<'_> {
    type Output = io::Result<TcpStream>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let Poll::Ready(decided) = self.poll_under_way(context) {
                return Poll::Ready(decided);
            }
            if self.to_come.is_empty() {
                if !self.under_way.is_empty() {
                    return Poll::Pending;
                }
                let failures = std::mem::take(&mut self.failures);
                return Poll::Ready(Err(ConnectError::new(failures).into()));
            }
            std::task::ready!(self.poll_next(context))?;
        }
    }
}

/// No connection to any of several addresses: each with its own failure, in the order in which they
/// failed.
///
/// Found inside of the [`io::Error`] of a connect, by [`io::Error::get_ref`]. That one's kind is of
/// the most telling failure: an answer of the peer's before silence, silence before what this host
/// could not do; `TimedOut` where the [time for it all](crate::Connector::timeout) was up.
#[derive(Debug)]
pub struct ConnectError {
    failures: Vec<(SocketAddr, io::Error)>,
    kind: io::ErrorKind,
}

impl ConnectError {
    fn new(failures: Vec<(SocketAddr, io::Error)>) -> Self {
        let kinds = failures.iter().map(|(_, error)| error.kind());
        // `max_by_key` would give the last of equal ones.
        let telling =
            kinds.reduce(|best, kind| if tells(kind) > tells(best) { kind } else { best });
        Self { failures, kind: telling.unwrap_or(io::ErrorKind::NotFound) }
    }

    /// Every address that was tried, and what came of it.
    pub fn failures(&self) -> &[(SocketAddr, io::Error)] {
        &self.failures
    }
}

/// How much a failure tells of the other side.
fn tells(kind: io::ErrorKind) -> u8 {
    use io::ErrorKind as Kind;
    match kind {
        Kind::ConnectionRefused | Kind::ConnectionReset | Kind::ConnectionAborted => 4,
        Kind::TimedOut => 3,
        Kind::HostUnreachable => 2,
        // This host has no way to that family.
        Kind::NetworkUnreachable | Kind::AddrNotAvailable | Kind::Unsupported => 0,
        _ => 1,
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no connection to any of {} addresses", self.failures.len())?;
        for (index, (address, error)) in self.failures.iter().enumerate() {
            write!(f, "{} {address}: {error}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

/// The source is the first failure of the most telling kind.
impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let mut errors = self.failures.iter().map(|(_, error)| error);
        errors.find(|error| error.kind() == self.kind).map(|error| error as _)
    }
}

impl From<ConnectError> for io::Error {
    fn from(error: ConnectError) -> Self {
        Self::new(error.kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(codes: &[i32]) -> io::Error {
        let address = |index| SocketAddr::from(([192, 0, 2, index as u8], 80));
        let failure =
            |(index, code): (usize, &i32)| (address(index), io::Error::from_raw_os_error(*code));
        ConnectError::new(codes.iter().enumerate().map(failure).collect()).into()
    }

    #[test]
    fn the_most_telling_failure_gives_the_kind_and_all_are_listed() {
        use rustix::io::Errno;

        let [refused, unreachable, silent, no_family, no_descriptor] = [
            Errno::CONNREFUSED,
            Errno::NETUNREACH,
            Errno::TIMEDOUT,
            Errno::AFNOSUPPORT,
            Errno::MFILE,
        ]
        .map(Errno::raw_os_error);
        let kind = |codes: &[i32]| error_of(codes).kind();
        assert_eq!(kind(&[unreachable, refused, silent]), io::ErrorKind::ConnectionRefused);
        assert_eq!(kind(&[unreachable, silent, no_family]), io::ErrorKind::TimedOut);
        let mfile = io::Error::from_raw_os_error(no_descriptor).kind();
        assert_eq!(kind(&[unreachable, no_descriptor]), mfile);
        let error = error_of(&[unreachable, refused]);
        let text = error.to_string();
        assert!(text.contains("192.0.2.0:80: Network is unreachable"), "{text}");
        assert!(text.contains("192.0.2.1:80: Connection refused"), "{text}");
        let inner = error.get_ref().unwrap().downcast_ref::<ConnectError>().unwrap();
        assert_eq!(inner.failures().len(), 2);
        let source = inner.source().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(source.raw_os_error(), Some(refused));
    }
}
