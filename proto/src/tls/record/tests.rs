//! What a peer that holds the keys may do, and what it may not: records made by hand.

use rcgen::generate_simple_self_signed;

use super::fatal::{alert, content};
use super::*;
use crate::tls::{
    Finished, Identity, Roots, TlsAcceptor, TlsConnector, TlsError, TlsErrorKind, TlsVersion,
};

/// The client's end of a handshake.
pub(in crate::tls) fn finished() -> Finished {
    let [client, _] = handshakes(TlsVersion::Tls13);
    client
}

/// Both ends of a handshake, the client's first.
fn handshakes(version: TlsVersion) -> [Finished; 2] {
    let generated = generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    let certificate = generated.cert.der().to_vec();
    let roots = Roots::none().with_der(&certificate).unwrap();
    let key = generated.signing_key.serialize_der();
    let identity = Identity::from_der(vec![certificate], key).unwrap();
    let versions = &[version];
    let connector = TlsConnector::builder().roots(roots).versions(versions).build().unwrap();
    let acceptor = TlsAcceptor::builder(identity).build().unwrap();
    let mut client = connector.handshake("a.test").unwrap();
    let mut server = acceptor.handshake().unwrap();
    let (mut client_done, mut server_done) = (false, false);
    while !client_done || !server_done {
        server_done = server.receive(client.to_send()).unwrap();
        client.sent(client.to_send().len());
        client_done = client.receive(server.to_send()).unwrap();
        server.sent(server.to_send().len());
    }
    [client.finish().unwrap(), server.finish().unwrap()]
}

/// A client and a server after their handshake; what the server sent last is with the client.
fn pair(version: TlsVersion) -> [RecordLayer; 2] {
    let [client, server] = handshakes(version);
    assert!(server.received.is_empty());
    let (mut client_layer, mut tickets) = (client.layer, client.received);
    while !tickets.is_empty() {
        let bytes = client_layer.record_bytes(&tickets).unwrap().unwrap();
        assert_eq!(client_layer.open(&mut tickets[..bytes]).unwrap(), Opened::Control);
        tickets.drain(..bytes);
    }
    [client_layer, server.layer]
}

/// A record as the peer would seal it, whatever is in it.
fn sealed(from: &mut RecordLayer, kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    from.outbound.begin(&mut record);
    record.extend_from_slice(payload);
    from.outbound.finish(kind, &mut record, 0);
    record
}

/// Seals at one end and opens at the other.
fn pass(
    from: &mut RecordLayer,
    to: &mut RecordLayer,
    kind: u8,
    payload: &[u8],
) -> Result<Opened, TlsError> {
    let mut record = sealed(from, kind, payload);
    assert_eq!(to.record_bytes(&record)?, Some(record.len()));
    to.open(&mut record)
}

/// What the peer would find in the first record that is to be sent.
fn said(to: &mut RecordLayer, from: &RecordLayer) -> (u8, Vec<u8>) {
    let mut record = from.sealed().to_vec();
    let bytes = to.record_bytes(&record).unwrap().unwrap();
    let (kind, range) = to.inbound.open(&mut record[..bytes]).unwrap();
    (kind, record[range].to_vec())
}

/// The peer's record is refused with this alert, and so is everything after it.
fn refused(version: TlsVersion, to_client: bool, records: &[(u8, &[u8])], alert: u8) {
    let [client, server] = pair(version);
    let (mut from, mut to) = if to_client { (server, client) } else { (client, server) };
    let (last, before) = records.split_last().unwrap();
    for (kind, payload) in before {
        assert_eq!(pass(&mut from, &mut to, *kind, payload).unwrap(), Opened::Control);
        let sealed = to.sealed().len();
        to.sent(sealed);
    }
    // What was said before is not looked at: the numbers of the records go on.
    let error = pass(&mut from, &mut to, last.0, last.1).unwrap_err();
    assert_eq!(error.kind(), TlsErrorKind::PeerMisbehaved, "{error}");
    if before.is_empty() {
        assert_eq!(said(&mut from, &to), (content::ALERT, vec![2, alert]), "{error}");
    }
    assert!(pass(&mut from, &mut to, content::APPLICATION_DATA, b"more").is_err());
    assert!(to.seal(b"an answer").is_err());
}

