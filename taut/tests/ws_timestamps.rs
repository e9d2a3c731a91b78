//! When the kernel received a message: plain and over TLS, whole, in parts and together.

mod common;

use std::pin::pin;
use std::task::Poll;

use common::tls::{VERSIONS, ends, tls_pair};
use common::venue::quick;
use common::wall_clock::{CLOCK_STEPS_MAX, now_ns};
use common::ws::{frame, options, pair};
use common::{block_on, connected_pair, in_time, listen, on_each_driver, turns};
use futures_util::{FutureExt, poll};
use taut::net::transport::write_all;
use taut::net::{ReceiveTimestamps, StampedBy, TcpStream, Transport, UnixStream};
use taut::ws::{Event, Message, Options, Role, WebSocket};

const ROUNDS: usize = 40;
const NONE: ReceiveTimestamps = ReceiveTimestamps { software_ns: None, hardware_ns: None };

fn asked() -> Options {
    options(|options| options.receive_timestamps = Some(StampedBy::Kernel))
}

/// Of the server, as bytes.
fn text(payload: &[u8]) -> Vec<u8> {
    frame(Role::Server, 0x81, payload)
}

/// Sends until stamps come: the kernel begins a moment after it is asked.
async fn until_stamped<T: Transport + 'static>(client: &mut WebSocket<T>, raw: &mut T) {
    in_time(async {
        loop {
            write_all(raw, &text(b"?")).await.unwrap();
            client.next().await.unwrap().unwrap();
            if client.timestamps().software_ns.is_some() {
                break;
            }
        }
    })
    .await;
}

/// A client that has its messages stamped, and the transport of its server.
async fn stamped<T: Transport + 'static>(client: T, mut raw: T, hot: bool) -> (WebSocket<T>, T) {
    let mut client = WebSocket::over(client, Role::Client, &asked(), None);
    assert_eq!(client.timestamps(), NONE, "before there was a message");
    client.set_hot(hot);
    until_stamped(&mut client, &mut raw).await;
    (client, raw)
}

async fn each_is_stamped<T: Transport + 'static>(client: T, raw: T, hot: bool) {
    let (mut client, mut raw) = stamped(client, raw, hot).await;
    let (mut outside, mut last_ns) = (0, 0);
    for round in 0..ROUNDS {
        // From a few bytes to more than one record, or receive, has.
        let bytes = text(&vec![b'x'; 1 + 1300 * round]);
        let before_ns = now_ns();
        write_all(&mut raw, &bytes).await.unwrap();
        let came = if round % 2 == 0 {
            in_time(client.next()).await.unwrap().unwrap();
            client.timestamps()
        } else {
            let mut came = NONE;
            let visit = client.for_each_ready(|item, _| {
                came = item.timestamps();
                Ok(())
            });
            assert_eq!(in_time(visit).await.unwrap(), 1);
            came
        };
        assert_eq!(came.hardware_ns, None, "no such device");
        let came_ns = came.software_ns.expect("every message is stamped");
        let ordered = last_ns <= came_ns && before_ns <= came_ns && came_ns <= now_ns();
        outside += usize::from(!ordered);
        last_ns = came_ns;
    }
    assert!(outside <= CLOCK_STEPS_MAX, "{outside} of {ROUNDS}");
}

#[test]
fn each_message_came_between_its_send_and_its_handler() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for hot in [false, true] {
                let (client, raw) = connected_pair().await;
                each_is_stamped(client, raw, hot).await;
                for version in VERSIONS {
                    let (connector, acceptor) = ends(version);
                    let (client, raw) = tls_pair(&connector, &acceptor).await;
                    each_is_stamped(client, raw, hot).await;
                }
            }
        });
    });
}

/// A message and a half in one write, then the rest: in a record each, over TLS.
async fn parts_and_batches<T: Transport + 'static>(client: T, raw: T) {
    let (mut client, mut raw) = stamped(client, raw, false).await;
    let both = [text(b"one"), text(b"two")].concat();
    let cut = both.len() - 2;
    let mut outside = 0;
    for _ in 0..ROUNDS {
        write_all(&mut raw, &both[..cut]).await.unwrap();
        assert_eq!(in_time(client.next()).await.unwrap().unwrap().as_str(), Some("one"));
        let one_ns = client.timestamps().software_ns.unwrap();
        assert!(client.next().now_or_never().is_none());
        let between_ns = now_ns();
        write_all(&mut raw, &both[cut..]).await.unwrap();
        assert_eq!(in_time(client.next()).await.unwrap().unwrap().as_str(), Some("two"));
        let two_ns = client.timestamps().software_ns.unwrap();
        outside += usize::from(!(one_ns <= between_ns && between_ns <= two_ns));

        write_all(&mut raw, &both).await.unwrap();
        let mut seen = Vec::new();
        let visit = client.for_each_ready(|item, _| {
            seen.push((item.timestamps(), item.is_last()));
            Ok(())
        });
        assert_eq!(in_time(visit).await.unwrap(), 2);
        assert!(seen[0].0.software_ns.is_some() && seen[0].0 == seen[1].0);
        assert_eq!((seen[0].1, seen[1].1), (false, true));
    }
    assert!(outside <= CLOCK_STEPS_MAX, "{outside} of {ROUNDS}");
}

