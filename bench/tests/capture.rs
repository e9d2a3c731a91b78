//! `taut-bench capture` as a user starts it.

mod common;

use std::fs;

use common::{errors, folder, run};

#[test]
fn what_is_generated_is_shown() {
    let file = folder("capture").join("feed.pcap");
    let path = file.display();
    let output = run(&format!("capture generate {path} --packets 2000 --seed 9 --loss 5000"));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let output = run(&format!("capture show {path}"));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    for words in ["239.1.1.1:30001", "239.1.1.2:30002", "as one feed", "filled"] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_file_that_can_not_be_read_or_written_ends_with_status_2_its_name_and_the_reason() {
    let folder = folder("capture-wrong");
    let (whole, cut) = (folder.join("whole.pcap"), folder.join("cut.pcap"));
    run(&format!("capture generate {} --packets 10 --loss 0", whole.display()));
    let bytes = fs::read(&whole).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();
    fs::write(folder.join("text"), "this is no capture of any kind").unwrap();
    let folder = folder.display();
    for (line, words) in [
        (format!("capture show {folder}/nothing"), "nothing can't be read"),
        (format!("capture show {folder}/cut.pcap"), "record 20 at byte"),
        (format!("capture show {folder}/text"), "it is no capture"),
        (format!("capture generate {folder}/none/file"), "can't be written"),
        (format!("capture generate {folder}/file --loss 1000001"), "--loss"),
        (format!("capture generate {folder}/file --behind 5"), "no duration"),
    ] {
        let output = run(&line);
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(errors(&output).contains(words), "{line}: {}", errors(&output));
    }
}
