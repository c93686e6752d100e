//! `shell`: many commands in a store that stays open.

use crate::kv::{Kv, Ran};
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

fn shell(kv: &Kv, input: &str) -> Ran {
    kv.run_with_input("shell", input.as_bytes())
}

#[test]
fn commands_run_one_after_the_other() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    kv.file("f.jsonl", "{\"id\":\"x\"}\n");
    let input = "set 'two words' \"a \\\"b\\\"\"\n\n# nothing\nget a # the old one\nscan --keys-only\nflush\n\
                 import f.jsonl --key id\ncompact --no-history\ndel a\ncount";
    let lines = shell(&kv, input).lines();
    let starts = ["set at version ", "1", "a", "two words", "flushed in ", "imported 1 entries", "compacted in "];
    assert_eq!(lines.len(), starts.len() + 2, "{lines:?}");
    assert!(lines.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{lines:?}");
    assert!(lines[7].starts_with("deleted 1 at version ") && lines[8] == "2", "{lines:?}");
    let formats = "--hex get 61 --json\nset b \\x\ncount\n";
    kv.run("set a 1").ok();
    let lines = shell(&kv, formats).lines();
    assert!(
        lines[0] == r#"{"key":"61","value":"31"}"# && lines[1].starts_with("set at ") && lines[2] == "4",
        "{lines:?}"
    );
    assert_eq!(kv.run_words(["get", "two words"]).ok(), "a \"b\"\n");
}

#[test]
fn the_store_stays_open_and_answers_at_once() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    let mut command = kv.bare(["--json", "shell"]);
    let mut child = command
        .env("KV_STORE", "store")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    for (line, answer) in [("get a", r#"{"key":"a","value":"1"}"#), ("count", r#"{"count":1}"#)] {
        writeln!(input, "{line}").unwrap();
        let mut answered = String::new();
        output.read_line(&mut answered).unwrap();
        assert_eq!(answered.trim_end(), answer);
    }
    kv.run("get a").fails(3, &["open already", &child.id().to_string()]);
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(kv.run("get a").ok(), "1\n");
}

/// Also a `kill -9` loses nothing of what was answered.
#[test]
fn what_was_answered_is_durable() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    let mut child =
        kv.bare(["shell"]).env("KV_STORE", "store").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "set b 2").unwrap();
    let mut answer = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut answer).unwrap();
    assert!(answer.starts_with("set at version "), "{answer}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(kv.run("scan").ok(), "a\t1\nb\t2\n");
}

#[test]
fn a_command_that_fails_is_said_and_the_next_one_runs() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    let ran = shell(&kv, "gte a\nset\nget nothing\nset 'open\nrestore\nshell\nset b 2\n");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(String::from_utf8_lossy(&ran.out).starts_with("set at version "), "{ran:?}");
    for said in
        ["'gte'", "<KEY>", "kv: no value for the key 'nothing'", "kv: a quote is not closed", "'restore'", "'shell'"]
    {
        assert!(ran.err.contains(said), "'{said}' is not in {ran:?}");
    }
    let ran = shell(&kv, "get nothing\nget b");
    assert_eq!((ran.code, ran.out.as_slice()), (Some(0), b"2\n".as_slice()), "{ran:?}");
    let ran = shell(&kv, "gte a\nimport nowhere\nget nothing");
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let help = shell(&kv, "help\nget --help").ok();
    assert!(help.contains("compact") && help.contains("--at") && !help.contains("tour"), "{help}");
}

#[test]
fn a_shell_makes_no_store() {
    let kv = Kv::new();
    shell(&kv, "").fails(3, &["store"]);
    assert!(!kv.path("store").exists());
}
