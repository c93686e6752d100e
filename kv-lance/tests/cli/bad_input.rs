//! Stores that cannot be opened, and settings that are wrong.

use crate::kv::{Kv, Ran, names};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// Every command that must not make a store.
const READERS: [&str; 12] = [
    "get a",
    "scan",
    "count",
    "del a",
    "stat",
    "flush",
    "compact",
    "compact --no-history",
    "tag a",
    "tags",
    "untag a",
    "diff 0",
];

fn run(kv: &Kv, store: &str, line: &str) -> Ran {
    kv.bare(["--store", store].into_iter().chain(line.split_whitespace())).output().unwrap().into()
}

#[test]
fn no_store_is_named() {
    let kv = Kv::new();
    Ran::from(kv.bare(["get", "a"]).output().unwrap()).fails(2, &["--store", "KV_STORE"]);
}

#[test]
fn a_setting_that_is_wrong_is_named_with_what_is_allowed() {
    let kv = Kv::new();
    for (store, words) in [
        ("lance:store?snyc=every", ["URL parameter 'snyc'", "sync_interval"]),
        ("lance:store?sync=sometimes", ["URL parameter 'sync'", "interval"]),
        ("./store?sync=every&sync=every", ["URL parameter 'sync'", "more than once"]),
        ("lance:store?cache_bytes=2TB", ["URL parameter 'cache_bytes'", "1024GiB"]),
        ("lance://store", ["lance://store", "lance:///absolute/path"]),
        ("s3://bucket/store", ["s3", "lance:relative/path"]),
        ("", ["no path", "lance:///absolute/path"]),
    ] {
        run(&kv, store, "set a 1").fails(2, &words);
        run(&kv, store, "get a").fails(2, &words);
    }
    let output = kv.bare(["--store", "store", "set", "a", "1"]).env("KV_LANCE_SYNC", "never").output().unwrap();
    Ran::from(output).fails(2, &["environment variable KV_LANCE_SYNC", "never", "every"]);
    assert_eq!(names(&kv.path("")), [""; 0]);
}

#[test]
fn a_url_opens_the_same_store_as_its_path() {
    let kv = Kv::new();
    let absolute = format!("lance://{}?sync=interval", kv.path("a store").display()).replace(' ', "%20");
    run(&kv, &absolute, "set a 1").ok();
    assert_eq!(run(&kv, "lance:a%20store", "get a").ok(), "1\n");
    assert_eq!(run(&kv, "./a store?cache_bytes=0", "get a").ok(), "1\n");
    assert_eq!(run(&kv, "a store", "get a").ok(), "1\n");
}

#[test]
fn reading_commands_make_no_store() {
    let kv = Kv::new();
    for line in READERS {
        kv.run(line).fails(3, &["store"]);
        run(&kv, "store?create=true", line).fails(3, &["store"]);
        assert!(!kv.path("store").exists(), "{line}");
    }
    run(&kv, "store?create=false", "set a 1").fails(3, &["store"]);
    assert!(!kv.path("store").exists());
}

#[test]
fn a_folder_that_is_no_store_is_left_alone() {
    let kv = Kv::new();
    kv.file("store/notes.txt", "mine");
    for line in READERS.into_iter().chain(["set a 1"]) {
        kv.run(line).fails(3, &["store", "not a store"]);
    }
    assert_eq!(names(&kv.path("store")), ["notes.txt"]);
    kv.file("file", "mine");
    run(&kv, "file", "get a").fails(3, &["file"]);
    run(&kv, "file", "set a 1").fails(3, &["file"]);
    assert_eq!(std::fs::read(kv.path("file")).unwrap(), b"mine");
}

#[test]
fn a_second_open_is_refused_and_names_the_first() {
    let kv = Kv::new();
    // A scan that nobody reads fills its pipe and stays in the store.
    kv.fill((0..20_000).map(|i| format!("key-{i:05}")));
    let mut holder =
        kv.bare(["scan"]).env("KV_STORE", "store").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(holder.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    let pid = holder.id().to_string();
    kv.run("get key-00000").fails(3, &["open already", &pid]);
    kv.run("set a 1").fails(3, &["open already", &pid]);
    drop(out);
    assert_eq!(holder.wait().unwrap().code(), Some(0));
    assert_eq!(kv.run("get key-00000 --raw").out, b"{\"id\":\"key-00000\"}");
}

#[test]
fn a_key_as_long_as_an_argument_can_be() {
    let kv = Kv::new();
    let longest = "k".repeat((128 << 10) - 1);
    kv.run_words(["set", &longest, "1"]).ok();
    assert_eq!(kv.run_words(["get", &longest]).ok(), "1\n");
}
