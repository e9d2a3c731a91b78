//! Any bytes as the head of a response: the same verdict however they are cut, no other than
//! httparse's but on purpose, and a head that is taken reads the same after it was written again.
#![no_main]

#[path = "../../tests/wire/pieces.rs"]
#[allow(dead_code, reason = "only a part of it is used here")]
mod pieces;
#[path = "../../tests/wire/second_opinion.rs"]
#[allow(dead_code, reason = "only a part of it is used here")]
mod second_opinion;

use http::Method;
use libfuzzer_sys::fuzz_target;
use pieces::{Verdict, byte_by_byte, response};
use taut_proto::http::wire::{
    BodyLength, HeadLimits, write_head_end, write_header, write_status_line,
};

fuzz_target!(|input: &[u8]| {
    let &[cut, method, ref bytes @ ..] = input else { return };
    let method = match method % 3 {
        0 => Method::GET,
        1 => Method::HEAD,
        _ => Method::CONNECT,
    };
    let limits = HeadLimits {
        head_bytes_max: 512,
        start_line_bytes_max: 128,
        header_line_bytes_max: 64,
        headers_max: 8,
    };
    let whole = response(bytes, &[], &method, &limits);
    assert_eq!(response(bytes, &[bytes.len().min(cut.into())], &method, &limits), whole);
    assert_eq!(response(bytes, &byte_by_byte(bytes), &method, &limits), whole);

    second_opinion::on_response(bytes, &method, &limits);
    let Verdict::Whole { head, fields, .. } = whole else { return };
    if head.framing.body == BodyLength::UntilClose || head.framing.tunnel {
        assert!(!head.framing.keep_alive);
    }
    let mut again = Vec::new();
    write_status_line(&mut again, head.version, head.status);
    for (name, value) in &fields {
        write_header(&mut again, name.as_bytes(), value).unwrap();
    }
    write_head_end(&mut again);
    let Verdict::Whole { head: reread, fields: reread_fields, .. } =
        response(&again, &[], &method, &HeadLimits::default())
    else {
        panic!("a head that was taken is taken again");
    };
    assert_eq!((reread.framing, reread.status), (head.framing, head.status));
    assert_eq!(reread_fields, fields);
});
