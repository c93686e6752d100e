//! `doctor`: settings as they are resolved, what the folder's file system does, and advice.

use crate::kv::{Kv, Ran, names};
use serde_json::Value;

fn doctor(kv: &Kv, url: &str) -> Value {
    let mut command = kv.bare(["--store", url, "--json", "doctor"]);
    Ran::from(command.env("KV_LANCE_OPEN_FILES", "300").output().unwrap()).json()
}

#[test]
fn settings_come_with_what_set_them() {
    let kv = Kv::new();
    let said = doctor(&kv, "lance:store?cache_bytes=1MiB&sync=every");
    let settings = &said["settings"];
    assert_eq!(settings["cache_bytes"], serde_json::json!({ "value": "1MiB", "from": "url" }));
    // What the URL says counts as said, also where it is the default.
    assert_eq!(settings["sync"], serde_json::json!({ "value": "every", "from": "url" }));
    assert_eq!(settings["open_files"], serde_json::json!({ "value": "300", "from": "environment" }));
    assert_eq!(settings["retention"], serde_json::json!({ "value": "7d", "from": "default" }));
    // Three memtables and both caches.
    assert_eq!(said["budget_bytes"], (3 * 32 + 1 + 128) << 20);
}

#[test]
fn it_measures_and_leaves_nothing() {
    let kv = Kv::new();
    let said = doctor(&kv, "store");
    assert_eq!(said["store_bytes"], Value::Null, "there is none");
    assert!(said["fdatasync_seconds"].as_f64().unwrap() > 0.0, "{said}");
    assert!(said["fdatasync_slowest_seconds"].as_f64() >= said["fdatasync_seconds"].as_f64(), "{said}");
    assert!(said["free_bytes"].as_u64().unwrap() > 0 && said["hard_links"] == true, "{said}");
    assert_eq!(names(&kv.path("")), [""; 0]);

    kv.run("set a 1").ok();
    let before = names(&kv.path("store"));
    let said = doctor(&kv, "store");
    assert!(said["store_bytes"].as_u64().unwrap() > 0, "{said}");
    assert_eq!(names(&kv.path("store")), before);
}

#[test]
fn it_looks_at_a_store_that_is_open() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    // A shell that waits for a line holds the store.
    let mut command = kv.bare(["--store", "store", "shell"]);
    let mut shell = command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();
    let text = kv.run("doctor").ok();
    for line in ["path ", "file system ", "sync ", "fdatasync of 4 KiB "] {
        assert!(text.lines().any(|l| l.starts_with(line)), "'{line}' is not in {text}");
    }
    drop(shell.stdin.take());
    assert!(shell.wait().unwrap().success());
    let said = kv.run("--read-only doctor").ok();
    assert!(said.contains("not measured under --read-only"), "{said}");
}

#[test]
fn it_says_what_is_wrong() {
    let kv = Kv::new();
    let advice =
        doctor(&kv, "store?sync=interval&retention=0&open_files=1048576&cache_bytes=1024GiB")["advice"].to_string();
    for words in ["last 200ms", "all history is kept", "ulimit -n", "1.00 TiB"] {
        assert!(advice.contains(words), "'{words}' is not in {advice}");
    }
    kv.run("--store store?snyc=every doctor").fails(2, &["snyc"]);
}
