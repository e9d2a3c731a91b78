//! Files behind the I/O traits of the ecosystem: buffered readers and writers, lines, copies and
//! seeks of `futures-util` and of `tokio`.

mod common;

use std::io::{ErrorKind, SeekFrom};

use common::directory::in_a_directory;
use common::{Random, connected_pair};
use futures_util::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufWriter,
};
use futures_util::{AsyncBufRead, StreamExt, pin_mut, poll};
use taut::fs::{self, File, OpenOptions};

#[test]
fn lines_end_with_lf_or_crlf_and_the_last_one_with_the_file() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        std::fs::write(&path, "bid\nask\r\n\r\n\nlast").unwrap();
        for capacity in [1, 2, 7, 8192, 100 << 10] {
            let reader = BufReader::with_capacity(capacity, File::open(&path).await.unwrap());
            let lines: Vec<_> = reader.lines().map(Result::unwrap).collect().await;
            assert_eq!(lines, ["bid", "ask", "", "", "last"], "capacity {capacity}");
        }
        let mut reader = BufReader::new(File::open(&path).await.unwrap());
        let mut line = String::new();
        assert_eq!(reader.read_line(&mut line).await.unwrap(), 4);
        assert_eq!(reader.read_line(&mut line).await.unwrap(), 5);
        assert_eq!(line, "bid\nask\r\n");
    });
}

#[test]
fn read_until_stops_behind_the_delimiter_or_at_the_end() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        std::fs::write(&path, "8=FIX.4.4\x0135=D\x0110=1").unwrap();
        for capacity in [1, 3, 8192] {
            let mut reader = BufReader::with_capacity(capacity, File::open(&path).await.unwrap());
            let mut fields = Vec::new();
            loop {
                let mut field = Vec::new();
                match reader.read_until(1, &mut field).await.unwrap() {
                    0 => break,
                    count => assert_eq!(count, field.len()),
                }
                fields.push(field);
            }
            assert_eq!(fields, [&b"8=FIX.4.4\x01"[..], b"35=D\x01", b"10=1"]);
            assert_eq!(reader.read_until(1, &mut Vec::new()).await.unwrap(), 0);
            let error = reader.read_exact(&mut [0]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        }
    });
}

#[test]
fn a_buffered_reader_reads_ahead_no_more_than_its_capacity() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        let bytes = Random::new(1).bytes(20_000);
        std::fs::write(&path, &bytes).unwrap();
        let mut reader = BufReader::with_capacity(1000, File::open(&path).await.unwrap());
        // Peeking takes nothing.
        for _ in 0..2 {
            assert_eq!(reader.fill_buf().await.unwrap(), &bytes[..1000]);
        }
        AsyncBufRead::consume(std::pin::Pin::new(&mut reader), 10);
        assert_eq!(reader.buffer(), &bytes[10..1000]);
        // A large read passes the buffer by, once it is empty.
        let mut rest = vec![0; 990];
        reader.read_exact(&mut rest).await.unwrap();
        let mut large = vec![0; 5000];
        reader.read_exact(&mut large).await.unwrap();
        assert!(large == bytes[1000..6000] && reader.buffer().is_empty());
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).await.unwrap();
        assert!(rest == bytes[6000..]);
        assert!(reader.fill_buf().await.unwrap().is_empty());
    });
}

#[test]
fn a_buffered_writer_writes_when_full_or_flushed() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        let mut writer = BufWriter::with_capacity(10, File::create(&path).await.unwrap());
        writer.write_all(b"1234").await.unwrap();
        assert_eq!((writer.buffer(), std::fs::read(&path).unwrap().len()), (&b"1234"[..], 0));
        writer.write_all(b"5678901").await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"1234");
        writer.flush().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"12345678901");
        assert!(writer.buffer().is_empty());
        writer.write_all(b"x").await.unwrap();
        writer.close().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"12345678901x");
    });
}

