//! Transfers by position: owned buffers of every kind, several at once, past the page cache, and
//! large ones that the kernel moves in parts.

mod common;

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::rc::Rc;

use bytes::Bytes;
use common::directory::{Directory, in_a_directory, open};
use common::{Random, block_on, connected_pair, on_each_driver};
use taut::buffer::{RxBuf, TxBuf};
use taut::fs::{AlignedBuffer, File, OpenOptions, PathError};
use taut::spawn;

#[test]
fn owned_buffers_come_back_with_the_result() {
    in_a_directory(async |directory| {
        let file = open(&directory.join("file")).await;
        let (written, buffer) = file.write_at(b"0123456789".to_vec(), 0).await;
        assert_eq!((written.unwrap(), &buffer[..]), (10, &b"0123456789"[..]));
        let (written, buffer) = file.write_at(Bytes::from_static(b"ab"), 4).await;
        assert_eq!((written.unwrap(), &buffer[..]), (2, &b"ab"[..]));

        // Behind what the buffer holds, up to its capacity, and in the same memory.
        let mut buffer = Vec::with_capacity(8);
        buffer.extend_from_slice(b"own");
        let memory = buffer.as_ptr();
        let (read, buffer) = file.read_at(buffer, 2).await;
        assert_eq!((read.unwrap(), &buffer[..]), (5, &b"own23ab6"[..]));
        assert_eq!(buffer.as_ptr(), memory);
        let (read, buffer) = file.read_at(Vec::with_capacity(100), 8).await;
        assert_eq!((read.unwrap(), &buffer[..]), (2, &b"89"[..]));
        let (read, _) = file.read_at(Vec::with_capacity(8), 10).await;
        assert_eq!(read.unwrap(), 0);

        let (read, _) = file.read_at(Vec::new(), 0).await;
        let error = read.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("free capacity"), "{error}");
    });
}

#[test]
fn a_refused_transfer_gives_the_buffer_back() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        open(&path).await;
        let file = File::open(&path).await.unwrap();
        let (written, buffer) = file.write_at(b"kept".to_vec(), 0).await;
        assert_eq!(PathError::of(&written.unwrap_err()).unwrap().raw_os_error(), Some(libc::EBADF));
        assert_eq!(buffer, b"kept");
        // Beyond what a file can have.
        let file = open(&path).await;
        let (written, buffer) = file.write_all_at(b"kept".to_vec(), u64::MAX).await;
        assert_eq!(written.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(buffer, b"kept");
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    });
}

#[test]
fn a_full_operation_table_gives_the_buffer_back() {
    on_each_driver(|builder| {
        let directory = Directory::new();
        let path = directory.join("file");
        std::fs::write(&path, "0123456789").unwrap();
        if builder.clone().build().unwrap().driver() != taut::Driver::Uring {
            return; // the blocking pool has no such table
        }
        block_on(builder.operations_max(2), async {
            let file = open(&path).await;
            let mut waits: Vec<_> =
                (0..2).map(|_| Box::pin(file.read_at(Vec::with_capacity(4), 0))).collect();
            for wait in &mut waits {
                assert!(futures_util::poll!(wait.as_mut()).is_pending());
            }
            let (written, buffer) = file.write_at(b"kept".to_vec(), 0).await;
            let error = written.unwrap_err();
            assert!(error.to_string().contains("operations_max"), "{error}");
            assert_eq!(buffer, b"kept");
            for wait in waits {
                assert_eq!(wait.await.0.unwrap(), 4);
            }
        });
    });
}

#[test]
fn exact_reads_take_a_range_and_say_what_is_missing() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        std::fs::write(&path, "0123456789").unwrap();
        let file = open(&path).await;
        let (read, buffer) = file.read_exact_at(Vec::new(), 3..7).await;
        read.unwrap();
        assert_eq!(buffer, b"3456");
        let (read, buffer) = file.read_exact_at(buffer, 0..2).await;
        read.unwrap();
        assert_eq!(buffer, b"345601");
        let (read, buffer) = file.read_exact_at(Vec::new(), 8..12).await;
        let error = read.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert!(error.to_string().contains("ends 2 bytes before"), "{error}");
        assert_eq!(buffer, b"89");
        let (read, _) = file.read_exact_at(Vec::new(), 5..5).await;
        read.unwrap();
        let (read, _) = file.read_exact_at(AlignedBuffer::with_alignment(4, 4), 0..5).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn four_mebibytes_arrive_whole() {
    in_a_directory(async |directory| {
        let bytes = Random::new(4).bytes(4 << 20);
        let file = open(&directory.join("file")).await;
        let (written, bytes) = file.write_all_at(bytes, 7).await;
        written.unwrap();
        let end = 7 + bytes.len() as u64;
        let (read, copy) = file.read_exact_at(Vec::new(), 7..end).await;
        read.unwrap();
        assert!(copy == bytes);
    });
}

