//! Descriptors that are passed: they arrive, as many as asked for, and none is ever left open,
//! whatever is dropped, cut or refused on the way.

mod common;

use std::fs::File;
use std::io::ErrorKind::{self, Unsupported};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::pin;

use common::raw_option::set_raw_option;
use common::whole_process::alone;
use common::{block_on, on_each_driver, open_descriptors, poll_then_drop, turns};
use futures_util::poll;
use rustix::io::{FdFlags, fcntl_getfd};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use taut::net::{FDS_MAX, UnixDatagram, UnixFdStream, UnixSeqpacket, UnixStream};
use taut::{is_cancelled, spawn};

/// Runs a body on each driver, with a file to pass. Alone, since it counts descriptors.
fn passing_a_file(body: impl AsyncFn(&File)) {
    let _alone = alone();
    on_each_driver(|builder| block_on(builder, body(&null())));
}

fn null() -> File {
    File::open("/dev/null").unwrap()
}

/// Whether it is a descriptor of the same file, closed on exec.
fn is_copy(passed: &OwnedFd, of: BorrowedFd<'_>) -> bool {
    let (one, other) = (rustix::fs::fstat(passed).unwrap(), rustix::fs::fstat(of).unwrap());
    let same = (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino);
    same && fcntl_getfd(passed).unwrap().contains(FdFlags::CLOEXEC)
}

#[test]
fn descriptors_arrive_with_the_bytes_that_carry_them() {
    passing_a_file(async |file| {
        let before = open_descriptors();
        let (mut one, mut other) = UnixFdStream::pair().unwrap();
        for count in [1, 3, FDS_MAX] {
            one.write_all(b"before").await.unwrap();
            one.send_with_fds(b"with", &vec![file.as_fd(); count]).await.unwrap();
            one.write_all(b"after").await.unwrap();
            let (mut bytes, mut fds) = (Vec::new(), Vec::new());
            while bytes.len() < 15 {
                let message = other.recv_with_fds(FDS_MAX).await.unwrap();
                bytes.extend_from_slice(&message.bytes);
                assert!(message.fds.is_empty() || bytes.len() == 10, "with their bytes");
                fds.extend(message.fds);
            }
            assert_eq!(bytes, b"beforewithafter");
            assert_eq!(fds.len(), count);
            assert!(fds.iter().all(|fd| is_copy(fd, file.as_fd())));
        }
        // More than the socket's buffer: the descriptors come once, at the beginning.
        let large = vec![7; 1 << 20];
        let sending = spawn(async move {
            one.send_with_fds(&large, &[null().as_fd()]).await.unwrap();
        });
        let (mut count, mut fds) = (0, 0);
        let mut to = vec![0; 300_000];
        loop {
            let message = other.read_with_fds(&mut to, 1).await.unwrap();
            assert!(!message.is_truncated() && message.bytes.iter().all(|byte| *byte == 7));
            assert_eq!(message.fds.len(), usize::from(count == 0));
            fds += message.fds.len();
            count += message.bytes.len();
            if message.bytes.is_empty() {
                break;
            }
        }
        sending.await.unwrap();
        drop(other);
        assert_eq!((count, fds, open_descriptors()), (1 << 20, 1, before));
    });
}

#[test]
fn datagrams_and_seqpackets_carry_them_also_without_bytes() {
    passing_a_file(async |file| {
        let before = open_descriptors();
        let fds = [file.as_fd(), file.as_fd()];
        let (one, other) = UnixDatagram::pair().unwrap();
        one.send_with_fds(b"", &fds).await.unwrap();
        let message = other.recv_with_fds(2).await.unwrap();
        assert_eq!((message.length, message.fds.len()), (0, 2));
        assert!(is_copy(&message.fds[1], file.as_fd()));
        let (mut one, mut other) = UnixSeqpacket::pair().unwrap();
        one.send_with_fds(b"", &fds).await.unwrap();
        drop(one);
        let message = other.recv_with_fds(2).await.unwrap().expect("it is not the end");
        assert_eq!((message.length, message.fds.len()), (0, 2));
        assert!(other.recv_with_fds(2).await.unwrap().is_none());
        drop((message, other));
        turns(2).await;
        assert_eq!(open_descriptors(), before + 4, "those of the datagrams are held");
    });
}

