//! `--read-only`.

use crate::kv::Kv;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

#[test]
fn what_has_been_flushed_is_read_while_another_process_has_the_store_open() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    kv.run("flush").ok();
    let mut shell = kv.bare(["shell"]);
    let shell = shell.env("KV_STORE", "store").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut shell = shell.spawn().unwrap();
    let mut input = shell.stdin.take().unwrap();
    let mut said = BufReader::new(shell.stdout.take().unwrap());
    let mut does = |line: &str| {
        writeln!(input, "{line}").unwrap();
        said.read_line(&mut String::new()).unwrap();
    };
    does("set b 2");
    kv.run("get a").fails(3, &["open already"]);
    assert_eq!(kv.run("--read-only scan").ok(), "a\t1\n", "what is in the journal alone is not seen");
    does("flush");
    assert_eq!(kv.run("--read-only scan").ok(), "a\t1\nb\t2\n");
    does("tag t");
    does("set b 3");
    does("flush");
    assert_eq!(kv.run("--read-only get b").ok(), "3\n");
    assert_eq!(kv.run("get b --at tag:t --read-only").ok(), "2\n");
    assert_eq!(kv.run("count --read-only").ok(), "2\n");
    assert_eq!(kv.run("--read-only diff tag:t").ok(), "~\tb\t2\t3\n");
    assert_eq!(kv.run("--read-only tags").lines().len(), 1);
    assert_eq!(kv.run("--read-only --json stat").json()["capabilities"]["change_feed"], false);
    assert!(kv.run("--read-only levels").lines().len() > 1);
    assert!(kv.run_words(["--read-only", "sql", "SELECT count(*) AS n FROM kv"]).ok().contains("| 2 |"));
    drop(input);
    shell.wait().unwrap();
    assert!(kv.run("--read-only verify").ok().starts_with("sound"));
}

#[test]
fn a_shell_moves_on_when_it_is_told_to() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    kv.run("flush").ok();
    let mut shell = kv.bare(["--read-only", "shell"]);
    let shell = shell.env("KV_STORE", "store").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    let mut input = shell.stdin.take().unwrap();
    let mut said = BufReader::new(shell.stdout.take().unwrap());
    let mut does = |line: &str| {
        writeln!(input, "{line}").unwrap();
        let mut answer = String::new();
        said.read_line(&mut answer).unwrap();
        answer
    };
    assert_eq!(does("get a"), "1\n");
    kv.run("set a 2").ok();
    kv.run("flush").ok();
    kv.run("compact --no-history").ok();
    assert_eq!(does("get a"), "1\n");
    assert!(does("refresh").starts_with("at version "));
    assert_eq!(does("get a"), "2\n");
    writeln!(input, "set a 3").unwrap();
    drop(input);
    let ended = shell.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("to be read alone"), "{ended:?}");
    assert_eq!(kv.run("get a").ok(), "2\n");
}

#[test]
fn commands_that_write_are_refused() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    for line in ["set a 2", "del a", "flush", "compact", "tag t", "untag t", "changes", "import .", "restore"] {
        kv.run(&format!("--read-only {line}")).fails(2, &["--read-only"]);
    }
    kv.run("--read-only repair --into new").fails(2, &["--read-only"]);
    assert_eq!(kv.run("get a").ok(), "1\n");
    let nothing = Kv::new();
    nothing.run("--read-only get a").fails(3, &["store", "not a store"]);
    assert!(!nothing.path("store").exists());
}