#[test]
fn many_transfers_are_in_flight_on_one_file() {
    in_a_directory(async |directory| {
        let file = Rc::new(open(&directory.join("file")).await);
        let tasks: Vec<_> = (0..200_u64)
            .map(|index| {
                let file = Rc::clone(&file);
                spawn(async move {
                    let (written, _) = file.write_all_at(vec![index as u8; 100], index * 100).await;
                    written.unwrap();
                    let range = index * 100..index * 100 + 100;
                    let (read, bytes) = file.read_exact_at(Vec::new(), range).await;
                    read.unwrap();
                    assert_eq!(bytes, vec![index as u8; 100]);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(file.metadata().await.unwrap().len(), 20_000);
    });
}

#[test]
fn vectored_transfers_fill_and_empty_buffers_in_order() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        let file = open(&path).await;
        let parts = [&b"8=FIX.4.4"[..], b"", b"\x01", b"35=D"].map(Bytes::from_static).to_vec();
        let (written, parts) = file.write_vectored_at(parts, 3).await;
        written.unwrap();
        assert_eq!(parts.len(), 4);
        assert_eq!(std::fs::read(&path).unwrap(), b"\0\0\x008=FIX.4.4\x0135=D");

        let mut first = Vec::with_capacity(4);
        first.extend_from_slice(b">");
        let buffers = vec![first, Vec::with_capacity(6), Vec::new(), Vec::with_capacity(50)];
        let (read, buffers) = file.read_vectored_at(buffers, 3).await;
        assert_eq!(read.unwrap(), 14);
        assert_eq!(buffers, [&b">8=F"[..], b"IX.4.4", b"", b"\x0135=D"]);

        let (read, buffers) = file.read_vectored_at(vec![Vec::new(); 3], 0).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(buffers.len(), 3);
        let (written, buffers) = file.write_vectored_at(vec![vec![1]; 1025], 0).await;
        let error = written.unwrap_err();
        assert!(error.to_string().contains("1025 buffers"), "{error}");
        assert_eq!(buffers.len(), 1025);
        let (written, _) = file.write_vectored_at(vec![vec![1]; 1024], 0).await;
        written.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), [1; 1024]);
    });
}

/// A file that is open for direct transfers; `None` where the file system has none.
async fn open_direct(path: &Path) -> Option<File> {
    let options = OpenOptions::new().read(true).write(true).create(true).direct(true);
    match options.open(path).await {
        Ok(file) => Some(file),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            eprintln!("SKIPPED: {error}");
            None
        }
    }
}

#[test]
fn direct_transfers_take_whole_blocks_from_aligned_memory() {
    in_a_directory(async |directory| {
        let Some(file) = open_direct(&directory.join("file")).await else { return };
        let bytes = Random::new(1).bytes(12_288);
        let mut blocks = AlignedBuffer::new(bytes.len());
        blocks.write_all(&bytes).unwrap();
        let (written, blocks) = file.write_all_at(blocks, 4096).await;
        written.unwrap();
        let (read, copy) = file.read_exact_at(AlignedBuffer::new(12_288), 4096..16_384).await;
        read.unwrap();
        assert!(copy[..] == blocks[..] && copy[..] == bytes[..]);
        // The last block is read in part.
        file.set_len(16_000).await.unwrap();
        let (read, copy) = file.read_at(AlignedBuffer::new(8192), 12_288).await;
        assert_eq!((read.unwrap(), copy.len()), (16_000 - 12_288, 16_000 - 12_288));
        let alignment = file.metadata().await.unwrap().direct_alignment();
        if let Some(alignment) = alignment {
            assert!(alignment.offset_bytes.is_power_of_two(), "{alignment:?}");
        }
    });
}

#[test]
fn direct_transfers_that_are_not_aligned_explain_the_rule() {
    in_a_directory(async |directory| {
        let Some(file) = open_direct(&directory.join("file")).await else { return };
        let mut blocks = AlignedBuffer::new(8192);
        blocks.resize(8192);
        let (written, mut blocks) = file.write_all_at(blocks, 0).await;
        written.unwrap();
        // Not behind an odd number of bytes.
        blocks.resize(3);
        let (read, blocks) = file.read_at(blocks, 0).await;
        match read {
            // Some file systems take such a transfer through the page cache.
            Ok(count) => assert_eq!(count, 8189),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                assert_eq!(PathError::of(&error).unwrap().raw_os_error(), Some(libc::EINVAL));
                for word in ["O_DIRECT", "multiples", "AlignedBuffer"] {
                    assert!(error.to_string().contains(word), "{error}");
                }
                assert_eq!(blocks.len(), 3);
            }
        }
    });
}

#[test]
fn registered_buffers_are_read_into_and_written_from() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        let file = open(&path).await;
        let mut slot = TxBuf::take().unwrap();
        write!(slot, "8=FIX.4.4").unwrap();
        let (written, slot) = file.write_fixed_at(slot, 2).await;
        assert_eq!(written.unwrap(), 9);
        let mut slot = slot.unwrap();
        slot.clear();
        write!(slot, ">").unwrap();
        let (read, slot) = file.read_fixed_at(slot, 4).await;
        assert_eq!(read.unwrap(), 7);
        let mut slot = slot.unwrap();
        assert_eq!(&slot[..], b">FIX.4.4");
        slot.resize(slot.capacity());
        let (read, slot) = file.read_fixed_at(slot, 0).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(slot.is_some());
        if let Some(direct) = open_direct(&path).await {
            let mut slot = slot.unwrap();
            slot.resize(8192);
            slot.fill(7);
            let (written, slot) = direct.write_fixed_at(slot, 0).await;
            assert_eq!(written.unwrap(), 8192);
            let mut slot = slot.unwrap();
            slot.clear();
            let (read, slot) = direct.read_fixed_at(slot, 4096).await;
            assert_eq!((read.unwrap(), slot.unwrap().len()), (4096, 4096));
        }
    });
}

#[test]
fn a_received_message_goes_to_the_file_as_it_came() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        let file = open(&path).await;
        let (mut client, mut server) = connected_pair().await;
        client.write_all(b"8=FIX.4.4").await.unwrap();
        let message = server.recv().await.unwrap();
        let place = message.as_ptr();
        let (written, message) = file.write_all_at(message, 0).await;
        written.unwrap();
        assert_eq!((message.as_ptr(), &message[..]), (place, &b"8=FIX.4.4"[..]));
        let (written, _): (_, RxBuf) = file.write_at(message, 9).await;
        assert_eq!(written.unwrap(), 9);
        assert_eq!(std::fs::read(&path).unwrap(), b"8=FIX.4.48=FIX.4.4");
    });
}
