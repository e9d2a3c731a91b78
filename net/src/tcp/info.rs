//! What the kernel knows of a connection (`TCP_INFO`).
//!
//! The kernel's structure only ever grows at its end, and the kernel says how much of it it wrote:
//! what came after Linux 3.15 is `None` where it wrote less. Cost: one system call and about 60
//! loads; no connection is slowed by looking at it, but the call takes its lock.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use crate::number_option::read_option;
use crate::{TcpListener, TcpStream};

/// More than any kernel has written so far.
const ANSWER_BYTES: usize = 512;
/// Up to the count of all retransmissions, which every kernel since 2.6 writes.
const ALWAYS_BYTES: usize = 104;
/// What the kernel has for a threshold that was never reached.
const NO_THRESHOLD: u32 = 0x7fff_ffff;

const OPTION_TIMESTAMPS: u8 = 1;
const OPTION_SELECTIVE_ACKS: u8 = 2;
const OPTION_ECN: u8 = 8;
const OPTION_DATA_WITH_SYN: u8 = 32;

/// The state of a connection, by RFC 9293.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TcpState {
    /// Both ends may send.
    Established,
    /// Connecting, and not answered yet.
    SynSent,
    /// Being connected to.
    SynReceived,
    /// This end has ended its direction, which is not acknowledged yet.
    FinWait1,
    /// This end has ended its direction, and the peer has not.
    FinWait2,
    /// Both have ended theirs; late segments are waited for.
    TimeWait,
    /// Neither connected nor listening.
    Closed,
    /// The peer has ended its direction, and this end has not.
    CloseWait,
    /// Both have ended theirs, the peer first; not acknowledged yet.
    LastAck,
    /// Waiting for connections.
    Listening,
    /// Both have ended theirs at the same time; not acknowledged yet.
    Closing,
    /// A number that this version does not know.
    Unknown(u8),
}

impl TcpState {
    fn from_kernel(number: u8) -> Self {
        match number {
            1 => Self::Established,
            2 => Self::SynSent,
            3 => Self::SynReceived,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Closed,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listening,
            11 => Self::Closing,
            12 => Self::SynReceived,
            other => Self::Unknown(other),
        }
    }
}

/// What the sender makes of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CongestionState {
    /// Nothing bad was seen.
    Open,
    /// Duplicate acknowledgements came: a loss, or reordering.
    Disorder,
    /// The window is made smaller, after a mark of the path or a full queue of this host.
    WindowReduction,
    /// Lost segments are sent again.
    Recovery,
    /// A timeout was hit: everything is sent again, slowly.
    Loss,
    /// A number that this version does not know.
    Unknown(u8),
}

impl CongestionState {
    fn from_kernel(number: u8) -> Self {
        match number {
            0 => Self::Open,
            1 => Self::Disorder,
            2 => Self::WindowReduction,
            3 => Self::Recovery,
            4 => Self::Loss,
            other => Self::Unknown(other),
        }
    }
}