#[test]
fn a_receive_without_room_says_so_and_closes_them_all() {
    passing_a_file(async |file| {
        let (mut stream, mut others_stream) = UnixFdStream::pair().unwrap();
        let (datagrams, others_datagrams) = UnixDatagram::pair().unwrap();
        let before = open_descriptors();
        for (sent, room) in [(2, 1), (1, 0), (FDS_MAX, 7)] {
            let fds = vec![file.as_fd(); sent];
            stream.send_with_fds(b"x", &fds).await.unwrap();
            datagrams.send_with_fds(b"x", &fds).await.unwrap();
            for error in [
                others_stream.recv_with_fds(room).await.unwrap_err(),
                others_datagrams.recv_with_fds(room).await.unwrap_err(),
            ] {
                let said = error.to_string();
                assert!(said.contains("ask for as many"), "{said}");
                assert!(said.contains(&format!("than the {room} ")), "{said}");
            }
            assert_eq!(open_descriptors(), before);
        }
        // Who asks for none gets the message, and the kernel closes them.
        datagrams.send_with_fds(b"x", &[file.as_fd()]).await.unwrap();
        assert_eq!(&others_datagrams.recv().await.unwrap().bytes[..], b"x");
        assert_eq!(open_descriptors(), before);
    });
}

#[test]
fn a_receive_without_free_descriptors_says_so_and_goes_on() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    passing_a_file(async |file| {
        let (datagrams, other) = UnixDatagram::pair().unwrap();
        let before = open_descriptors();
        datagrams.send_with_fds(b"x", &[file.as_fd(); 5]).await.unwrap();
        let limit = Rlimit { current: Some(before as u64 + 2), maximum };
        setrlimit(Resource::Nofile, limit).unwrap();
        let outcome = other.recv_with_fds(5).await;
        setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
        let said = outcome.unwrap_err().to_string();
        assert!(said.contains("EMFILE"), "{said}");
        assert_eq!(open_descriptors(), before);
        datagrams.send_with_fds(b"y", &[file.as_fd(); 5]).await.unwrap();
        assert_eq!(other.recv_with_fds(5).await.unwrap().fds.len(), 5);
    });
}

#[test]
fn every_descriptor_is_owned_that_comes_behind_credentials_or_before_a_pidfd() {
    let _turn = alone();
    on_each_driver(|builder| {
        block_on(builder, async {
            let (file, (one, other)) = (null(), UnixDatagram::pair().unwrap());
            let before = open_descriptors();
            for (credentials, pidfd) in [(true, false), (false, true), (true, true)] {
                if pidfd {
                    if other.peer_pidfd().is_err_and(|error| error.kind() == Unsupported) {
                        eprintln!("SKIPPED: no SO_PASSPIDFD here, which came with Linux 6.5");
                        continue;
                    }
                    // Which nothing here does: whoever has the socket may.
                    set_raw_option(&other, libc::SOL_SOCKET, libc::SO_PASSPIDFD, 1);
                }
                other.set_pass_credentials(credentials).unwrap();
                for (sent, room) in [(0, 1), (1, 8), (1, 1), (3, 3), (5, 8), (FDS_MAX, FDS_MAX)] {
                    one.send_with_fds(b"x", &vec![file.as_fd(); sent]).await.unwrap();
                    match other.recv_with_fds(room).await {
                        Ok(message) => {
                            assert_eq!(message.fds.len(), sent);
                            assert!(message.fds.iter().all(|fd| is_copy(fd, file.as_fd())));
                            assert_eq!(message.credentials.is_some(), credentials);
                        }
                        // Its pidfd had no room.
                        Err(error) => assert!(pidfd && sent > 0, "{sent} into {room}: {error}"),
                    }
                    assert_eq!(open_descriptors(), before, "{sent} into {room}");
                }
            }
        });
    });
}

#[test]
fn credentials_that_are_asked_for_while_a_receive_waits_leave_room_for_descriptors() {
    let _turn = alone();
    on_each_driver(|builder| {
        block_on(builder, async {
            let (file, (one, other)) = (null(), UnixDatagram::pair().unwrap());
            let mut receive = pin!(other.recv_with_fds(3));
            assert!(poll!(&mut receive).is_pending());
            other.set_pass_credentials(true).unwrap();
            one.send_with_fds(b"x", &[file.as_fd(); 3]).await.unwrap();
            let message = receive.await.unwrap();
            assert_eq!((message.fds.len(), message.credentials.is_some()), (3, true));
        });
    });
}

