//! What a record costs, sealed by one end and opened by the other, in each of three designs.

#[path = "../tests/tls_common/mod.rs"]
mod tls_common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use taut_proto::tls::TlsVersion;
use taut_proto::tls::designs::{Design, Way, client, exchange, server};
use tls_common::{NAME, ends, providers};

/// The system's allocator, which counts.
struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator; the counter is a plain cell of the thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: as the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WAYS: [Way; 3] = [Way::Buffered, Way::Unbuffered, Way::Own];

/// A record from one end to the other.
fn pass(from: &mut dyn Design, to: &mut dyn Design, data: &[u8], wire: &mut Vec<u8>) {
    from.seal(black_box(data)).unwrap();
    wire.clear();
    wire.extend_from_slice(from.to_send());
    from.sent();
    let mut opened = 0;
    to.open(wire, &mut |data| opened += black_box(data).len()).unwrap();
    assert_eq!(opened, data.len());
}

fn main() {
    // Short of the records that a key of TLS 1.2 may seal.
    let (warm_up, measurement) = (Duration::from_millis(200), Duration::from_millis(800));
    let criterion = Criterion::default().warm_up_time(warm_up).measurement_time(measurement);
    let mut criterion = criterion.sample_size(20).configure_from_args();
    for provider in providers() {
        for version in [TlsVersion::Tls13, TlsVersion::Tls12] {
            let mut group = criterion.benchmark_group(format!("tls/{provider:?}/{version:?}"));
            for bytes in [64, 256, 1024, 1500, 16384] {
                group.throughput(Throughput::Bytes(bytes as u64));
                for way in WAYS {
                    let (connector, acceptor) = ends(provider, version);
                    let mut from = client(way, &connector, NAME).unwrap();
                    let mut to = server(way, &acceptor).unwrap();
                    exchange(&mut *from, &mut *to).unwrap();
                    let (data, mut wire) = (vec![7; bytes], Vec::new());
                    let mut calls = None;
                    group.bench_function(BenchmarkId::new(format!("{way:?}"), bytes), |bencher| {
                        bencher.iter_custom(|count| {
                            let before = CALLS.get();
                            let started = Instant::now();
                            for _ in 0..count {
                                pass(&mut *from, &mut *to, &data, &mut wire);
                            }
                            let taken = started.elapsed();
                            calls = Some((CALLS.get() - before) / count);
                            taken
                        });
                    });
                    if let Some(calls) = calls {
                        println!("{way:?}, {bytes} B: {calls} allocations a record");
                    }
                }
            }
            group.finish();
        }
    }
    criterion.final_summary();
}
