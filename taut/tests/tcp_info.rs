//! What the kernel tells of connections, after transfers whose sizes are known.

mod common;

use std::net::Shutdown;
use std::time::Duration;

use common::{block_on, connected_pair, listen, nobody, on_each_driver, until};
use taut::net::{CongestionState, TcpListener, TcpSocket, TcpState, TcpStream};
use taut::time::timeout;

/// The SYN of the end that connected counts as a byte; a FIN does, too.
const SYN: u64 = 1;
const FIN: u64 = 1;

#[test]
fn bytes_acked_sent_and_received_are_what_was_sent_each_way() {
    const THERE: usize = 300_000;
    const BACK: usize = 70_000;

    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            let sender = taut::spawn(async move {
                client.write_all(&vec![1; THERE]).await.unwrap();
                client.read_exact(&mut vec![0; BACK]).await.unwrap();
                client
            });
            server.read_exact(&mut vec![0; THERE]).await.unwrap();
            server.write_all(&vec![2; BACK]).await.unwrap();
            let client = sender.await.unwrap();
            // The last acknowledgement may be held back.
            for end in [&client, &server] {
                until(|| end.info().unwrap().segments_unacked == 0).await;
            }
            let (here, there) = (client.info().unwrap(), server.info().unwrap());
            assert_eq!(here.bytes_acked, Some(THERE as u64 + SYN));
            assert_eq!(there.bytes_acked, Some(BACK as u64), "the answer to a SYN counts nothing");
            // On a busy host the kernel may send again what is only late.
            for (end, bytes) in [(&here, THERE), (&there, BACK)] {
                let again = end.bytes_retransmitted.unwrap();
                assert_eq!(end.bytes_sent, Some(bytes as u64 + again), "{end:?}");
                if again == 0 {
                    let with_syn = end.data_segments_sent.map(|count| count + 1);
                    assert_eq!((end.segments_delivered, end.segments_lost), (with_syn, 0));
                    assert_eq!(end.congestion_state, CongestionState::Open);
                }
            }
            assert_eq!(here.bytes_received, Some(BACK as u64));
            assert_eq!(there.bytes_received, Some(THERE as u64));
            assert_eq!((here.segments_unacked, here.bytes_not_sent), (0, Some(0)));
            assert!(here.data_segments_sent.unwrap() >= 5, "segments of 64 KiB at the most");
            assert_eq!(here.data_segments_sent, there.data_segments_received);
            assert!(here.segments_sent >= here.data_segments_sent);
            assert!(!here.rtt.is_zero() && here.rtt < Duration::from_secs(1));
            assert!(here.min_rtt.unwrap() <= here.rtt + 4 * here.rtt_variance);
            assert!(here.congestion_window_segments > 0 && here.send_mss_bytes > 0);
            assert!(here.delivery_rate_bytes_per_s.unwrap() > 0);
            assert!(there.since_data_received < Duration::from_secs(60));
        });
    });
}

#[test]
fn states_follow_the_ends_of_both_directions() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            assert_eq!(client.info().unwrap().delivery_rate_bytes_per_s, None, "nothing was sent");
            let state = |stream: &TcpStream| stream.info().unwrap().state;
            assert_eq!(state(&client), TcpState::Established);
            assert_eq!(state(&server), TcpState::Established);
            client.shutdown(Shutdown::Write).await.unwrap();
            assert!(server.recv().await.unwrap().is_empty());
            until(|| state(&client) == TcpState::FinWait2).await;
            assert_eq!(state(&server), TcpState::CloseWait);
            let info = client.info().unwrap();
            assert_eq!((info.bytes_acked, info.bytes_sent), (Some(SYN + FIN), Some(0)));
            assert_eq!(server.info().unwrap().bytes_received, Some(FIN));
            server.shutdown(Shutdown::Write).await.unwrap();
            assert!(client.recv().await.unwrap().is_empty());
            until(|| state(&server) == TcpState::Closed).await;
        });
    });
}

#[test]
fn a_socket_without_a_peer_and_a_listener_say_so() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (socket, address) = nobody();
            let listener: TcpListener = socket.listen(7).unwrap();
            let info = listener.info().unwrap();
            assert_eq!(info.state, TcpState::Listening);
            assert_eq!((info.min_rtt, info.delivery_rate_bytes_per_s), (None, None));
            assert_eq!((info.segments_unacked, info.segments_selectively_acked), (0, 7));
            let clients = [
                TcpStream::connect(address).await.unwrap(),
                TcpStream::connect(address).await.unwrap(),
            ];
            assert_eq!(listener.info().unwrap().segments_unacked, 2, "not accepted");
            listener.accept().await.unwrap();
            drop(clients);
        });
    });
}

#[test]
fn a_peer_that_does_not_read_limits_the_sender_and_the_kernel_says_so() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_send_buffer_size(1 << 20).unwrap();
            let mut client = socket.connect(address).await.unwrap();
            let _deaf = listener.accept().await.unwrap();
            let bytes = vec![0; 64 << 20];
            let write = timeout(Duration::from_millis(50), client.write_all(&bytes)).await;
            assert!(write.is_err(), "64 MiB are more than the kernel takes");
            let info = client.info().unwrap();
            assert!(info.busy >= info.recv_window_limited, "{info:?}");
            assert!(info.recv_window_limited.unwrap() > Duration::ZERO, "{info:?}");
            assert!(info.bytes_not_sent.unwrap() > 0);
        });
    });
}
