//! `verify`: what it says, and its exit codes. What it finds is covered by `tests/store/damage`.

use crate::kv::{Kv, names};
use std::fs;
use std::io::Write;
use std::process::Stdio;

#[test]
fn a_sound_store_is_said_to_be_sound_and_left_as_it_is() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    kv.run("flush").ok();
    kv.run("set b 2").ok();
    let journal = || names(&kv.path("store/journal"));
    let (before, lock) = (journal(), fs::read(kv.path("store/LOCK")).unwrap());
    let said = kv.run("verify").lines();
    assert_eq!(said.len(), 1);
    assert!(
        said[0].starts_with("sound: read 1 runs with 1 rows in 1 blocks, and 1 commits in 1 journal segments"),
        "{said:?}"
    );
    assert_eq!((journal(), fs::read(kv.path("store/LOCK")).unwrap()), (before, lock));
    let said = kv.run("--json verify").json();
    assert_eq!((&said["sound"], &said["damaged"], &said["rows"]), (&true.into(), &0.into(), &1.into()));
}

#[test]
fn each_thing_that_is_wrong_has_a_line_and_the_exit_code_is_4() {
    let kv = Kv::new();
    kv.fill((0..2000).map(|n| format!("key{n:05}")));
    kv.run("flush").ok();
    kv.run("set b 2").ok();
    let runs: Vec<_> = names(&kv.path("store/runs")).into_iter().filter(|name| name.ends_with(".lance")).collect();
    let run = kv.path("store/runs").join(&runs[0]);
    let mut bytes = fs::read(&run).unwrap();
    bytes[200] ^= 1;
    fs::write(&run, bytes).unwrap();
    let newest = names(&kv.path("store/journal")).into_iter().rfind(|name| name.ends_with(".log")).unwrap();
    fs::remove_file(kv.path("store/journal").join(&newest)).unwrap();
    let ran = kv.run("verify");
    assert_eq!((ran.code, ran.err.as_str()), (Some(4), ""), "{ran:?}");
    let said = String::from_utf8(ran.out).unwrap();
    for word in [runs[0].as_str(), "match", "checksum", &newest, "it is missing", "\ndamaged, "] {
        assert!(said.contains(word), "'{word}' is not in {said}");
    }
    let ran = kv.run("--json verify");
    assert_eq!(ran.code, Some(4));
    let said = String::from_utf8(ran.out).unwrap();
    let lines: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, damage) = lines.split_last().unwrap();
    assert_eq!((&last["sound"], &last["damaged"]), (&false.into(), &damage.len().into()));
    assert!(damage.iter().any(|damage| damage["path"].as_str().unwrap().ends_with(&newest)), "{said}");
}

#[test]
fn what_cannot_be_looked_at_is_refused() {
    let kv = Kv::new();
    kv.run("verify").fails(3, &["store is not a store", "there is nothing"]);
    assert!(!kv.path("store").exists());
    kv.run("set a 1").ok();
    // Holds the store until its input ends.
    let mut shell = kv.bare(["shell"]);
    let shell = shell.env("KV_STORE", "store").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    let mut input = shell.stdin.take().unwrap();
    input.write_all(b"count\n").unwrap();
    let holder = format!("process {} on", shell.id());
    while !fs::read_to_string(kv.path("store/LOCK")).unwrap().contains(&holder) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    kv.run("verify").fails(3, &["is open already", &holder]);
    drop(input);
    shell.wait().unwrap();
    assert!(kv.run("verify").ok().starts_with("sound: "));
}