/// What the kernel knows of a connection; see [`TcpStream::info`].
///
/// Counts are since the connection began, unless they say "now". Where the kernel has no value yet,
/// or is too old to have one, it is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpInfo {
    /// Where the connection stands.
    pub state: TcpState,
    /// What the sender makes of the path.
    pub congestion_state: CongestionState,
    /// Timeouts in a row without an answer, now.
    pub timeouts_in_a_row: u8,
    /// Probes of a closed window or a silent peer without an answer, now.
    pub probes_unanswered: u8,
    /// How often the timeout was doubled, now.
    pub backoffs: u8,
    /// Both ends send timestamps.
    pub timestamps: bool,
    /// Both ends tell which segments came out of order.
    pub selective_acks: bool,
    /// Both ends use explicit congestion notification.
    pub ecn: bool,
    /// The connection's first segment carried bytes, and they were taken (fast open).
    pub fast_open_accepted: bool,
    /// `delivery_rate_bytes_per_s` was limited by the application rather than by the path.
    pub delivery_rate_app_limited: bool,
    /// How long an acknowledgement is waited for before a segment is sent again.
    pub retransmission_timeout: Duration,
    /// How long an acknowledgement may be held back.
    pub delayed_ack_timeout: Duration,
    /// Payload of the largest segment that is sent, in bytes.
    pub send_mss_bytes: u32,
    /// Payload of the segments that come in, as estimated, in bytes.
    pub recv_mss_bytes: u32,
    /// Segments sent and not acknowledged, now; of a listener, connections not accepted.
    pub segments_unacked: u32,
    /// Of these, those that came out of order; of a listener, its backlog.
    pub segments_selectively_acked: u32,
    /// Of these, those taken for lost.
    pub segments_lost: u32,
    /// Of these, those sent again.
    pub segments_retransmitted: u32,
    /// Time since payload was sent, or else since the connection began, to the kernel's tick of 1
    /// to 10 ms.
    pub since_data_sent: Duration,
    /// Time since payload was received, or else since the connection began, to the kernel's
    /// tick.
    pub since_data_received: Duration,
    /// Time since an acknowledgement was received, to the kernel's tick.
    pub since_ack_received: Duration,
    /// The largest packet that the path carries, in bytes.
    pub path_mtu_bytes: u32,
    /// The round trip time, smoothed; zero before the first was measured.
    pub rtt: Duration,
    /// How far round trip times are from it, smoothed.
    pub rtt_variance: Duration,
    /// From here on the window grows slowly, in segments.
    pub slow_start_threshold_segments: Option<u32>,
    /// What may be under way, in segments.
    pub congestion_window_segments: u32,
    /// The largest segment that was advertised to the peer, in bytes.
    pub advertised_mss_bytes: u32,
    /// How far out of order segments may be before they count as lost.
    pub reordering_segments: u32,
    /// The round trip time as the receiver sees it.
    pub recv_rtt: Option<Duration>,
    /// What the receiver takes in one round trip, in bytes: the kernel sizes its buffer by it.
    pub recv_space_bytes: u32,
    /// Segments that were sent again.
    pub retransmissions: u32,
    /// The rate at which the kernel would spread segments over time. It holds them back only where
    /// the congestion control paces (BBR), the device's queue does (`fq`), or the socket was asked
    /// to.
    pub pacing_rate_bytes_per_s: Option<u64>,
    /// Bytes that the peer has acknowledged. The SYN of the end that connected and a FIN of this
    /// end count as one each.
    pub bytes_acked: Option<u64>,
    /// Bytes that came in, whether they were read or not. A FIN counts as one.
    pub bytes_received: Option<u64>,
    /// Segments sent, of all kinds, but for an accepted connection's answer to the SYN.
    pub segments_sent: Option<u32>,
    /// Segments received, of all kinds.
    pub segments_received: Option<u32>,
    /// Bytes that were written and have not been sent even once, now.
    pub bytes_not_sent: Option<u32>,
    /// The shortest round trip time of the last minutes.
    pub min_rtt: Option<Duration>,
    /// Segments with payload received.
    pub data_segments_received: Option<u32>,
    /// Segments with payload sent.
    pub data_segments_sent: Option<u32>,
    /// How fast bytes reached the peer, of late; `None` before any did.
    pub delivery_rate_bytes_per_s: Option<u64>,
    /// Time in which there was something under way; this and the next two to the kernel's tick.
    pub busy: Option<Duration>,
    /// Of this, the time in which the peer's window was the limit.
    pub recv_window_limited: Option<Duration>,
    /// Of this, the time in which the own send buffer was the limit.
    pub send_buffer_limited: Option<Duration>,
    /// Segments that reached the peer: those with payload, and the SYN or the answer to it.
    pub segments_delivered: Option<u32>,
    /// Of these, those that the path marked as congested.
    pub segments_delivered_marked: Option<u32>,
    /// Bytes sent, those sent again included.
    pub bytes_sent: Option<u64>,
    /// Bytes sent again.
    pub bytes_retransmitted: Option<u64>,
    /// Segments that the peer got twice.
    pub duplicates_reported: Option<u32>,
    /// How often reordering was seen.
    pub reorderings_seen: Option<u32>,
    /// Segments that came in out of order.
    pub segments_received_out_of_order: Option<u32>,
    /// What the peer has room for, in bytes.
    pub send_window_bytes: Option<u32>,
}

