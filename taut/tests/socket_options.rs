//! Options of every IP socket: set, read back, and refused with a reason.

mod common;

use std::io::ErrorKind;
use std::time::Duration;

use common::{block_on, connected_pair, listen, on_each_driver};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use taut::net::TcpSocket;

/// Whether this process may do what only an administrator of the network may.
fn privileged() -> bool {
    let privileged = capabilities(None).unwrap().effective.contains(CapabilitySet::NET_ADMIN);
    if !privileged {
        eprintln!("SKIPPED in part: needs CAP_NET_ADMIN");
    }
    privileged
}

/// Runs on a thread that has no capability: they belong to threads, so no other one loses any.
fn without_capabilities(body: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut sets = capabilities(None).unwrap();
            sets.effective = CapabilitySet::empty();
            set_capabilities(None, sets).unwrap();
            body();
        });
    });
}

#[test]
fn what_needs_no_privilege_is_read_back_on_sockets_streams_and_listeners() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, _) = listen();
            let (client, _server) = connected_pair().await;
            let socket = TcpSocket::new_v4().unwrap();
            macro_rules! check {
                ($of:expr) => {
                    $of.set_tos(0x48).unwrap();
                    assert_eq!($of.tos().unwrap(), 0x48);
                    assert_ne!($of.priority().unwrap(), 6, "what follows changes it");
                    $of.set_priority(6).unwrap();
                    assert_eq!($of.priority().unwrap(), 6);
                    $of.set_incoming_cpu(1).unwrap();
                    assert_eq!($of.incoming_cpu().unwrap(), Some(1));
                    assert_eq!($of.device().unwrap(), None);
                    assert_eq!($of.mark().unwrap(), 0);
                    assert_eq!($of.incoming_napi_id().unwrap(), None, "loopback has no queues");
                };
            }
            check!(socket);
            check!(client);
            check!(listener);
            assert_eq!(socket.set_priority(u32::MAX).unwrap_err().kind(), ErrorKind::InvalidInput);
        });
    });
}

#[test]
fn the_type_of_service_of_an_ipv6_socket_is_read_back_without_the_bits_that_tcp_keeps() {
    let socket = TcpSocket::new_v6().unwrap();
    socket.set_tos(0xff).unwrap();
    assert_eq!(socket.tos().unwrap(), 0xfc);
}

#[test]
fn a_buffer_tells_what_was_granted_of_it() {
    const BYTES: usize = 100_000;

    let limit = |name: &str| -> usize {
        let text = std::fs::read_to_string(format!("/proc/sys/net/core/{name}")).unwrap();
        text.trim().parse().unwrap()
    };
    let socket = TcpSocket::new_v4().unwrap();
    assert_eq!(socket.set_recv_buffer_size(BYTES).unwrap(), BYTES);
    assert_eq!(socket.recv_buffer_size().unwrap(), 2 * BYTES);
    assert_eq!(socket.set_send_buffer_size(BYTES).unwrap(), BYTES);
    assert_eq!(socket.send_buffer_size().unwrap(), 2 * BYTES);

    let (recv_limit, send_limit) = (limit("rmem_max"), limit("wmem_max"));
    for beyond in [4 << 30, usize::MAX] {
        assert_eq!(socket.set_recv_buffer_size(beyond).unwrap(), recv_limit);
        assert_eq!(socket.set_send_buffer_size(beyond).unwrap(), send_limit);
    }
    if privileged() {
        let beyond = recv_limit + 10_000;
        assert_eq!(socket.force_recv_buffer_size(beyond).unwrap(), beyond);
        let beyond = send_limit + 10_000;
        assert_eq!(socket.force_send_buffer_size(beyond).unwrap(), beyond);
    }
}

#[test]
fn what_needs_privilege_is_read_back_where_there_is_one() {
    if !privileged() {
        return;
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_mark(u32::MAX).unwrap();
    assert_eq!(socket.mark().unwrap(), u32::MAX);
    socket.set_priority(7).unwrap();
    assert_eq!(socket.priority().unwrap(), 7);
    socket.set_busy_poll(Duration::from_nanos(49_001)).unwrap();
    assert_eq!(socket.busy_poll().unwrap(), Duration::from_micros(50), "rounded up");
    socket.set_prefer_busy_poll(true).unwrap();
    assert!(socket.prefer_busy_poll().unwrap());
    socket.set_prefer_busy_poll(false).unwrap();
    assert!(!socket.prefer_busy_poll().unwrap());
    socket.set_busy_poll_budget(64).unwrap();
    for too_much in [1 << 16, u32::MAX] {
        let error = socket.set_busy_poll_budget(too_much).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let error = socket.set_busy_poll(Duration::MAX).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    socket.bind_device(Some("lo")).unwrap();
    assert_eq!(socket.device().unwrap().as_deref(), Some("lo"));
    socket.bind_device(None).unwrap();
    assert_eq!(socket.device().unwrap(), None);
}

#[test]
fn what_is_refused_without_privilege_names_the_option_and_what_it_needs() {
    without_capabilities(|| {
        let socket = TcpSocket::new_v4().unwrap();
        let refused = [
            (socket.set_mark(1), "SO_MARK", "CAP_NET_ADMIN"),
            (socket.set_priority(7), "SO_PRIORITY", "CAP_NET_RAW"),
            (socket.force_recv_buffer_size(1 << 20).map(drop), "SO_RCVBUFFORCE", "CAP_NET_ADMIN"),
            (socket.force_send_buffer_size(1 << 20).map(drop), "SO_SNDBUFFORCE", "CAP_NET_ADMIN"),
            (socket.set_prefer_busy_poll(true), "SO_PREFER_BUSY_POLL", "CAP_NET_ADMIN"),
            (socket.set_busy_poll_budget(1000), "SO_BUSY_POLL_BUDGET", "CAP_NET_ADMIN"),
        ];
        for (result, option, needs) in refused {
            let error = result.expect_err(option);
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
            let text = error.to_string();
            assert!(text.contains(option) && text.contains(needs), "{text}");
        }
        assert_eq!((socket.mark().unwrap(), socket.priority().unwrap()), (0, 0));
        // Kernels differ in whether they ask for a privilege here.
        match socket.set_busy_poll(Duration::from_secs(1)) {
            Ok(()) => assert_eq!(socket.busy_poll().unwrap(), Duration::from_secs(1)),
            Err(error) => assert!(error.to_string().contains("SO_BUSY_POLL"), "{error}"),
        }

        // The first interface may be anyone's choice; to change it needs a privilege.
        socket.bind_device(Some("lo")).unwrap();
        let error = socket.bind_device(None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("CAP_NET_RAW"), "{error}");
    });
}

#[test]
fn an_interface_that_does_not_exist_is_named() {
    let socket = TcpSocket::new_v4().unwrap();
    let error = socket.bind_device(Some("nosuch0")).unwrap_err();
    assert!(error.to_string().contains("there is no interface nosuch0"), "{error}");
    assert_eq!(socket.device().unwrap(), None);
}
