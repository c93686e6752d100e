//! `repair`: what it says, and its exit codes. What it saves is covered by `tests/store`.

use crate::kv::{Kv, names};
use std::fs;
use std::path::PathBuf;

/// A store with a run of 2000 keys and two commits in the journal.
fn filled() -> Kv {
    let kv = Kv::new();
    kv.fill((0..2000).map(|n| format!("key{n:05}")));
    kv.run("flush").ok();
    kv.run("set key00007 newer").ok();
    kv.run("set last 1").ok();
    kv
}

fn run_of(kv: &Kv) -> PathBuf {
    let name = names(&kv.path("store/runs")).into_iter().find(|name| name.ends_with(".lance")).unwrap();
    kv.path("store/runs").join(name)
}

#[test]
fn a_sound_store_is_copied_and_left_as_it_is() {
    let kv = filled();
    let lock = fs::read(kv.path("store/LOCK")).unwrap();
    let said = kv.run("repair --into new").lines();
    assert_eq!(said[0], "nothing was damaged");
    assert!(said[1].starts_with("saved 2001 keys, ") && said[1].contains(" in new, in "), "{said:?}");
    assert_eq!(fs::read(kv.path("store/LOCK")).unwrap(), lock);
    assert_eq!(kv.run("--store new scan").ok(), kv.run("scan").ok());
    assert!(kv.run("--store new verify").ok().starts_with("sound: "));
    // The store may be named behind it, too; the new one may be a URL.
    let said = kv.run("--store nowhere --json repair --into lance:newer?block_bytes=4KiB store").json();
    assert_eq!((&said["saved"], &said["damaged"], &said["doubtful"]), (&2001.into(), &0.into(), &0.into()));
    assert_eq!(said["into"], "newer");
}

#[test]
fn what_is_damaged_is_named_and_what_is_not_is_saved() {
    let kv = filled();
    let (run, old) = (run_of(&kv), kv.run("scan").ok());
    let mut bytes = fs::read(&run).unwrap();
    let at = bytes.windows(8).position(|found| found == b"key01000").unwrap();
    bytes[at + 7] ^= 1;
    fs::write(&run, &bytes).unwrap();
    let ran = kv.run("repair --into new");
    assert_eq!((ran.code, ran.err.as_str()), (Some(4), ""), "{ran:?}");
    let said = String::from_utf8(ran.out).unwrap();
    let name = run.file_name().unwrap().to_str().unwrap();
    for word in [name, "checksum", "rows that cannot be read: ", "between ", "damaged, 1 times", "saved "] {
        assert!(said.contains(word), "'{word}' is not in {said}");
    }
    assert_eq!(fs::read(&run).unwrap(), bytes);
    let new = kv.run("--store new scan").lines();
    assert!(new.len() > 500 && new.len() < 2001, "{}", new.len());
    let old: Vec<&str> = old.lines().collect();
    assert!(new.iter().all(|row| old.contains(&row.as_str())));
    assert!(new.contains(&"key00007\tnewer".to_owned()) && new.contains(&"last\t1".to_owned()));
    let ran = kv.run("--json repair --strict --into strict");
    assert_eq!(ran.code, Some(4), "{ran:?}");
    let said = String::from_utf8(ran.out).unwrap();
    let lines: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [loss, last] = lines.as_slice() else { panic!("{said}") };
    assert!(loss["path"].as_str().unwrap().ends_with(name) && loss["damage"].as_str().unwrap().contains("checksum"));
    assert_eq!(loss["rows"].as_u64().unwrap() + last["saved"].as_u64().unwrap(), 2001 + lost_again(loss, "key00007"));
    assert_eq!((&last["damaged"], &last["strict"], &last["commits"]), (&1.into(), &true.into(), &2.into()));
}

/// 1 where a key whose newer value was saved is among those that are lost.
fn lost_again(loss: &serde_json::Value, key: &str) -> u64 {
    let bound = |name: &str| loss["keys"][name]["key"].as_str().map(str::to_owned);
    let behind = bound("from").is_none_or(|from| from.as_str() < key);
    u64::from(behind && bound("to").is_none_or(|to| key < to.as_str()))
}

#[test]
fn what_cannot_be_is_refused() {
    let kv = filled();
    kv.run("repair").misuse(&["--into"]);
    kv.run("repair --into store").fails(3, &["lies in the store"]);
    kv.run("repair --into store/new").fails(3, &["lies in the store"]);
    kv.run("repair --into new nowhere").fails(3, &["nowhere", "there is nothing"]);
    kv.run("repair --into new?block_bytes=1").fails(2, &["block_bytes"]);
    kv.file("full/x", "mine");
    kv.run("repair --into full").fails(3, &["full", "it holds something"]);
    assert!(!kv.path("new").exists());
    fs::create_dir(kv.path("empty")).unwrap();
    kv.run("repair --into empty").ok();
}
