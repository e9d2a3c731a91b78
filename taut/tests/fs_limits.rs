//! Transfers that the kernel does in part: reads that come in pieces, writes that stop at a limit,
//! a full device. One test for the limit of the process, which no other must share.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};

use common::directory::Directory;
use common::{Random, block_on, on_each_driver};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use taut::fs::{File, OpenOptions, PathError};

const BYTES: usize = 4 << 20;

fn file_of(fd: impl Into<OwnedFd>) -> File {
    File::from_std(std::fs::File::from(fd.into())).unwrap()
}

#[test]
fn transfers_that_are_done_in_part_go_on_or_tell_why_not() {
    let before = getrlimit(Resource::Fsize);
    on_each_driver(|builder| {
        reads_in_pieces(builder.clone());
        writes_in_pieces(builder.clone());
        // From here on files end after a mebibyte and some bytes.
        // SAFETY: ignoring a signal runs no code of ours.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        let limit = Rlimit { current: Some((1 << 20) + 7), ..before };
        setrlimit(Resource::Fsize, limit).unwrap();
        writes_up_to_a_limit(builder.clone());
        setrlimit(Resource::Fsize, before).unwrap();
        a_full_device(builder);
    });
}

/// A pipe gives what is in it, never as much as is asked for here.
fn reads_in_pieces(builder: taut::Builder) {
    let bytes = Random::new(1).bytes(BYTES);
    let sent = bytes.clone();
    let (out, mut into) = std::io::pipe().unwrap();
    let writer = std::thread::spawn(move || {
        let mut random = Random::new(2);
        let mut rest = &sent[..];
        while !rest.is_empty() {
            let count = (1 + random.below(100_000)).min(rest.len());
            into.write_all(&rest[..count]).unwrap();
            rest = &rest[count..];
        }
    });
    block_on(builder, async {
        let mut file = file_of(out);
        let half = BYTES as u64 / 2;
        let (read, mut got) = file.read_exact_at(Vec::new(), 0..half).await;
        read.unwrap();
        let mut rest = vec![0; BYTES / 4];
        file.read_exact(&mut rest).await.unwrap();
        got.extend_from_slice(&rest);
        file.read_to_end(&mut got).await.unwrap();
        assert!(got == bytes);
    });
    writer.join().unwrap();
}

/// A pipe of one page takes a page at a time.
fn writes_in_pieces(builder: taut::Builder) {
    let bytes = Random::new(3).bytes(BYTES / 4);
    let (mut out, into) = std::io::pipe().unwrap();
    // SAFETY: a plain number is set on a descriptor that is open.
    let size = unsafe { libc::fcntl(into.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
    assert_eq!(size, 4096);
    let reader = std::thread::spawn(move || {
        let mut got = Vec::new();
        out.read_to_end(&mut got).unwrap();
        got
    });
    let sent = bytes.clone();
    block_on(builder, async move {
        let mut file = file_of(into);
        let (first, rest) = sent.split_at(100_000);
        file.write_all(first).await.unwrap();
        let (written, _) = file.write_all_at(rest.to_vec(), 0).await;
        written.unwrap();
        file.close().await.unwrap();
    });
    assert!(reader.join().unwrap() == bytes);
}

fn writes_up_to_a_limit(builder: taut::Builder) {
    let directory = Directory::new();
    let path = directory.join("file");
    let limit = (1 << 20) + 7;
    block_on(builder, async {
        let file = File::create(&path).await.unwrap();
        let (written, buffer) = file.write_all_at(vec![1; 2 << 20], 0).await;
        let error = written.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge, "{error}");
        assert_eq!(PathError::of(&error).unwrap().path(), path);
        assert_eq!(buffer.len(), 2 << 20);
        assert_eq!(std::fs::read(&path).unwrap(), vec![1; limit]);

        let (written, buffers) = file.write_vectored_at(vec![vec![2; 1 << 19]; 4], 0).await;
        assert_eq!(written.unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(buffers.len(), 4);
        assert_eq!(std::fs::read(&path).unwrap(), vec![2; limit]);

        let mut file = File::create(&path).await.unwrap();
        let error = file.write_all(&vec![3; 2 << 20]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        assert_eq!(file.stream_position().await.unwrap(), limit as u64);
        assert_eq!(std::fs::read(&path).unwrap(), vec![3; limit]);
    });
}

fn a_full_device(builder: taut::Builder) {
    block_on(builder, async {
        let mut full = OpenOptions::new().write(true).open("/dev/full").await.unwrap();
        let (written, buffer) = full.write_at(b"kept".to_vec(), 0).await;
        assert_eq!(written.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(buffer, b"kept");
        let error = full.write_all(b"more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(error.to_string().starts_with("write /dev/full: No space left"), "{error}");
        assert_eq!(full.stream_position().await.unwrap(), 0);
    });
}
