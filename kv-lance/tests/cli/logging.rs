//! `RUST_LOG` and `--log-format`: nothing unless it is asked for, and never on the standard output.

use crate::kv::{Kv, Ran};
use serde_json::Value;

fn run(kv: &Kv, log: &str, line: &str) -> Ran {
    kv.bare(line.split_whitespace()).env("KV_STORE", "store").env("RUST_LOG", log).output().unwrap().into()
}

#[test]
fn spans_are_logged_as_lines() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    let ran = run(&kv, "kv_lance=debug", "flush");
    assert!(ran.code == Some(0) && ran.out.starts_with(b"flushed in "), "{ran:?}");
    let line = ran.err.lines().find(|line| line.contains("flush{")).unwrap_or_else(|| panic!("no flush in {ran:?}"));
    assert!(line.contains("rows=1") && line.contains("time.busy="), "{line}");
    // Other levels and targets.
    assert_eq!(run(&kv, "kv_lance=warn", "get a").ok(), "1\n");
    assert_eq!(run(&kv, "other=trace", "get a").ok(), "1\n");
    assert_eq!(run(&kv, "", "get a").ok(), "1\n");
}

#[test]
fn as_json_each_line_is_an_object() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    let ran = run(&kv, "warn,kv_lance=debug", "--log-format json flush");
    let lines: Vec<Value> = ran.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let flush = lines.iter().find(|line| line["spans"][0]["name"] == "flush").unwrap_or_else(|| panic!("{ran:?}"));
    assert_eq!((&flush["level"], &flush["spans"][0]["rows"]), (&"DEBUG".into(), &1.into()), "{flush}");
    assert!(flush["target"].as_str().unwrap().starts_with("kv_lance"), "{flush}");
    assert!(flush["time"].as_str().unwrap().ends_with('Z') && flush["fields"]["message"] == "close", "{flush}");
}

#[test]
fn a_filter_that_is_wrong_is_named() {
    let kv = Kv::new();
    run(&kv, "kv_lance=loud", "get a").fails(2, &["RUST_LOG", "kv_lance=loud", "debug"]);
    kv.run("--log-format xml get a").misuse(&["xml", "json"]);
}