#[test]
fn dropped_receives_and_receivers_leave_no_descriptor() {
    passing_a_file(async |file| {
        let before = open_descriptors();
        let (mut one, mut other) = UnixFdStream::pair().unwrap();
        for turns_between in 0..4 {
            poll_then_drop(other.recv_with_fds(2), turns_between).await;
            one.send_with_fds(b"x", &[file.as_fd(); 2]).await.unwrap();
            {
                // Given up after the descriptors came and before they were taken.
                let mut receive = pin!(other.recv_with_fds(2));
                if turns_between % 2 == 1 {
                    drop(poll!(&mut receive));
                }
            }
            if turns_between % 2 == 0 {
                let message = other.recv_with_fds(2).await.unwrap();
                assert_eq!(message.fds.len(), 2, "the dropped ones took nothing");
            }
            turns(3).await;
            assert_eq!(open_descriptors(), before + 2);
        }
        let task = spawn(async move {
            let error = other.recv_with_fds(1).await.unwrap_err();
            (is_cancelled(&error), other)
        });
        turns(3).await;
        task.cancel();
        let (was_cancelled, other) = task.await.unwrap();
        assert!(was_cancelled);
        // Under way to a receiver that goes without having looked.
        one.send_with_fds(b"x", &[file.as_fd(); 200]).await.unwrap();
        drop(other);
        // A wait that was given up may hold the socket until the kernel has heard of it.
        turns(3).await;
        let error = one.send_with_fds(b"x", &[file.as_fd()]).await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
            "{error}"
        );
        drop(one);
        turns(3).await;
        assert_eq!(open_descriptors(), before);
    });
}

#[test]
fn a_stream_that_is_not_for_descriptors_closes_them_and_keeps_the_bytes() {
    passing_a_file(async |file| {
        let (mut one, other) = UnixFdStream::pair().unwrap();
        let before = open_descriptors();
        for hot in [false, true] {
            let (std_one, std_other) = std::os::unix::net::UnixStream::pair().unwrap();
            let mut passing = UnixFdStream::from_std(std_one).unwrap();
            let mut plain = UnixStream::from_std(std_other).unwrap();
            plain.set_hot(hot);
            for _ in 0..20 {
                passing.send_with_fds(b"bytes", &[file.as_fd(); 3]).await.unwrap();
                let mut bytes = [0; 5];
                plain.read_exact(&mut bytes).await.unwrap();
                assert_eq!(&bytes, b"bytes");
            }
        }
        turns(3).await;
        assert_eq!(open_descriptors(), before);
        // And one that was, from the moment on when it is not.
        one.send_with_fds(b"1", &[file.as_fd()]).await.unwrap();
        let mut other = other;
        assert_eq!(other.recv_with_fds(1).await.unwrap().fds.len(), 1);
        let mut stream = other.into_stream();
        one.send_with_fds(b"2", &[file.as_fd()]).await.unwrap();
        assert_eq!(&stream.recv().await.unwrap()[..], b"2");
        turns(3).await;
        assert_eq!(open_descriptors(), before);
    });
}

#[test]
fn what_no_message_can_carry_is_refused_before_it_is_sent() {
    passing_a_file(async |file| {
        let (mut one, mut other) = UnixFdStream::pair().unwrap();
        let (datagrams, _others) = UnixDatagram::pair().unwrap();
        let too_many = vec![file.as_fd(); FDS_MAX + 1];
        for error in [
            one.send_with_fds(b"x", &too_many).await.unwrap_err(),
            datagrams.send_with_fds(b"x", &too_many).await.unwrap_err(),
            datagrams.send_to_with_fds(b"x", &too_many, "s").await.unwrap_err(),
            one.send_with_fds(b"", &[file.as_fd()]).await.unwrap_err(),
            other.read_with_fds(&mut [], 1).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
        one.shutdown(std::net::Shutdown::Write).unwrap();
        let end = other.recv_with_fds(1).await.unwrap();
        assert!(end.bytes.is_empty(), "nothing was sent");
    });
}
