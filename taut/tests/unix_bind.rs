//! Names of Unix sockets: who holds one, what a process that was killed leaves, and who may
//! connect.

mod common;

use std::io::{ErrorKind, Result};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use common::directory::Directory;
use common::{block_on, on_each_driver};
use taut::net::{UnixBind, UnixDatagram, UnixListener, UnixSeqpacketListener, UnixStream};

/// A socket file that a process left which was killed.
fn leave_stale(path: &Path) {
    drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    assert!(path.exists(), "the standard library leaves it");
}

/// The error's words, for an address in use.
fn in_use<T: std::fmt::Debug>(bound: Result<T>) -> String {
    let error = bound.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    error.to_string()
}

#[test]
fn an_address_in_use_says_who_holds_it() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let directory = Directory::new();
            let path = directory.join("s");
            let listener = UnixListener::bind(&path).unwrap();
            let again = UnixBind::new(&path).unwrap().replace_stale(true);
            for said in [
                in_use(UnixListener::bind(&path)),
                in_use(UnixSeqpacketListener::bind(&path)),
                in_use(again.listen()),
                in_use(again.datagram()),
            ] {
                assert!(said.contains("in use: stop"), "{said}");
            }
            drop(listener);
            let datagrams = UnixDatagram::bind(&path).unwrap();
            assert!(in_use(again.datagram()).contains("in use: stop"));
            drop(datagrams);
            std::fs::write(&path, "notes").unwrap();
            assert!(in_use(again.listen()).contains("is no socket"));
            assert_eq!(std::fs::read(&path).unwrap(), b"notes", "it is left alone");

            let name = format!("taut-in-use-{}", std::process::id());
            let name = SocketAddr::from_abstract_name(name).unwrap();
            let listener = UnixListener::bind(&name).unwrap();
            assert!(in_use(UnixListener::bind(&name)).contains("abstract name taut-in-use"));
            drop(listener);
            UnixListener::bind(&name).unwrap();
        });
    });
}

#[test]
fn a_stale_socket_is_told_and_replaced_where_that_is_asked_for() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let directory = Directory::new();
            let path = directory.join("s");
            leave_stale(&path);
            let bind = UnixBind::new(&path).unwrap();
            for said in
                [in_use(bind.listen()), in_use(bind.listen_seqpacket()), in_use(bind.datagram())]
            {
                assert!(said.contains("nobody listens on"), "{said}");
                assert!(said.contains("replace_stale"), "{said}");
            }
            let bind = bind.replace_stale(true);
            let listener = bind.listen().unwrap();
            let mut client = UnixStream::connect(&path).await.unwrap();
            client.write_all(b"new").await.unwrap();
            assert_eq!(&listener.accept().await.unwrap().recv().await.unwrap()[..], b"new");
            drop(listener);
            leave_stale(&path);
            drop(bind.listen_seqpacket().unwrap());
            leave_stale(&path);
            drop(bind.datagram().unwrap());
            assert!(!path.exists());
        });
    });
}

#[test]
fn dropping_a_listener_removes_its_own_file_and_no_other() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let directory = Directory::new();
            let path = directory.join("s");
            drop(UnixListener::bind(&path).unwrap());
            drop(UnixDatagram::bind(&path).unwrap());
            assert!(!path.exists());

            let first = UnixListener::bind(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            let second = UnixListener::bind(&path).unwrap();
            drop(first);
            UnixStream::connect(&path).await.expect("the second one is still found");
            drop(second);

            let bind = UnixBind::new(&path).unwrap().unlink_on_drop(false);
            drop(bind.listen().unwrap());
            assert!(path.exists());
            let mut kept = bind.replace_stale(true).unlink_on_drop(true).listen().unwrap();
            kept.keep_path();
            drop(kept);
            assert!(path.exists());
            std::fs::remove_file(&path).unwrap();

            // Neither a directory that is gone nor a path that is nobody's matters.
            let elsewhere = Directory::new();
            let listener = UnixListener::bind(elsewhere.join("s")).unwrap();
            drop(elsewhere);
            drop(listener);
        });
    });
}

#[test]
fn the_mode_holds_whatever_the_mask() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let directory = Directory::new();
            let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
            // The mask is the whole process's, but the other tests don't look at modes.
            let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
            for wanted in [0o600, 0o660, 0o777, 0o000] {
                let path = directory.join(format!("{wanted:o}"));
                let bind = UnixBind::new(&path).unwrap().mode(wanted);
                let listener = bind.listen().unwrap();
                assert_eq!(mode(&path), wanted);
                drop(listener);
                let _datagrams = bind.datagram().unwrap();
                assert_eq!(mode(&path), wanted);
            }
            let path = directory.join("default");
            let _listener = UnixListener::bind(&path).unwrap();
            assert_eq!(mode(&path), 0o700);
            rustix::process::umask(before);
            let name = SocketAddr::from_abstract_name("taut-mode").unwrap();
            let error = UnixBind::new(name).unwrap().mode(0o600).listen().unwrap_err();
            assert!(error.to_string().contains("no permissions"), "{error}");
        });
    });
}

#[test]
fn a_directory_that_is_not_there_or_not_ours_is_an_error_with_the_path() {
    let directory = Directory::new();
    let (closed, missing) = (directory.join("closed"), directory.join("missing/s"));
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o500)).unwrap();
    std::fs::set_permissions(&*directory, std::fs::Permissions::from_mode(0o755)).unwrap();
    on_each_driver(|builder| {
        let (closed, missing) = (closed.clone(), missing.clone());
        // A thread of its own, which stops being root if it is.
        let body = move || {
            block_on(builder, async {
                let error = UnixListener::bind(&missing).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound);
                assert!(error.to_string().contains("missing/s"), "{error}");
                if rustix::process::geteuid().is_root() {
                    let nobody = rustix::process::Uid::from_raw(65534);
                    rustix::thread::set_thread_uid(nobody).unwrap();
                }
                let error = UnixListener::bind(closed.join("s")).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::PermissionDenied);
                assert!(error.to_string().contains("closed/s"), "{error}");
            });
        };
        std::thread::spawn(body).join().unwrap();
    });
}

#[test]
fn a_path_that_is_too_long_says_how_long_it_may_be() {
    for error in [
        UnixBind::new("/tmp/".to_owned() + &"x".repeat(103)).unwrap_err(),
        UnixBind::new(Path::new(&"x".repeat(5000))).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("at most 107"), "{error}");
    }
    assert!(UnixBind::new("").is_err());
}
