//! The recipes of `docs/operations.md` that need nothing but `kv`.

use crate::kv::{Kv, Ran};

/// Beside a process that has the store open.
#[test]
fn a_tag_is_copied_into_another_store() {
    let kv = Kv::new();
    kv.fill((0..500).map(|n| format!("key-{n:03}")));
    kv.run_words(["--hex", "set", "00ff", "fe00"]).ok();
    kv.run("tag backup").ok();
    kv.run("set later 1").ok();
    let mut command = kv.bare(["--store", "store", "shell"]);
    let mut shell = command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();

    kv.file("backup.jsonl", kv.run("--read-only --json scan --at tag:backup").ok());
    kv.run("--store copy import backup.jsonl --key key --value value").ok();
    assert_eq!(kv.run("--store copy count").ok(), "501\n");
    assert_eq!(kv.run("--store copy get later").code, Some(1));
    let copied = kv.run("--store copy scan").ok();
    drop(shell.stdin.take());
    assert!(shell.wait().unwrap().success());
    assert_eq!(copied, kv.run("scan --at tag:backup").ok());
}

#[test]
fn a_store_is_taken_back_to_a_tag() {
    let kv = Kv::new();
    for line in ["set a 1", "set b 2", "set c 3", "tag good", "set a 9", "del b", "set d 4", "tag bad"] {
        kv.run(line).ok();
    }
    kv.file("back.jsonl", kv.run("--json diff tag:bad tag:good").ok());
    kv.run("import back.jsonl --key key --value new").ok();
    assert_eq!(kv.run("scan").ok(), "a\t1\nb\t2\nc\t3\n");
    assert_eq!(kv.run("scan --at tag:bad").ok(), "a\t9\nc\t3\nd\t4\n");
}

/// `cp -a` keeps hard links, and so does a move.
#[test]
fn a_closed_store_is_copied_and_moved() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    kv.run("flush").ok();
    kv.run("set b 2").ok();
    let done = |command: &str| {
        let mut words = command.split(' ');
        let run = std::process::Command::new(words.next().unwrap()).args(words).current_dir(kv.path("")).status();
        assert!(run.unwrap().success(), "{command}");
    };
    done("cp -a store copy");
    done("mv copy moved");
    let sound = Ran::from(kv.bare(["--store", "moved", "verify"]).output().unwrap()).ok();
    assert!(sound.starts_with("sound: "), "{sound}");
    assert_eq!(kv.run("--store moved scan").ok(), "a\t1\nb\t2\n");
}
