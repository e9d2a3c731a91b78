//! What the codec costs: a head found, parsed and framed; a chunked body decoded.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::{Method, StatusCode, Version};
use taut_proto::http::wire::{
    ChunkDecoder, ChunkLimits, HeadIndex, HeadLimits, HeadScanner, LAST_CHUNK, RequestHead,
    read_response, write_chunk, write_content_length, write_head_end, write_header,
    write_status_line,
};

const SMALL: &[u8] =
    b"GET /plaintext HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.5.0\r\n\
    Accept: */*\r\nConnection: keep-alive\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nDate: Mon, 05 Jan 2026 09:30:00 GMT\r\n\
    Content-Type: application/json\r\nContent-Length: 187\r\nConnection: keep-alive\r\n\r\n";

/// A head as browsers send it: 16 lines, 1.3 KiB.
fn large() -> Vec<u8> {
    let mut head = b"POST /api/v3/order?symbol=BTCUSDT&side=BUY&type=LIMIT HTTP/1.1\r\n".to_vec();
    head.extend_from_slice(b"Host: api.example.com\r\nContent-Length: 512\r\n");
    for line in 0..12 {
        let name = format!("x-header-number-{line}");
        write_header(&mut head, name.as_bytes(), &[b'v'; 60]).unwrap();
    }
    write_header(&mut head, b"cookie", &[b'c'; 120]).unwrap();
    write_header(&mut head, b"accept-encoding", b"gzip, deflate, br, zstd").unwrap();
    write_head_end(&mut head);
    head
}

fn heads(criterion: &mut Criterion) {
    let limits = HeadLimits::default();
    let (mut request, mut index) = (RequestHead::new(), HeadIndex::new());
    let large = large();
    let mut group = criterion.benchmark_group("head");
    for (name, head) in [("request of 4 headers", SMALL), ("request of 16 headers", &large)] {
        group.throughput(Throughput::Bytes(head.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(request.read(black_box(head), &limits)).unwrap().unwrap());
        });
        group.bench_function(format!("{name}, its end only"), |bencher| {
            bencher.iter(|| HeadScanner::request().find_end(black_box(head), &limits));
        });
    }
    group.throughput(Throughput::Bytes(RESPONSE.len() as u64));
    group.bench_function("response of 4 headers", |bencher| {
        bencher.iter(|| {
            let (bytes, mut scanner) = (black_box(RESPONSE), HeadScanner::response());
            let read = read_response(bytes, &Method::GET, &mut scanner, &mut index, &limits);
            black_box(read).unwrap().unwrap();
        });
    });
    let mut out = Vec::with_capacity(256);
    group.bench_function("response written", |bencher| {
        bencher.iter(|| {
            out.clear();
            write_status_line(&mut out, Version::HTTP_11, black_box(StatusCode::OK));
            write_header(&mut out, b"content-type", black_box(b"text/plain")).unwrap();
            write_content_length(&mut out, black_box(13));
            write_head_end(&mut out);
            black_box(&out);
        });
    });
    group.finish();
}

fn chunked_bodies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chunked");
    for chunk_bytes in [16, 256, 4096] {
        let mut body = Vec::new();
        for _ in 0..16 {
            write_chunk(&mut body, &vec![b'x'; chunk_bytes]);
        }
        body.extend_from_slice(LAST_CHUNK);
        let mut decoder = ChunkDecoder::new(ChunkLimits::default());
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(format!("16 chunks of {chunk_bytes} B"), |bencher| {
            bencher.iter(|| {
                decoder.reset();
                let mut at = 0;
                while !decoder.is_done() {
                    at += black_box(decoder.decode(&body[at..])).unwrap().consumed;
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, heads, chunked_bodies);
criterion_main!(benches);