#[test]
fn a_message_in_parts_has_the_time_of_its_last_and_a_batch_shares_one() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, raw) = connected_pair().await;
            parts_and_batches(client, raw).await;
            for version in VERSIONS {
                let (connector, acceptor) = ends(version);
                let (client, raw) = tls_pair(&connector, &acceptor).await;
                parts_and_batches(client, raw).await;
            }
        });
    });
}

/// Waits so many turns, each after a poll, and gives up.
async fn polled<T: Transport + 'static>(client: &mut WebSocket<T>, polls: u64) -> Option<Message> {
    let mut next = pin!(client.next());
    for _ in 0..polls {
        if let Poll::Ready(message) = poll!(&mut next) {
            return message.unwrap();
        }
        turns(1).await;
    }
    None
}

async fn given_up<T: Transport + 'static>(client: T, raw: T, hot: bool) {
    let (mut client, mut raw) = stamped(client, raw, hot).await;
    let bytes = text(&[b'y'; 3000]);
    let mut outside = 0;
    for round in 0..ROUNDS as u64 {
        let before_ns = now_ns();
        for part in bytes.chunks(1 + 700 * (1 + round as usize % 5)) {
            let is_last = part.as_ptr_range().end == bytes.as_ptr_range().end;
            write_all(&mut raw, part).await.unwrap();
            if !is_last {
                assert!(polled(&mut client, round % 4).await.is_none());
            }
        }
        let message = in_time(async {
            loop {
                // The last turn may bring bytes to a wait that is dropped then.
                if let Some(message) = polled(&mut client, 1).await {
                    break message;
                }
            }
        });
        assert_eq!(message.await.as_bytes().len(), 3000);
        let came_ns = client.timestamps().software_ns.expect("no stamp is lost");
        outside += usize::from(!(before_ns <= came_ns && came_ns <= now_ns()));
    }
    assert!(outside <= CLOCK_STEPS_MAX, "{outside} of {ROUNDS}");
}

#[test]
fn waits_that_are_given_up_lose_no_stamp() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for hot in [false, true] {
                let (client, raw) = connected_pair().await;
                given_up(client, raw, hot).await;
                for version in VERSIONS {
                    let (connector, acceptor) = ends(version);
                    let (client, raw) = tls_pair(&connector, &acceptor).await;
                    given_up(client, raw, hot).await;
                }
            }
        });
    });
}

#[test]
fn who_does_not_ask_and_who_cannot_be_stamped_is_told_none() {
    on_each_driver(|builder| {
        block_on(builder, async {
            // The kernel stamps for the whole host while anybody asks.
            let (client, raw) = connected_pair().await;
            let (_asks, _raw) = stamped(client, raw, false).await;
            let (mut client, mut server) = pair(&Options::default()).await;
            server.send_text("plain").await.unwrap();
            in_time(client.next()).await.unwrap().unwrap();
            assert_eq!(client.timestamps(), NONE);
            server.send_text("plain").await.unwrap();
            let visit = client.for_each_ready(|item, _| {
                assert_eq!(item.timestamps(), NONE);
                Ok(())
            });
            assert_eq!(in_time(visit).await.unwrap(), 1);

            let (near, far) = UnixStream::pair().unwrap();
            let mut client = WebSocket::over(near, Role::Client, &asked(), None);
            let mut server = WebSocket::over(far, Role::Server, &asked(), None);
            server.send_text("unix").await.unwrap();
            in_time(client.next()).await.unwrap().unwrap();
            assert_eq!(client.timestamps(), NONE);
        });
    });
}

#[test]
fn what_came_with_the_handshake_has_no_stamp() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, mut raw) = connected_pair().await;
            let left = taut::buffer::RxBuf::from(text(b"early"));
            let mut client = WebSocket::over(client, Role::Client, &asked(), Some(left));
            client.next().await.unwrap().unwrap();
            assert_eq!(client.timestamps(), NONE);
            until_stamped(&mut client, &mut raw).await;
        });
    });
}

#[test]
fn the_read_half_tells_stamps_too() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, raw) = connected_pair().await;
            let (client, mut raw) = stamped(client, raw, false).await;
            let (mut read, _write) = client.into_split();
            write_all(&mut raw, &text(b"half")).await.unwrap();
            in_time(read.next()).await.unwrap().unwrap();
            assert!(read.timestamps().software_ns.is_some());
        });
    });
}

#[test]
fn a_session_tells_the_stamps_of_its_messages() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let venue = taut::spawn(async move {
                let stream = listener.accept().await.unwrap();
                let mut venue = WebSocket::over(stream, Role::Server, &Options::default(), None);
                while let Ok(Some(message)) = venue.next().await {
                    venue.send_binary(message.as_bytes()).await.unwrap();
                }
            });
            let mut session = quick().build(async move || {
                let stream = TcpStream::connect(address).await?;
                Ok::<_, std::io::Error>(WebSocket::over(stream, Role::Client, &asked(), None))
            });
            assert_eq!(session.timestamps(), NONE);
            in_time(async {
                loop {
                    let before_ns = now_ns();
                    match session.next().await.unwrap().unwrap() {
                        Event::Connected { .. } => session.try_send_text("?").unwrap(),
                        Event::Message(_) => match session.timestamps().software_ns {
                            Some(came_ns) => {
                                // The clock may be set, by less than this.
                                assert!(came_ns.abs_diff(before_ns) < 3_600_000_000_000);
                                break;
                            }
                            None => session.try_send_text("?").unwrap(),
                        },
                        _ => {}
                    }
                }
            })
            .await;
            drop(session);
            in_time(venue).await.unwrap();
        });
    });
}
