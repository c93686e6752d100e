//! `scan` and `count`.

use crate::kv::Kv;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[test]
fn flags_choose_the_entries() {
    let kv = Kv::new();
    kv.fill(["a", "b/1", "b/2", "b/3", "c"].map(String::from));
    let keys = |flags: &str| kv.run(&format!("scan --keys-only {flags}")).lines();
    assert_eq!(keys(""), ["a", "b/1", "b/2", "b/3", "c"]);
    assert_eq!(keys("--reverse"), ["c", "b/3", "b/2", "b/1", "a"]);
    assert_eq!(keys("--prefix b/"), ["b/1", "b/2", "b/3"]);
    assert_eq!(keys("--prefix b/ --reverse --limit 2"), ["b/3", "b/2"]);
    assert_eq!(keys("--from b/2"), ["b/2", "b/3", "c"]);
    assert_eq!(keys("--from b/2 --to b/3"), ["b/2"]);
    assert_eq!(keys("--prefix b/ --from b/2"), ["b/2", "b/3"]);
    assert_eq!(keys("--from c --to a"), [""; 0]);
    assert_eq!(keys("--limit 0"), [""; 0]);
    assert_eq!(kv.run("scan --limit 1").ok(), "a\t{\"id\":\"a\"}\n");
    assert_eq!(kv.run("--hex scan --keys-only --from 63").ok(), "63\n");
    assert_eq!(kv.run("--json scan --limit 1").json()["key"], "a");
    assert_eq!(kv.run("--json scan --limit 1 --keys-only").ok(), "{\"key\":\"a\"}\n");
    assert_eq!(kv.run("count").ok(), "5\n");
    assert_eq!(kv.run("count --prefix b/ --to b/3").ok(), "2\n");
    assert_eq!(kv.run("--json count --prefix x").ok(), "{\"count\":0}\n");
    kv.run("scan --limit -1").misuse(&["-1"]);
    kv.run("scan --limit many").misuse(&["--limit", "many"]);
}

#[test]
fn more_entries_than_a_page_come_in_order_both_ways() {
    let kv = Kv::new();
    let mut keys: Vec<String> = (0..2500).map(|i| format!("key-{i:05}")).collect();
    kv.fill(keys.iter().cloned());
    assert_eq!(kv.run("scan --keys-only").lines(), keys);
    assert_eq!(kv.run("scan --limit 1001").lines().len(), 1001);
    keys.reverse();
    assert_eq!(kv.run("scan --keys-only --reverse").lines(), keys);
    let entries: Vec<_> = keys.iter().map(|key| format!("{key}\t{{\"id\":\"{key}\"}}")).collect();
    assert_eq!(kv.run("scan --reverse").lines(), entries);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let kv = Kv::new();
    kv.fill((0..20_000).map(|i| format!("key-{i:05}")));
    let mut command = kv.bare(["scan"]);
    let command = command.env("KV_STORE", "store").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "key-00000\t{\"id\":\"key-00000\"}\n");
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    assert_eq!(kv.run("count").ok(), "20000\n");
}