const UPDATE: [u8; 5] = [24, 0, 0, 1, 0];
const TWO_UPDATES: [u8; 10] = [24, 0, 0, 1, 0, 24, 0, 0, 1, 0];

/// Records that one end seals by hand, and the alert that the other answers the last with. The flag
/// says whether it is the client that receives them.
type Case = (TlsVersion, bool, &'static [(u8, &'static [u8])], u8);

#[test]
fn what_is_not_allowed_after_a_handshake_is_refused_with_its_alert() {
    use TlsVersion::{Tls12, Tls13};
    const DATA: u8 = content::APPLICATION_DATA;
    const HANDSHAKE: u8 = content::HANDSHAKE;
    let unexpected = alert::UNEXPECTED_MESSAGE;
    let cases: &[Case] = &[
        (Tls13, true, &[(content::CHANGE_CIPHER_SPEC, &[1])], unexpected),
        (Tls12, true, &[(content::CHANGE_CIPHER_SPEC, &[1])], unexpected),
        (Tls13, true, &[(99, b"a kind that is none")], unexpected),
        (Tls13, true, &[(HANDSHAKE, &[])], unexpected),
        (Tls12, true, &[(HANDSHAKE, &[])], unexpected),
        // A certificate request, new keys in TLS 1.2, a ticket from a client.
        (Tls13, true, &[(HANDSHAKE, &[13, 0, 0, 0])], unexpected),
        (Tls12, true, &[(HANDSHAKE, &UPDATE)], unexpected),
        (Tls13, false, &[(HANDSHAKE, &[4, 0, 0, 1, 0])], unexpected),
        (Tls13, true, &[(HANDSHAKE, &[4, 0, 0, 1, 0])], alert::DECODE_ERROR),
        (Tls13, true, &[(HANDSHAKE, &[4, 1, 0, 1])], alert::DECODE_ERROR),
        // New keys: not the last of their record, longer, an unknown request.
        (Tls13, true, &[(HANDSHAKE, &TWO_UPDATES)], unexpected),
        (Tls13, true, &[(HANDSHAKE, &[24, 0, 0, 2, 0, 0])], alert::DECODE_ERROR),
        (Tls13, true, &[(HANDSHAKE, &[24, 0, 0, 1, 2])], alert::ILLEGAL_PARAMETER),
        // Alerts: too short, too long, of no level.
        (Tls13, true, &[(content::ALERT, &[2])], alert::DECODE_ERROR),
        (Tls12, true, &[(content::ALERT, &[1, 0, 1, 0])], alert::DECODE_ERROR),
        (Tls13, true, &[(content::ALERT, &[3, 0])], alert::ILLEGAL_PARAMETER),
        // Data and alerts between the parts of a message.
        (Tls13, true, &[(HANDSHAKE, &[4, 0, 0, 9]), (DATA, b"data")], unexpected),
        (Tls13, true, &[(HANDSHAKE, &[24]), (content::ALERT, &[1, 0])], unexpected),
        // Renegotiation: turned down once.
        (Tls12, true, &[(HANDSHAKE, &[0; 4]), (HANDSHAKE, &[0; 4])], unexpected),
        (Tls12, true, &[(HANDSHAKE, &[1, 0, 0, 0])], unexpected),
        (Tls12, false, &[(HANDSHAKE, &[0; 4])], unexpected),
    ];
    for (version, to_client, records, alert) in cases {
        eprintln!("{version:?}, {records:?}");
        refused(*version, *to_client, records, *alert);
    }
}

#[test]
fn a_flood_of_what_costs_the_peer_nothing_ends_at_its_limit() {
    let cases = [
        (TlsVersion::Tls13, content::APPLICATION_DATA, &[][..], EMPTY_RECORDS_MAX),
        (TlsVersion::Tls12, content::APPLICATION_DATA, &[][..], EMPTY_RECORDS_MAX),
        (TlsVersion::Tls13, content::ALERT, &[1, alert::USER_CANCELED][..], WARNING_ALERTS_MAX),
        (TlsVersion::Tls12, content::ALERT, &[1, 110][..], WARNING_ALERTS_MAX),
    ];
    for (version, kind, payload, max) in cases {
        let records = vec![(kind, payload); usize::from(max) + 1];
        refused(version, false, &records, alert::UNEXPECTED_MESSAGE);
    }
}

