//! What `info` says of a connection is what `ss` of iproute2 shows, in its units.
//!
//! Where there is no `ss`, or the kernel does not answer it (no `inet_diag`), it says so and skips.

mod common;

use std::collections::HashMap;
use std::process::Command;
use std::time::Duration;

use common::netns::{Pair, Side};
use common::{block_on, connected_pair, in_time, on_each_driver, until};
use taut::net::{TcpInfo, TcpListener, TcpSocket, TcpStream};

/// Attempts to find a connection that does not change while `ss` looks at it.
const ATTEMPTS_MAX: usize = 200;

/// What `ss` shows of one connection: words by their names, as `rtt:0.1/0.05` and `send 8bps`.
struct Shown(HashMap<String, String>);

impl Shown {
    /// Of a connection in this namespace or that of the name; `None`, with the reason on standard
    /// error, where nothing is shown.
    fn of(stream: &TcpStream, namespace: Option<&str>) -> Option<Self> {
        let (here, there) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
        let filter = format!("src {here} and dst {there}");
        let output = match Command::new("ss")
            .args(namespace.map(|name| format!("--net={name}")))
            .args(["-tinoH", &filter])
            .output()
        {
            Ok(output) => output,
            Err(error) => {
                eprintln!("SKIPPED: ss of iproute2 can't be run: {error}");
                return None;
            }
        };
        let text = String::from_utf8_lossy(&output.stdout);
        if !text.contains(" rto:") {
            eprintln!("SKIPPED: ss shows nothing of a connection here: {output:?}");
            return None;
        }
        let mut words = HashMap::<String, String>::new();
        let mut name = "";
        for word in text.split_whitespace() {
            if let Some((name, value)) = word.split_once(':') {
                words.insert(name.to_owned(), value.to_owned());
                continue;
            }
            // The value of the word before it, or a name like that, or a flag.
            words.insert(std::mem::replace(&mut name, word).to_owned(), word.to_owned());
            words.entry(word.to_owned()).or_default();
        }
        Some(Self(words))
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Both numbers of `1.5/2`, or the one of `4ms` and of `8bps`; zeros are not shown.
    fn numbers(&self, name: &str) -> [f64; 2] {
        let Some(value) = self.0.get(name) else { return [0.0; 2] };
        let mut parts = value.split('/').map(|part| {
            let number = part.trim_end_matches(|one: char| one.is_ascii_alphabetic());
            // As in `12ms(3.4%)`.
            let number = number.split_once("ms(").map_or(number, |(number, _)| number);
            number.parse().unwrap_or_else(|error| panic!("{name}:{value}: {error}"))
        });
        [parts.next().unwrap_or(0.0), parts.next().unwrap_or(0.0)]
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn count(number: impl TryInto<u64>) -> f64 {
    number.try_into().ok().expect("no count is negative") as f64
}

/// Compares all that both show but the times since something, which go on.
fn compare(info: &TcpInfo, shown: &Shown) {
    let some = |number: Option<u64>| count(number.unwrap());
    let some_narrow = |number: Option<u32>| count(number.unwrap());
    let bits = |bytes: Option<u64>| bytes.map_or(0.0, |bytes| count(bytes) * 8.0);
    let some_millis = |time: Option<Duration>| time.map_or(0.0, millis);
    let expected = [
        ("rto", [millis(info.retransmission_timeout), 0.0]),
        ("rtt", [millis(info.rtt), millis(info.rtt_variance)]),
        ("ato", [millis(info.delayed_ack_timeout), 0.0]),
        ("mss", [count(info.send_mss_bytes), 0.0]),
        ("rcvmss", [count(info.recv_mss_bytes), 0.0]),
        ("advmss", [count(info.advertised_mss_bytes), 0.0]),
        ("pmtu", [count(info.path_mtu_bytes), 0.0]),
        ("cwnd", [count(info.congestion_window_segments), 0.0]),
        ("unacked", [count(info.segments_unacked), 0.0]),
        ("lost", [count(info.segments_lost), 0.0]),
        ("sacked", [count(info.segments_selectively_acked), 0.0]),
        ("retrans", [count(info.segments_retransmitted), count(info.retransmissions)]),
        ("backoff", [count(info.backoffs), 0.0]),
        ("dsack_dups", [some_narrow(info.duplicates_reported), 0.0]),
        ("reord_seen", [some_narrow(info.reorderings_seen), 0.0]),
        ("rcv_ooopack", [some_narrow(info.segments_received_out_of_order), 0.0]),
        ("delivered_ce", [some_narrow(info.segments_delivered_marked), 0.0]),
        ("snd_wnd", [some_narrow(info.send_window_bytes), 0.0]),
        ("bytes_sent", [some(info.bytes_sent), 0.0]),
        ("bytes_retrans", [some(info.bytes_retransmitted), 0.0]),
        ("bytes_acked", [some(info.bytes_acked), 0.0]),
        ("bytes_received", [some(info.bytes_received), 0.0]),
        ("segs_out", [some_narrow(info.segments_sent), 0.0]),
        ("segs_in", [some_narrow(info.segments_received), 0.0]),
        ("data_segs_out", [some_narrow(info.data_segments_sent), 0.0]),
        ("data_segs_in", [some_narrow(info.data_segments_received), 0.0]),
        ("notsent", [some_narrow(info.bytes_not_sent), 0.0]),
        ("delivered", [some_narrow(info.segments_delivered), 0.0]),
        ("rcv_space", [count(info.recv_space_bytes), 0.0]),
        ("rcv_rtt", [some_millis(info.recv_rtt), 0.0]),
        ("minrtt", [some_millis(info.min_rtt), 0.0]),
        ("pacing_rate", [bits(info.pacing_rate_bytes_per_s), 0.0]),
        ("rwnd_limited", [some_millis(info.recv_window_limited).floor(), 0.0]),
        ("sndbuf_limited", [some_millis(info.send_buffer_limited).floor(), 0.0]),
        ("delivery_rate", [bits(info.delivery_rate_bytes_per_s), 0.0]),
    ];
    for (name, ours) in expected {
        for (ours, theirs) in ours.into_iter().zip(shown.numbers(name)) {
            // Six digits are shown of times.
            let same = (ours - theirs).abs() <= 1e-5 * ours.abs();
            assert!(same, "{name}: {ours} here, {theirs} shown: {info:?}, {:?}", shown.0);
        }
    }
    // Only small ones are shown.
    let threshold = info.slow_start_threshold_segments.filter(|segments| *segments < 0xffff);
    assert_eq!(shown.numbers("ssthresh")[0], threshold.map_or(0.0, count));
    assert_eq!(shown.has("app_limited"), info.delivery_rate_app_limited);
    assert_eq!((shown.has("ts"), shown.has("sack")), (info.timestamps, info.selective_acks));
}

/// Times that go on also while nothing comes or goes, by the names of `ss`.
fn times(info: &mut TcpInfo) -> [(&'static str, &mut Duration); 4] {
    [
        ("lastsnd", &mut info.since_data_sent),
        ("lastrcv", &mut info.since_data_received),
        ("lastack", &mut info.since_ack_received),
        ("busy", info.busy.as_mut().unwrap()),
    ]
}

/// Compares what both say of a connection that is left alone; false where it was skipped.
async fn compare_stable(stream: &TcpStream, namespace: Option<&str>) -> bool {
    for _ in 0..ATTEMPTS_MAX {
        let mut before = stream.info().unwrap();
        let Some(shown) = Shown::of(stream, namespace) else { return false };
        let mut after = stream.info().unwrap();
        let ranges =
            times(&mut before).into_iter().zip(times(&mut after)).map(|((name, from), (_, to))| {
                (name, millis(std::mem::replace(from, *to)).floor()..=millis(*to))
            });
        let ranges: Vec<_> = ranges.collect();
        if before == after {
            compare(&after, &shown);
            for (name, range) in ranges {
                let [theirs, _] = shown.numbers(name);
                assert!(range.contains(&theirs), "{name}: {theirs} is not in {range:?}");
            }
            return true;
        }
        taut::time::sleep(Duration::from_millis(1)).await.unwrap();
    }
    panic!("the connection never stood still");
}

#[test]
fn a_connection_is_as_it_is_shown_after_transfers_both_ways() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            if !compare_stable(&client, None).await {
                return;
            }
            let sending = taut::spawn(async move {
                client.write_all(&vec![1; 3_000_000]).await.unwrap();
                client.read_exact(&mut [0; 1_234]).await.unwrap();
                client
            });
            server.read_exact(&mut vec![0; 3_000_000]).await.unwrap();
            server.write_all(&[2; 1_234]).await.unwrap();
            let client = sending.await.unwrap();
            assert!(compare_stable(&client, None).await && compare_stable(&server, None).await);
        });
    });
}

