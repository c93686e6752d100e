//! `get`, `set`, `del`, and the forms in which they read and print bytes.

use crate::kv::Kv;
use jiff::Timestamp;
use serde_json::json;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

#[test]
fn what_was_set_is_there_for_the_next_run() {
    let kv = Kv::new();
    assert!(kv.run("set greeting hello").ok().starts_with("set at version "));
    assert_eq!(kv.run("get greeting").ok(), "hello\n");
    kv.run("set greeting goodbye").ok();
    assert_eq!(kv.run("get greeting").ok(), "goodbye\n");
    kv.run_words(["set", "", ""]).ok();
    assert_eq!(kv.run_words(["get", ""]).ok(), "\n");
    kv.run("set number -5").ok();
    assert_eq!(kv.run("get number").ok(), "-5\n");
}

#[test]
fn a_missing_key_gives_exit_code_1() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    kv.run("get b").fails(1, &["no value", "'b'"]);
    kv.run("--json get b").fails(1, &["'b'"]);
    kv.run("del a").ok();
    kv.run("get a").fails(1, &["'a'"]);
    kv.run("--hex get 00").fails(1, &["'00'"]);
}

#[test]
fn del_says_how_many_there_were() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    kv.run("set b 2").ok();
    let text = kv.run("del a b c").ok();
    assert!(text.starts_with("deleted 2 at version ") && text.ends_with("; without a value: 1\n"), "{text}");
    assert_eq!(kv.run("del a").ok(), "deleted 0; without a value: 1\n");
    assert_eq!(kv.run("--json del a").json()["deleted"], 0);
}

#[test]
fn values_come_from_files_and_from_the_input_byte_for_byte() {
    let kv = Kv::new();
    let bytes: Vec<u8> = (0..=255).collect();
    kv.file("bytes", &bytes);
    kv.run("set a --file bytes").ok();
    assert_eq!(kv.run("get a --raw").out, bytes);
    kv.run_with_input("set b --file -", b"from the input\n").ok();
    assert_eq!(kv.run("get b --raw").out, b"from the input\n");
    assert_eq!(kv.run("get b").ok(), "from the input\n");
    kv.run("set c --file nowhere").fails(3, &["nowhere"]);
    kv.run("set c").misuse(&["VALUE"]);
    kv.run("set c d --file bytes").misuse(&["--file"]);
}

#[test]
fn bytes_that_are_no_text_are_escaped() {
    let kv = Kv::new();
    kv.run("--hex set 00ff61 0a5cff").ok();
    assert_eq!(kv.run("scan").ok(), "\\x00\\xffa\t\\x0a\\x5c\\xff\n");
    kv.run_words([OsStr::new("set"), OsStr::from_bytes(b"\xfe"), OsStr::new("größe")]).ok();
    assert_eq!(kv.run("--hex get fe").ok(), "6772c3b6c39f65\n");
    assert_eq!(kv.run_words([OsStr::new("get"), OsStr::from_bytes(b"\xfe")]).ok(), "größe\n");
    kv.run("--hex get 0g").fails(2, &["'0g'", "hexadecimal"]);
    kv.run("--hex set 00 123").fails(2, &["'123'", "hexadecimal"]);
}

#[test]
fn json_output() {
    let kv = Kv::new();
    assert_eq!(kv.run("--json set a 1").json()["set"], 1);
    assert_eq!(kv.run("--json get a").json(), json!({ "key": "a", "value": "1" }));
    kv.run("--hex set 62 ff").ok();
    assert_eq!(kv.run("--json get b").json(), json!({ "key": "b", "value": { "hex": "ff" } }));
    assert_eq!(kv.run("--json --hex get 62").json(), json!({ "key": "62", "value": "ff" }));
}

#[test]
fn reads_at_a_version_and_at_a_time() {
    let kv = Kv::new();
    let first = kv.run("--json set a 1").json()["version"].to_string();
    std::thread::sleep(Duration::from_millis(5));
    let between = Timestamp::now();
    std::thread::sleep(Duration::from_millis(5));
    let second = kv.run("--json set a 2").json()["version"].to_string();
    assert_eq!(kv.run(&format!("get a --at {first}")).ok(), "1\n");
    assert_eq!(kv.run(&format!("get a --at {second}")).ok(), "2\n");
    assert_eq!(kv.run(&format!("get a --at {between}")).ok(), "1\n");
    assert_eq!(kv.run(&format!("scan --at {between}")).ok(), "a\t1\n");
    kv.run("del a").ok();
    assert_eq!(kv.run(&format!("count --at {second}")).ok(), "1\n");
    assert_eq!(kv.run("count").ok(), "0\n");
    kv.run("get a --at 2020-01-01T00:00:00Z").fails(1, &["'a'"]);
    assert_eq!(kv.run("get a --at 2999-01-01T00:00:00Z").code, Some(1));
    for bad in ["yesterday", "2026-01-01", "99999999999999999999"] {
        kv.run(&format!("get a --at {bad}")).misuse(&["--at"]);
    }
}