impl TcpInfo {
    fn of(socket: &impl AsFd) -> io::Result<Self> {
        let mut bytes = [0; ANSWER_BYTES];
        let written = read_option(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut bytes)?;
        if written < ALWAYS_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("TCP_INFO has {written} bytes here, which is less than any Linux writes"),
            ));
        }
        Ok(Self::parse(&mut Answer(&bytes[..written])))
    }

    /// The order of the fields is that of the kernel's structure, which is what this reads.
    fn parse(answer: &mut Answer<'_>) -> Self {
        let state = TcpState::from_kernel(answer.byte());
        let congestion_state = CongestionState::from_kernel(answer.byte());
        let (timeouts_in_a_row, probes_unanswered) = (answer.byte(), answer.byte());
        let (backoffs, options) = (answer.byte(), answer.byte());
        let _window_scales = answer.byte();
        let flags = answer.byte();
        Self {
            state,
            congestion_state,
            timeouts_in_a_row,
            probes_unanswered,
            backoffs,
            timestamps: options & OPTION_TIMESTAMPS != 0,
            selective_acks: options & OPTION_SELECTIVE_ACKS != 0,
            ecn: options & OPTION_ECN != 0,
            fast_open_accepted: options & OPTION_DATA_WITH_SYN != 0,
            delivery_rate_app_limited: flags & 1 != 0,
            retransmission_timeout: answer.old_micros(),
            delayed_ack_timeout: answer.old_micros(),
            send_mss_bytes: answer.old(),
            recv_mss_bytes: answer.old(),
            segments_unacked: answer.old(),
            segments_selectively_acked: answer.old(),
            segments_lost: answer.old(),
            segments_retransmitted: {
                let retransmitted = answer.old();
                let _forward_acks = answer.old();
                retransmitted
            },
            since_data_sent: {
                let since = answer.old_millis();
                let _never_filled = answer.old();
                since
            },
            since_data_received: answer.old_millis(),
            since_ack_received: answer.old_millis(),
            path_mtu_bytes: {
                let bytes = answer.old();
                let _recv_threshold = answer.old();
                bytes
            },
            rtt: answer.old_micros(),
            rtt_variance: answer.old_micros(),
            slow_start_threshold_segments: Some(answer.old()).filter(|count| *count < NO_THRESHOLD),
            congestion_window_segments: answer.old(),
            advertised_mss_bytes: answer.old(),
            reordering_segments: answer.old(),
            recv_rtt: Some(answer.old_micros()).filter(|time| !time.is_zero()),
            recv_space_bytes: answer.old(),
            retransmissions: answer.old(),
            pacing_rate_bytes_per_s: {
                let rate = answer.u64().filter(|rate| *rate != u64::MAX);
                let _rate_max = answer.u64();
                rate
            },
            bytes_acked: answer.u64(),
            bytes_received: answer.u64(),
            segments_sent: answer.u32(),
            segments_received: answer.u32(),
            bytes_not_sent: answer.u32(),
            min_rtt: answer.u32().filter(|micros| ![0, u32::MAX].contains(micros)).map(micros),
            data_segments_received: answer.u32(),
            data_segments_sent: answer.u32(),
            delivery_rate_bytes_per_s: answer.u64().filter(|rate| *rate != 0),
            busy: answer.u64().map(Duration::from_micros),
            recv_window_limited: answer.u64().map(Duration::from_micros),
            send_buffer_limited: answer.u64().map(Duration::from_micros),
            segments_delivered: answer.u32(),
            segments_delivered_marked: answer.u32(),
            bytes_sent: answer.u64(),
            bytes_retransmitted: answer.u64(),
            duplicates_reported: answer.u32(),
            reorderings_seen: answer.u32(),
            segments_received_out_of_order: answer.u32(),
            send_window_bytes: answer.u32(),
        }
    }
}

fn micros(micros: u32) -> Duration {
    Duration::from_micros(micros.into())
}

/// What is left of the kernel's answer.
struct Answer<'a>(&'a [u8]);

impl Answer<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_ne_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_ne_bytes)
    }

    fn byte(&mut self) -> u8 {
        self.take::<1>().expect("the length was checked")[0]
    }

    /// One of those that every kernel writes.
    fn old(&mut self) -> u32 {
        self.u32().expect("the length was checked")
    }

    fn old_micros(&mut self) -> Duration {
        micros(self.old())
    }

    fn old_millis(&mut self) -> Duration {
        Duration::from_millis(self.old().into())
    }
}

impl TcpStream {
    /// What the kernel knows of the connection: its state, round trip times, what was lost and sent
    /// again, what limits it. One system call.
    ///
    /// # Errors
    ///
    /// What `getsockopt(2)` tells.
    ///
    /// ```
    /// use taut_net::{TcpListener, TcpState, TcpStream};
    ///
    /// taut_runtime::run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let info = client.info()?;
    ///     assert_eq!(info.state, TcpState::Established);
    ///     assert!(info.send_mss_bytes > 0);
    ///     println!("round trip {:?} +- {:?}", info.rtt, info.rtt_variance);
    ///     Ok::<(), std::io::Error>(())
    /// })??;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn info(&self) -> io::Result<TcpInfo> {
        TcpInfo::of(self)
    }
}

