//! Any bytes as the head of a request: the same verdict however they are cut, no other than
//! httparse's but on purpose, and a head that is taken reads the same after it was written again.
#![no_main]

#[path = "../../tests/wire/pieces.rs"]
#[allow(dead_code, reason = "only a part of it is used here")]
mod pieces;
#[path = "../../tests/wire/second_opinion.rs"]
#[allow(dead_code, reason = "only a part of it is used here")]
mod second_opinion;

use http::uri::Authority;
use http::{Method, Uri};
use libfuzzer_sys::fuzz_target;
use pieces::{Verdict, byte_by_byte, request};
use taut_proto::http::wire::{
    BodyLength, HeadLimits, TargetForm, write_head_end, write_header, write_request_line,
};

fuzz_target!(|input: &[u8]| {
    let Some((&cut, bytes)) = input.split_first() else { return };
    // Small enough that the limits are met as well.
    let limits = HeadLimits {
        head_bytes_max: 512,
        start_line_bytes_max: 128,
        header_line_bytes_max: 64,
        headers_max: 8,
    };
    let whole = request(bytes, &[], &limits);
    assert_eq!(request(bytes, &[bytes.len().min(cut.into())], &limits), whole);
    assert_eq!(request(bytes, &byte_by_byte(bytes), &limits), whole);

    second_opinion::on_request(bytes, &limits);
    let Verdict::Whole { head, head_bytes, fields } = whole else { return };
    let text = &bytes[..head_bytes];
    for (at, _) in text.iter().enumerate().filter(|&(_, &byte)| byte == b'\n') {
        assert_eq!(text[at - 1], b'\r');
    }
    assert!(head.framing.body != BodyLength::UntilClose);
    assert_eq!(head.target.form == TargetForm::Authority, head.method == Method::CONNECT);
    let target = head.target.text.of(text);
    if target != b"*" {
        Uri::try_from(target).expect("a target that is taken is a URI");
    }
    let authority = head.target.authority.of(text);
    if !authority.is_empty() {
        Authority::try_from(authority).expect("a host that is taken is an authority");
    }

    let mut again = Vec::new();
    write_request_line(&mut again, &head.method, target, head.version).unwrap();
    for (name, value) in &fields {
        write_header(&mut again, name.as_bytes(), value).unwrap();
    }
    write_head_end(&mut again);
    let Verdict::Whole { head: reread, fields: reread_fields, .. } =
        request(&again, &[], &HeadLimits::default())
    else {
        panic!("a head that was taken is taken again");
    };
    assert_eq!((reread.framing, reread.version), (head.framing, head.version));
    assert_eq!(reread_fields, fields);
});
