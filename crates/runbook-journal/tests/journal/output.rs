//! What programs print.

use std::fs;

use runbook_action::Stream;
use runbook_event::{Journal as _, OutputName};
use runbook_journal::Writer;

use crate::sample::keep;

#[test]
fn little_output_stays_in_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(dir.path(), "r", &[]).unwrap();
    assert_eq!(keep(&writer, "a", "1", &[]), []);
    assert_eq!(keep(&writer, "a", "1", &[b""]), []);
    let output = keep(&writer, "a", "1", &[&[b'x'; 4000], &[b'y'; 96]]);
    assert_eq!(output[0].bytes, 4096);
    assert_eq!(output[0].head.len(), 4096);
    assert_eq!((&output[0].file, output[0].tail.as_str()), (&None, ""));
    assert!(!writer.dir().join("output").exists());
}

#[test]
fn much_output_goes_to_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(dir.path(), "r", &[]).unwrap();
    let text = "line €\n".repeat(2_000);
    for (part, chunk) in [("1", 1), ("2", 7), ("3", 4096), ("4", 100_000)] {
        let chunks: Vec<&[u8]> = text.as_bytes().chunks(chunk).collect();
        let output = keep(&writer, "a", part, &chunks);
        let [output] = output.as_slice() else {
            panic!("{output:?}")
        };
        let file = output.file.as_deref().unwrap();
        assert_eq!(file, format!("output/a.{part}.stdout"));
        assert_eq!(fs::read_to_string(writer.dir().join(file)).unwrap(), text);
        assert_eq!(output.bytes, text.len() as u64);
        assert!(text.starts_with(&output.head) && (4093..=4096).contains(&output.head.len()));
        assert!(text.ends_with(&output.tail) && (4093..=4096).contains(&output.tail.len()));
    }
}

#[test]
fn head_and_tail_do_not_overlap() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(dir.path(), "r", &[]).unwrap();
    let output = keep(&writer, "a", "1", &[&[b'x'; 4096], b"end"]);
    assert_eq!((output[0].head.len(), output[0].tail.as_str()), (4096, "end"));
}

#[test]
fn what_is_no_text_is_kept_whole_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(dir.path(), "r", &[]).unwrap();
    let output = keep(&writer, "a", "1", &[&[0xff; 3000]]);
    assert_eq!(
        fs::read(writer.dir().join(output[0].file.as_deref().unwrap())).unwrap(),
        [0xff; 3000]
    );
    assert_eq!(output[0].head, "\u{fffd}".repeat(1365));
    assert_eq!(output[0].tail, "");
}

#[test]
fn the_streams_are_apart() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(dir.path(), "r", &[]).unwrap();
    let name = OutputName {
        step: "a".to_owned(),
        part: "undo".to_owned(),
    };
    let mut output = writer.output(&name);
    output.write(Stream::Stderr, b"warning\n").unwrap();
    output.write(Stream::Stdout, &[b'x'; 5000]).unwrap();
    let refs = output.finish().unwrap();
    assert_eq!(refs[0].stream, Stream::Stdout);
    assert_eq!(refs[0].file.as_deref(), Some("output/a.undo.stdout"));
    assert_eq!(
        (refs[1].stream, refs[1].head.as_str()),
        (Stream::Stderr, "warning\n")
    );
}

#[test]
fn no_step_writes_over_another_or_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(dir.path(), "r", &[]).unwrap();
    let file = |step: &str| {
        keep(&writer, step, "1", &[&[b'x'; 5000]])[0]
            .file
            .clone()
            .unwrap()
    };
    assert_eq!(file("../../x"), "output/______x.1.stdout");
    assert_eq!(file("a/b"), "output/a_b.1.stdout");
    assert_eq!(file("a_b"), "output/a_b.1.stdout.2");
    assert_eq!(file("a b"), "output/a_b.1.stdout.3");
}

#[test]
fn what_cannot_be_kept_names_the_path_and_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(dir.path(), "r", &[]).unwrap();
    fs::write(writer.dir().join("output"), "in the way").unwrap();
    let name = OutputName {
        step: "a".to_owned(),
        part: "1".to_owned(),
    };
    let mut output = writer.output(&name);
    output.write(Stream::Stdout, b"fits").unwrap();
    let error = output.write(Stream::Stdout, &[b'x'; 5000]).unwrap_err();
    assert!(error.path.ends_with("r/output"), "{error}");
    assert_eq!(output.write(Stream::Stdout, b"x"), Err(error.clone()));
    assert_eq!(output.finish(), Err(error));
}