impl TcpListener {
    /// What the kernel knows of the listener: how many connections wait to be accepted
    /// (`segments_unacked`), and how many may (`segments_selectively_acked`).
    ///
    /// # Errors
    ///
    /// What `getsockopt(2)` tells.
    pub fn info(&self) -> io::Result<TcpInfo> {
        TcpInfo::of(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of an answer in which each field of four bytes from offset 8 has its own value.
    fn numbered() -> Vec<u8> {
        let mut bytes = vec![1, 3, 2, 4, 5, 0b10_0010, 0, 1];
        (2..64).for_each(|word: u32| bytes.extend(word.to_ne_bytes()));
        bytes
    }

    #[test]
    fn each_field_is_at_the_kernels_offset() {
        let info = TcpInfo::parse(&mut Answer(&numbered()));
        assert_eq!(info.state, TcpState::Established);
        assert_eq!(info.congestion_state, CongestionState::Recovery);
        assert_eq!((info.timeouts_in_a_row, info.probes_unanswered, info.backoffs), (2, 4, 5));
        assert!(info.selective_acks && info.fast_open_accepted && info.delivery_rate_app_limited);
        assert!(!info.timestamps && !info.ecn);
        // Offsets as `offsetof` of <linux/tcp.h> has them, divided by four.
        let at = |offset: u32| offset / 4;
        let wide = |offset: u32| u64::from(at(offset)) | u64::from(at(offset) + 1) << 32;
        assert_eq!(info.retransmission_timeout, micros(at(8)));
        assert_eq!(info.segments_unacked, at(24));
        assert_eq!(info.segments_retransmitted, at(36));
        assert_eq!(info.since_data_sent.as_millis(), at(44).into());
        assert_eq!(info.since_data_received.as_millis(), at(52).into());
        assert_eq!(info.path_mtu_bytes, at(60));
        assert_eq!(info.rtt, micros(at(68)));
        assert_eq!(info.congestion_window_segments, at(80));
        assert_eq!(info.recv_rtt, Some(micros(at(92))));
        assert_eq!(info.retransmissions, at(100));
        assert_eq!(info.pacing_rate_bytes_per_s, Some(wide(104)));
        assert_eq!(info.bytes_acked, Some(wide(120)));
        assert_eq!(info.bytes_received, Some(wide(128)));
        assert_eq!(info.segments_received, Some(at(140)));
        assert_eq!(info.min_rtt, Some(micros(at(148))));
        assert_eq!(info.delivery_rate_bytes_per_s, Some(wide(160)));
        assert_eq!(info.send_buffer_limited, Some(Duration::from_micros(wide(184))));
        assert_eq!(info.bytes_sent, Some(wide(200)));
        assert_eq!(info.bytes_retransmitted, Some(wide(208)));
        assert_eq!(info.reorderings_seen, Some(at(220)));
        assert_eq!(info.send_window_bytes, Some(at(228)));
    }

    #[test]
    fn what_an_older_kernel_does_not_write_is_none() {
        let bytes = numbered();
        let info = TcpInfo::parse(&mut Answer(&bytes[..ALWAYS_BYTES]));
        assert_eq!(info.retransmissions, 25);
        assert_eq!((info.pacing_rate_bytes_per_s, info.bytes_acked), (None, None));
        assert_eq!((info.min_rtt, info.send_window_bytes), (None, None));
        // Up to the shortest round trip time, as Linux 4.6 has it.
        let info = TcpInfo::parse(&mut Answer(&bytes[..152]));
        assert_eq!(info.min_rtt, Some(micros(37)));
        assert_eq!((info.data_segments_sent, info.busy, info.bytes_sent), (None, None, None));
    }

    #[test]
    fn what_the_kernel_has_for_no_value_is_none() {
        let mut bytes = numbered();
        for (offset, value) in [(76, NO_THRESHOLD), (92, 0), (148, u32::MAX)] {
            bytes[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
        }
        bytes[104..112].fill(0xff);
        bytes[160..168].fill(0);
        let info = TcpInfo::parse(&mut Answer(&bytes));
        assert_eq!((info.slow_start_threshold_segments, info.recv_rtt), (None, None));
        assert_eq!((info.min_rtt, info.pacing_rate_bytes_per_s), (None, None));
        assert_eq!(info.delivery_rate_bytes_per_s, None);
        bytes[148..152].fill(0);
        assert_eq!(TcpInfo::parse(&mut Answer(&bytes)).min_rtt, None);
    }
}