#[test]
fn what_is_sent_again_is_as_it_is_shown() {
    let Some(pair) = Pair::new() else { return };
    on_each_driver(|builder| {
        block_on(builder, async {
            let address = (Side::B.v4(), 0).into();
            let listener = pair.inside(Side::B, || TcpListener::bind(address).unwrap());
            let address = listener.local_addr().unwrap();
            let socket = pair.inside(Side::A, || TcpSocket::for_address(address).unwrap());
            let mut client = in_time(socket.connect(address)).await.unwrap();
            let _server = in_time(listener.accept()).await.unwrap();
            let namespace = pair.namespace(Side::A);
            // The other side hears all, and can't answer.
            let route = format!("blackhole {}", Side::A.v4());
            pair.ip(Side::B, &format!("route add {route}"));
            client.write_all(&[1; 10_000]).await.unwrap();
            until(|| client.info().unwrap().retransmissions > 1).await;
            if !compare_stable(&client, Some(&namespace)).await {
                return;
            }
            pair.ip(Side::B, &format!("route del {route}"));
            until(|| client.info().unwrap().segments_unacked == 0).await;
            compare_stable(&client, Some(&namespace)).await;
            let info = client.info().unwrap();
            assert!(info.duplicates_reported.unwrap() > 0, "{info:?}");
            assert!(info.bytes_retransmitted.unwrap() > 0, "{info:?}");
        });
    });
}