#[test]
fn data_begins_the_limits_anew() {
    let [mut client, mut server] = pair(TlsVersion::Tls13);
    for _ in 0..5 {
        for _ in 0..EMPTY_RECORDS_MAX {
            let opened = pass(&mut client, &mut server, content::APPLICATION_DATA, b"").unwrap();
            assert_eq!(opened, Opened::Control);
        }
        for _ in 0..KEY_UPDATES_MAX {
            exchange_keys(&mut client, &mut server).unwrap();
        }
        let opened = pass(&mut client, &mut server, content::APPLICATION_DATA, b"!").unwrap();
        assert_eq!(opened, Opened::Data(5..6));
    }
}

/// New keys of one end; the other says what it made of them.
fn exchange_keys(from: &mut RecordLayer, to: &mut RecordLayer) -> Result<Opened, TlsError> {
    from.update_keys().unwrap();
    let mut record = from.sealed().to_vec();
    from.sent(record.len());
    to.open(&mut record)
}

#[test]
fn a_flood_of_new_keys_ends_at_its_limit() {
    let [mut client, mut server] = pair(TlsVersion::Tls13);
    for _ in 0..KEY_UPDATES_MAX {
        exchange_keys(&mut client, &mut server).unwrap();
    }
    let error = exchange_keys(&mut client, &mut server).unwrap_err();
    assert_eq!(error.kind(), TlsErrorKind::PeerMisbehaved);
}

#[test]
fn a_peer_that_asks_for_new_keys_gets_them_once_while_the_answer_waits() {
    let [mut client, mut server] = pair(TlsVersion::Tls13);
    for round in 0..3 {
        for _ in 0..2 {
            let mut record = sealed(&mut client, content::HANDSHAKE, &[24, 0, 0, 1, 1]);
            // The key that follows it; its own announcement, under the old one, is not sent.
            client.send_key_update().unwrap();
            client.sent(client.sealed().len());
            assert_eq!(server.open(&mut record).unwrap(), Opened::Control);
        }
        let mut answer = server.sealed().to_vec();
        server.sent(answer.len());
        let bytes = client.record_bytes(&answer).unwrap().unwrap();
        assert_eq!(bytes, answer.len(), "one answer, in round {round}");
        assert_eq!(client.open(&mut answer).unwrap(), Opened::Control);
        // Both directions go on under the new keys.
        let data = pass(&mut server, &mut client, content::APPLICATION_DATA, b"back").unwrap();
        assert_eq!(data, Opened::Data(5..9));
        let data = pass(&mut client, &mut server, content::APPLICATION_DATA, b"forth").unwrap();
        assert_eq!(data, Opened::Data(5..10));
    }
}

#[test]
fn keys_that_wear_out_are_replaced_in_time_or_end_the_connection() {
    let [mut client, mut server] = pair(TlsVersion::Tls13);
    client.outbound.records_max = 10;
    for number in 0..100_u8 {
        client.seal(&[number; 3]).unwrap();
    }
    let mut wire = client.sealed().to_vec();
    let (mut data, mut updates) = (Vec::new(), 0);
    while !wire.is_empty() {
        let bytes = server.record_bytes(&wire).unwrap().unwrap();
        match server.open(&mut wire[..bytes]).unwrap() {
            Opened::Data(range) => data.push(wire[range.start]),
            other => {
                assert_eq!(other, Opened::Control);
                updates += 1;
            }
        }
        wire.drain(..bytes);
    }
    assert_eq!(data, Vec::from_iter(0..100));
    // Nine records of data to a key, and its successor in the tenth.
    assert_eq!(updates, 11);

    let [mut client, mut server] = pair(TlsVersion::Tls12);
    client.outbound.records_max = 10;
    let sent = (0..20).take_while(|_| client.seal(b"data").is_ok()).count();
    assert!((1..10).contains(&sent), "{sent}");
    let mut wire = client.sealed().to_vec();
    let mut last = Opened::Control;
    while !wire.is_empty() {
        let bytes = server.record_bytes(&wire).unwrap().unwrap();
        last = server.open(&mut wire[..bytes]).unwrap();
        wire.drain(..bytes);
    }
    assert_eq!(last, Opened::Closed, "the peer is told");
}

