//! What the fuzz targets have found worth keeping, on every toolchain: one verdict for each input,
//! wherever it is cut.

use std::path::Path;

use http::Method;
use taut_proto::http::wire::{ChunkLimits, HeadLimits};

use crate::pieces::{chunked, request, response, same_at_every_cut};

/// The inputs of a target without the bytes in front that steer it.
pub(crate) fn inputs(target: &str, steering_bytes: usize) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).expect("the corpus is part of the repository");
    let inputs: Vec<_> = files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .filter_map(|input| input.get(steering_bytes..).map(<[u8]>::to_vec))
        .collect();
    assert!(inputs.len() > 50, "{} has {} inputs", folder.display(), inputs.len());
    inputs
}

#[test]
fn every_kept_head_has_one_verdict() {
    let limits = HeadLimits::default();
    let mut whole = 0;
    for text in inputs("request_head", 1) {
        let verdict = same_at_every_cut(&text, |cuts| request(&text, cuts, &limits));
        whole += usize::from(verdict.is_whole());
    }
    for text in inputs("response_head", 2) {
        for method in [Method::GET, Method::HEAD, Method::CONNECT] {
            let verdict = same_at_every_cut(&text, |cuts| response(&text, cuts, &method, &limits));
            whole += usize::from(verdict.is_whole());
        }
    }
    assert!(whole > 20, "{whole} are taken");
}

#[test]
fn every_kept_body_has_one_verdict() {
    let mut whole = 0;
    for text in inputs("chunked_body", 1) {
        let body = same_at_every_cut(&text, |cuts| chunked(&text, cuts, ChunkLimits::default()));
        whole += usize::from(body.outcome == Ok(true));
    }
    assert!(whole > 5, "{whole} are taken");
}
