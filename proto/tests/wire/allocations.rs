//! Heads and chunks of a connection in its stride allocate nothing.

use std::hint::black_box;

use http::{HeaderValue, Method, StatusCode, Version, header};
use taut_proto::http::wire::{
    ChunkDecoder, ChunkLimits, HeadIndex, HeadLimits, HeadScanner, LAST_CHUNK, RequestHead,
    read_response, write_chunk, write_content_length, write_head_end, write_status_line,
    write_typed_header,
};

#[path = "../../../taut/tests/common/allocations.rs"]
#[allow(dead_code, reason = "only a part of it is used here")]
mod counting;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// Runs a future that never waits.
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => unreachable!("nothing here waits"),
    }
}

#[test]
fn a_connection_in_its_stride_allocates_nothing() {
    let limits = HeadLimits::default();
    let request = b"PATCH /orders/17?a=b HTTP/1.1\r\nHost: taut:80\r\nAccept: */*\r\n\
        Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n";
    let response = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: a\r\n\r\n";
    let body = b"5;a=\"b\"\r\nhello\r\n1\r\n!\r\n0\r\n\r\n";
    let mut index = HeadIndex::new();
    let mut out = Vec::with_capacity(1024);
    let (mut head, mut scanner) = (RequestHead::new(), HeadScanner::response());
    let mut decoder = ChunkDecoder::new(ChunkLimits::default());
    let mut round = || {
        for cut in [20, request.len()] {
            let read = black_box(head.read(&request[..cut], &limits)).unwrap();
            assert_eq!(read.is_some(), cut == request.len());
        }
        assert_eq!(head.index().get(request, "accept"), Some(&b"*/*"[..]));
        let read = read_response(response, &Method::GET, &mut scanner, &mut index, &limits);
        assert!(black_box(read).unwrap().is_some());
        decoder.reset();
        let mut at = 0;
        while !decoder.is_done() {
            at += decoder.decode(&body[at..]).unwrap().consumed;
        }
        out.clear();
        write_status_line(&mut out, Version::HTTP_11, StatusCode::NOT_FOUND);
        write_typed_header(&mut out, &header::SERVER, &HeaderValue::from_static("taut"));
        write_content_length(&mut out, 1234);
        write_head_end(&mut out);
        write_chunk(&mut out, b"hello");
        out.extend_from_slice(LAST_CHUNK);
    };
    // The index grows to the headers of the connection.
    round();
    let calls = run(counting::allocations(async {
        for _ in 0..100 {
            round();
        }
    }));
    assert_eq!(calls, 0);
    let boxed = run(counting::allocations(async { drop(black_box(Box::new(1))) }));
    assert_eq!(boxed, 2, "the allocator counts");
}