#[test]
fn a_write_that_is_ready_is_in_the_file() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        let mut file = File::create(&path).await.unwrap();
        for (length, expected) in [(10, 10), (1 << 20, 256 << 10)] {
            file.set_len(0).await.unwrap();
            AsyncSeekExt::seek(&mut file, SeekFrom::Start(0)).await.unwrap();
            let count = AsyncWriteExt::write(&mut file, &vec![7; length]).await.unwrap();
            assert_eq!(count, expected);
            assert_eq!(std::fs::read(&path).unwrap(), vec![7; expected]);
        }
    });
}

#[test]
fn copies_of_four_mebibytes_arrive_whole_from_file_to_stream_to_file() {
    in_a_directory(async |directory| {
        let (from, to) = (directory.join("from"), directory.join("to"));
        let bytes = Random::new(2).bytes(4 << 20);
        fs::write(&from, bytes.clone()).await.unwrap();
        let (mut client, server) = connected_pair().await;
        let path = to.clone();
        let receiving = taut::spawn(async move {
            let mut file = File::create(&path).await.unwrap();
            let count = futures_util::io::copy(server, &mut file).await.unwrap();
            file.close().await.unwrap();
            count
        });
        let file = File::open(&from).await.unwrap();
        let count = futures_util::io::copy(file, &mut client).await.unwrap();
        drop(client);
        assert_eq!((count, receiving.await.unwrap()), (4 << 20, 4 << 20));
        assert!(fs::read(&to).await.unwrap() == bytes);
    });
}

#[test]
fn buffered_files_seek() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        std::fs::write(&path, "0123456789").unwrap();
        let mut reader = BufReader::with_capacity(4, File::open(&path).await.unwrap());
        let mut bytes = [0; 2];
        reader.read_exact(&mut bytes).await.unwrap();
        assert_eq!(AsyncSeekExt::seek(&mut reader, SeekFrom::Current(4)).await.unwrap(), 6);
        reader.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"67");
        assert_eq!(AsyncSeekExt::seek(&mut reader, SeekFrom::End(-1)).await.unwrap(), 9);
        reader.read_exact(&mut bytes[..1]).await.unwrap();
        assert_eq!(bytes[0], b'9');
    });
}

#[test]
fn the_traits_of_tokio_do_the_same() {
    in_a_directory(async |directory| {
        use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
        let path = directory.join("file");
        let options = OpenOptions::new().read(true).write(true).create(true);
        let mut file = options.open(&path).await.unwrap();
        AsyncWriteExt::write_all(&mut file, b"bid 1\nask 2\n").await.unwrap();
        AsyncWriteExt::flush(&mut file).await.unwrap();
        assert_eq!(AsyncSeekExt::seek(&mut file, SeekFrom::Start(6)).await.unwrap(), 6);
        assert_eq!(AsyncSeekExt::stream_position(&mut file).await.unwrap(), 6);
        assert!(AsyncSeekExt::seek(&mut file, SeekFrom::Current(-7)).await.is_err());
        let mut text = String::new();
        AsyncReadExt::read_to_string(&mut file, &mut text).await.unwrap();
        assert_eq!(text, "ask 2\n");
        AsyncSeekExt::rewind(&mut file).await.unwrap();
        let mut lines = tokio::io::BufReader::new(file).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("bid 1"));
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ask 2"));
        assert_eq!(lines.next_line().await.unwrap(), None);
    });
}

#[test]
fn a_write_that_is_polled_again_is_the_same_one() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        let mut file = File::create(&path).await.unwrap();
        let mut expected = Vec::new();
        for index in 0..50_u8 {
            // Polled by hand through several turns.
            let bytes = vec![index; 1000];
            let write = AsyncWriteExt::write(&mut file, &bytes);
            pin_mut!(write);
            let count = loop {
                match poll!(write.as_mut()) {
                    std::task::Poll::Ready(count) => break count.unwrap(),
                    std::task::Poll::Pending => taut::yield_now().await,
                }
            };
            assert_eq!(count, 1000);
            expected.extend_from_slice(&bytes);
        }
        assert!(std::fs::read(&path).unwrap() == expected);
    });
}
