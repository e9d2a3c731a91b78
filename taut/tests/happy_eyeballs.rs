//! Connecting to one of several addresses: who is tried when, who wins, and what the losers leave.

mod common;

use std::cell::RefCell;
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream as StdStream};
use std::rc::Rc;
use std::time::Duration;

use common::tasks::FOREVER;
use common::whole_process::{self, alone};
use common::{listen, nobody, on_each_driver, poll_then_drop, until};
use taut::net::{ConnectError, Connector, Resolver, TcpListener, TcpSocket, TcpStream};
use taut::{counters, is_cancelled, spawn};

/// Runs a body that leaves as many descriptors as it found.
fn leaves_none(body: impl AsyncFn()) {
    let _alone = alone();
    on_each_driver(|builder| whole_process::leaves_none(builder, &body));
}

/// A listener whose queue is full, so that the kernel answers nobody; with what fills it.
fn silent(at: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr, Vec<StdStream>)> {
    let socket = TcpSocket::for_address(at)?;
    socket.bind(at)?;
    let listener = socket.listen(0)?;
    let address = listener.local_addr()?;
    let mut queued = Vec::new();
    while let Ok(stream) = StdStream::connect_timeout(&address, Duration::from_millis(100)) {
        queued.push(stream);
    }
    Ok((listener, address, queued))
}

fn loopback(v6: bool) -> SocketAddr {
    let ip: IpAddr = if v6 { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
    SocketAddr::new(ip, 0)
}

/// A connector, and the addresses that it has tried, in order.
fn noting(connector: Connector) -> (Connector, Rc<RefCell<Vec<SocketAddr>>>) {
    let tried = Rc::new(RefCell::new(Vec::new()));
    let note = Rc::clone(&tried);
    let connector = connector.prepare(move |_, address| {
        note.borrow_mut().push(address);
        Ok(())
    });
    (connector, tried)
}

fn failures(error: &Error) -> &[(SocketAddr, Error)] {
    let inner: Option<&ConnectError> = error.get_ref().and_then(|inner| inner.downcast_ref());
    inner.expect("a ConnectError").failures()
}

const BRIEF: Duration = Duration::from_millis(10);

#[test]
fn a_dead_v6_address_first_costs_one_delay_and_leaves_nothing() {
    if std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return eprintln!("SKIPPED: no IPv6 loopback on this host");
    }
    leaves_none(async || {
        // Both at one port, since a name has one port for all of its addresses.
        let (listener, address, dead) = loop {
            let (listener, address) = listen();
            let v6 = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port());
            if let Ok(dead) = silent(v6) {
                break (listener, address, dead);
            }
        };
        let v6 = dead.1;
        let both = [v6.ip(), v6.ip(), address.ip()];
        let resolver = Resolver::builder().lookup(move |_| async move { Ok(both.to_vec()) });
        let connector = Connector::new().resolver(resolver.build()).attempt_delay(BRIEF);
        let (connector, tried) = noting(connector);
        let stream = connector.connect(("dual.example", address.port())).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        assert_eq!(*tried.borrow(), [v6, address], "the families take turns");
        drop((stream, listener, dead));
    });
}

#[test]
fn a_failure_starts_the_next_attempt_at_once() {
    leaves_none(async || {
        let (listener, address) = listen();
        let (_held, refused) = nobody();
        let (connector, tried) = noting(Connector::new().attempt_delay(Duration::from_secs(2)));
        let before = counters().timers_fired;
        let stream = connector.connect([refused, refused, address]).await.unwrap();
        assert_eq!(counters().timers_fired, before, "no delay has passed");
        assert_eq!(*tried.borrow(), [refused, refused, address]);
        assert_eq!(stream.peer_addr().unwrap(), address);
        drop(listener);
    });
}

#[test]
fn all_failures_are_told_with_their_addresses() {
    leaves_none(async || {
        let (_one, first) = nobody();
        let (_other, second) = nobody();
        let (connector, _) = noting(Connector::new());
        let unusable = SocketAddr::from((Ipv6Addr::LOCALHOST, 9));
        let connector = connector.bind(loopback(false));
        let error = connector.connect([unusable, first, second]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "what the peers said counts");
        let failures = failures(&error);
        let addresses: Vec<_> = failures.iter().map(|(address, _)| *address).collect();
        assert_eq!(addresses, [unusable, first, second]);
        assert_eq!(failures[0].1.kind(), ErrorKind::AddrNotAvailable);
        assert_eq!(failures[2].1.kind(), ErrorKind::ConnectionRefused);
        for (address, failure) in failures {
            assert!(error.to_string().contains(&format!("{address}: {failure}")), "{error}");
        }
    });
}

#[test]
fn one_address_alone_is_tried_without_a_race() {
    leaves_none(async || {
        let (_held, refused) = nobody();
        let error = TcpStream::connect([refused]).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED), "the kernel's own error");
        let connector = Connector::new().timeout(BRIEF);
        let (_listener, address, _queued) = silent(loopback(false)).unwrap();
        let error = connector.connect(address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    });
}

#[test]
fn when_the_time_is_up_every_address_says_how_far_it_came() {
    leaves_none(async || {
        let (_held, refused) = nobody();
        let (_one, first, _fill) = silent(loopback(false)).unwrap();
        let (_other, second, _its_fill) = silent(loopback(false)).unwrap();
        let connector = Connector::new().attempt_delay(Duration::from_secs(2)).timeout(BRIEF);
        let error = connector.connect([refused, first, second]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let failures = failures(&error);
        assert_eq!(failures[0].1.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(failures[1].0, first);
        assert!(failures[1].1.to_string().contains("no answer"), "{error}");
        assert_eq!(failures[2].0, second);
        assert!(failures[2].1.to_string().contains("before"), "{error}");
    });
}

#[test]
fn a_race_that_is_dropped_or_cancelled_closes_every_socket() {
    leaves_none(async || {
        let (_one, first, _fill) = silent(loopback(false)).unwrap();
        let (_other, second, _its_fill) = silent(loopback(false)).unwrap();
        let connector = Connector::new().attempt_delay(BRIEF);
        for turns_between in [0, 1, 2, 10, 1000] {
            poll_then_drop(connector.connect([first, second]), turns_between).await;
        }
        let (racing, tried) = noting(connector);
        let race = spawn(async move { racing.connect([first, second]).await.map(drop) });
        until(|| tried.borrow().len() == 2).await;
        race.cancel();
        assert!(is_cancelled(&race.await.unwrap().unwrap_err()));
    });
}

#[test]
fn the_hook_and_the_local_address_come_before_the_connection() {
    leaves_none(async || {
        let (listener, address) = listen();
        let (holder, local) = nobody();
        drop(holder);
        let connector = Connector::new().bind(local).prepare(|socket, _| {
            socket.set_reuse_address(true)?;
            socket.set_nodelay(false)
        });
        let stream = connector.connect(address).await.unwrap();
        assert_eq!(stream.local_addr().unwrap(), local);
        assert!(!stream.nodelay().unwrap());
        let refusing = Connector::new().prepare(|_, _| Err(Error::other("not today")));
        let error = refusing.connect(address).await.unwrap_err();
        assert!(error.to_string().contains("not today"), "{error}");
        drop(listener);
    });
}

#[test]
fn a_delay_that_the_standard_does_not_allow_is_refused() {
    leaves_none(async || {
        let (_held, refused) = nobody();
        for delay in [Duration::ZERO, Duration::from_millis(9), FOREVER] {
            let connector = Connector::new().attempt_delay(delay);
            let error = connector.connect([refused, refused]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("attempt_delay"), "{error}");
        }
    });
}