#[test]
fn a_message_may_span_records_and_share_one() {
    // A ticket without extensions: lifetime, age, nonce, ticket.
    let ticket = [4, 0, 0, 17, 0, 0, 1, 0, 1, 2, 3, 4, 1, 9, 0, 3, 7, 7, 7, 0, 0];
    let [mut client, mut server] = pair(TlsVersion::Tls13);
    for split in 1..ticket.len() {
        for part in [&ticket[..split], &ticket[split..]] {
            let opened = pass(&mut server, &mut client, content::HANDSHAKE, part).unwrap();
            assert_eq!(opened, Opened::Control);
        }
    }
    let three = [ticket, ticket, ticket].concat();
    pass(&mut server, &mut client, content::HANDSHAKE, &three[..30]).unwrap();
    pass(&mut server, &mut client, content::HANDSHAKE, &three[30..]).unwrap();
    let data = pass(&mut server, &mut client, content::APPLICATION_DATA, b"data").unwrap();
    assert_eq!(data, Opened::Data(5..9));
}

#[test]
fn renegotiation_is_turned_down_by_a_warning() {
    let [mut client, mut server] = pair(TlsVersion::Tls12);
    pass(&mut server, &mut client, content::HANDSHAKE, &[0; 4]).unwrap();
    let warning = (content::ALERT, vec![1, alert::NO_RENEGOTIATION]);
    assert_eq!(said(&mut server, &client), warning);
    client.seal(b"and goes on").unwrap();
}

#[test]
fn padding_is_taken_off_and_counts_towards_the_limit() {
    let [mut client, mut server] = pair(TlsVersion::Tls13);
    let mut padded = b"data\x17".to_vec();
    padded.extend_from_slice(&[0; 1000]);
    // The kind that `sealed` adds is a zero more.
    let opened = pass(&mut client, &mut server, 0, &padded).unwrap();
    assert_eq!(opened, Opened::Data(5..9));
    let opened = pass(&mut client, &mut server, 0, b"\x17\0\0").unwrap();
    assert_eq!(opened, Opened::Control, "nothing but padding");
    padded.resize(1 << 14, 0);
    assert_eq!(pass(&mut client, &mut server, 0, &padded).unwrap(), Opened::Data(5..9));
    padded.push(0);
    assert!(pass(&mut client, &mut server, 0, &padded).is_err());
    refused(TlsVersion::Tls13, true, &[(0, &[0; 20])], alert::UNEXPECTED_MESSAGE);
}

#[test]
fn records_have_a_longest_length() {
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let longest = vec![1; RECORD_PLAINTEXT_BYTES_MAX];
        let [mut client, mut server] = pair(version);
        let opened = pass(&mut client, &mut server, content::APPLICATION_DATA, &longest).unwrap();
        assert!(matches!(opened, Opened::Data(range) if range.len() == longest.len()));
        let longer = vec![1; RECORD_PLAINTEXT_BYTES_MAX + 1];
        let record = [(content::APPLICATION_DATA, &longer[..])];
        refused(version, true, &record, alert::RECORD_OVERFLOW);

        let (payload, kind) = match version {
            TlsVersion::Tls12 => ((1 << 14) + 2048, 22),
            TlsVersion::Tls13 => ((1 << 14) + 256, 23),
        };
        let header = |payload: usize| [kind, 3, 3, (payload >> 8) as u8, payload as u8];
        let mut other = pair(version);
        assert_eq!(other[0].record_bytes(&header(payload)).unwrap(), Some(5 + payload));
        assert_eq!(other[0].record_bytes(&header(payload)[..4]).unwrap(), None);
        assert!(other[0].record_bytes(&header(payload + 1)).is_err());
        assert!(other[1].record_bytes(b"GET / HTTP/1.1").is_err());
    }
}

