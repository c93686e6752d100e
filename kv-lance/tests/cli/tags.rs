//! `tag`, `tags`, `untag`, and reads at a tag.

use crate::kv::Kv;
use jiff::Timestamp;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

#[test]
fn a_version_is_tagged_read_and_untagged() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    let version = kv.run("--json set b 1").json()["version"].clone();
    assert_eq!(kv.run("tag first").ok(), format!("tagged version {version} as first\n"));
    kv.run("set a 2").ok();
    kv.run("del b").ok();
    kv.run("compact --no-history").ok();
    kv.run(&format!("get a --at {}", version.as_u64().unwrap() - 1)).fails(3, &["not retained"]);
    assert_eq!(kv.run("get a --at tag:first").ok(), "1\n");
    assert_eq!(kv.run(&format!("get a --at {version}")).ok(), "1\n");
    assert_eq!(kv.run("scan --at tag:first").ok(), "a\t1\nb\t1\n");
    assert_eq!(kv.run("count --at tag:first").ok(), "2\n");
    assert_eq!(kv.run("get a").ok(), "2\n");
    assert_eq!(kv.run("untag first").ok(), format!("removed the tag first of version {version}\n"));
    kv.run("compact").ok();
    kv.run(&format!("get a --at {version}")).fails(3, &["not retained"]);
    kv.run("get a --at tag:first").fails(3, &["no tag 'first'"]);
    kv.run("untag first").fails(3, &["no tag 'first'"]);
}

#[test]
fn tags_are_listed() {
    let kv = Kv::new();
    kv.run("tags").fails(3, &["store"]);
    kv.run("tag a").fails(3, &["store"]);
    assert!(!kv.path("store").exists());
    let first = kv.run("--json set a 1").json()["version"].clone();
    assert_eq!(kv.run("tags").ok(), "");
    std::thread::sleep(Duration::from_millis(5));
    let between = Timestamp::now();
    std::thread::sleep(Duration::from_millis(5));
    let second = kv.run("--json set a 2").json()["version"].clone();
    assert_eq!(kv.run("--json tag z").json(), serde_json::json!({ "tag": "z", "version": second }));
    kv.run(&format!("tag m --at {first}")).ok();
    // The last commit up to that time; and none is later than now.
    kv.run(&format!("tag a --at {between}")).ok();
    kv.run(&format!("tag b --at {}", Timestamp::now())).ok();
    let lines = kv.run("tags").lines();
    let fields: Vec<Vec<&str>> = lines.iter().map(|line| line.split('\t').collect()).collect();
    assert_eq!(fields.iter().map(|fields| fields[0]).collect::<Vec<_>>(), ["a", "b", "m", "z"]);
    assert_eq!((fields[1][1], fields[2][1]), (&*second.to_string(), &*first.to_string()));
    assert!(fields.iter().all(|fields| fields[2].parse::<Timestamp>().is_ok()), "{lines:?}");
    assert_eq!(kv.run("get a --at tag:a").ok(), "1\n");
    let listed: Vec<serde_json::Value> =
        kv.run("--json tags").lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&listed[3]["tag"], &listed[3]["version"]), (&"z".into(), &second));
    let stat = kv.run("--json stat").json();
    assert_eq!(stat["tags"], serde_json::Value::Array(listed));
    assert_eq!((&stat["capabilities"]["tags"], &stat["statistics"]["tags"]), (&true.into(), &4.into()));
    let stat = kv.run("stat").lines();
    assert_eq!(stat.iter().filter(|line| line.starts_with("tag ") && line.contains(" of version ")).count(), 4);
}

#[test]
fn what_cannot_be_tagged_is_named() {
    let kv = Kv::new();
    let version = kv.run("--json set a 1").json()["version"].clone();
    kv.run("tag a/b").fails(2, &["'a/b'", "ASCII letters"]);
    kv.run_words(["tag", ""]).fails(2, &["empty"]);
    kv.run("tag a --at 18446744073709551615").fails(3, &["18446744073709551615", "future", &version.to_string()]);
    kv.run("tag a --at 2999-01-01T00:00:00Z").fails(3, &["future"]);
    kv.run("tag a --at tag:b").fails(3, &["no tag 'b'"]);
    kv.run("tag a").ok();
    kv.run("tag a").fails(3, &["'a'", "already", &version.to_string()]);
    kv.run("tag b --at tag:a").ok();
    kv.run("set a 2").ok();
    kv.run("set a 3").ok();
    kv.run("compact --no-history").ok();
    kv.run("tag c --at 1").fails(3, &["version 1 is not retained"]);
    kv.run("tag c --at tag:a").ok();
    kv.run("tag").misuse(&["NAME"]);
    kv.run("get a --at tagged").misuse(&["--at"]);
}

#[test]
fn queries_at_a_tag() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    kv.run("tag first").ok();
    kv.run("set b 2").ok();
    let count = |words: &[&str]| kv.run_words(words.iter().copied()).lines()[1].clone();
    assert_eq!(count(&["sql", "--format", "csv", "SELECT count(*) FROM kv"]), "2");
    assert_eq!(count(&["sql", "--format", "csv", "--at", "tag:first", "SELECT count(*) FROM kv"]), "1");
    assert_eq!(count(&["sql", "--format", "csv", "SELECT count(*) FROM kv_at('tag:first')"]), "1");
    kv.run_words(["sql", "SELECT * FROM kv_at('tag:none')"]).fails(2, &["no tag 'none'"]);
}

/// The process is killed as soon as it has said that the tag is there.
#[test]
fn a_tag_outlives_a_kill() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    for round in 0..3 {
        let mut shell = kv.bare(["shell"]);
        let shell = shell.env("KV_STORE", "store").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut shell = shell.spawn().unwrap();
        let mut input = shell.stdin.take().unwrap();
        writeln!(input, "set a {round}\ntag t{round}").unwrap();
        let mut lines = BufReader::new(shell.stdout.take().unwrap()).lines();
        let said = lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("tagged ")).unwrap();
        shell.kill().unwrap();
        shell.wait().unwrap();
        assert!(said.ends_with(&format!(" as t{round}")), "{said}");
        kv.run("set a later").ok();
        kv.run("compact --no-history").ok();
        for earlier in 0..=round {
            assert_eq!(kv.run(&format!("get a --at tag:t{earlier}")).ok(), format!("{earlier}\n"));
        }
    }
    assert_eq!(kv.run("tags").lines().len(), 3);
    assert!(kv.run("verify").ok().starts_with("sound"));
}