#[test]
fn the_close_of_each_direction_is_once_and_for_all() {
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let [mut client, mut server] = pair(version);
        client.close();
        let mut close = client.sealed().to_vec();
        client.close();
        assert_eq!(client.sealed(), close);
        assert!(client.seal(b"more").is_err() && client.update_keys().is_err());
        assert_eq!(server.open(&mut close).unwrap(), Opened::Closed);
        assert!(server.is_peer_done());
        // Whatever follows is not looked at.
        assert_eq!(server.open(&mut [23, 3, 3, 0, 0]).unwrap(), Opened::Closed);
        assert!(server.transport_ended().is_ok());
        let data = pass(&mut server, &mut client, content::APPLICATION_DATA, b"back").unwrap();
        assert!(matches!(data, Opened::Data(_)));
        let error = client.transport_ended().unwrap_err();
        assert_eq!(error.kind(), TlsErrorKind::Truncated);
    }
}

#[test]
fn a_peers_alert_is_told_by_its_name_and_not_answered() {
    let [mut client, mut server] = pair(TlsVersion::Tls13);
    let error = pass(&mut client, &mut server, content::ALERT, &[2, 48]).unwrap_err();
    assert_eq!(error.kind(), TlsErrorKind::PeerRefused);
    assert!(error.to_string().contains("UnknownCA"), "{error}");
    assert!(server.sealed().is_empty());
    assert_eq!(server.not_failed().unwrap_err().kind(), TlsErrorKind::PeerRefused);
}

#[test]
fn nothing_shows_a_key() {
    let [client, _] = pair(TlsVersion::Tls13);
    let shown = format!("{client:?}");
    assert!(shown.contains("Key(Aes256Gcm)") && shown.contains("Secrets(client)"), "{shown}");
}

/// What lies in memory with room in front, sealed there or in the layer's own memory.
#[test]
fn data_sealed_where_it_is_reads_as_if_it_had_been_copied() {
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let [mut from, mut to] = pair(version);
        let before = from.outbound.bytes_before();
        let mut memory = Vec::new();
        for round in 0..6_usize {
            let data: Vec<u8> = (0..100 + round * 1000).map(|at| (at + round) as u8).collect();
            let start = before + round;
            memory.extend_from_slice(&vec![0xAA; start]);
            memory.extend_from_slice(&data);
            assert!(from.seal_in_place(&mut memory, start).unwrap());
            assert!(memory.is_empty(), "the memory was exchanged");
            assert_eq!(said(&mut to, &from), (content::APPLICATION_DATA, data.clone()));
            // With a record that waits, another is not sealed in place: it would overtake.
            let mut other = [vec![0; before], b"other".to_vec()].concat();
            assert!(!from.seal_in_place(&mut other, before).unwrap());
            assert_eq!(&other[before..], b"other");
            let sealed = from.sealed().len();
            from.sent(sealed);
            // In between, one that is copied.
            from.seal(&data).unwrap();
            assert_eq!(said(&mut to, &from), (content::APPLICATION_DATA, data));
            let sealed = from.sealed().len();
            from.sent(sealed);
        }
        for (room, bytes) in [(before, 0), (before - 1, 10), (before, (1 << 14) + 1)] {
            let mut memory = vec![7; room + bytes];
            assert!(!from.seal_in_place(&mut memory, room).unwrap(), "{room} {bytes}");
            assert_eq!(memory, vec![7; room + bytes], "nothing was done to it");
            assert!(from.sealed().is_empty());
        }
        let mut most = vec![7; before + (1 << 14)];
        assert!(from.seal_in_place(&mut most, before).unwrap());
        assert_eq!(said(&mut to, &from).1.len(), 1 << 14);
    }
}

#[test]
fn new_keys_go_before_data_that_would_be_sealed_where_it_is() {
    let [mut from, mut to] = pair(TlsVersion::Tls13);
    from.outbound.records_max = 1;
    let before = from.outbound.bytes_before();
    let mut memory = [vec![0; before], b"data".to_vec()].concat();
    assert!(!from.seal_in_place(&mut memory, before).unwrap(), "the new keys are told first");
    assert_eq!(said(&mut to, &from).0, content::HANDSHAKE);
    assert_eq!(&memory[before..], b"data");
}
