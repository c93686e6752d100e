//! What `kv` says of itself.

use crate::kv::{Kv, Ran};

#[test]
fn help_has_examples_and_exit_codes() {
    let kv = Kv::new();
    let help = kv.run("--help").ok();
    for word in
        ["Examples:", "Exit codes:", "--store", "KV_STORE", "sync=every", "KV_LANCE_", "retention=7d", "RUST_LOG"]
    {
        assert!(help.contains(word), "'{word}' is not in {help}");
    }
    for command in [
        "get",
        "set",
        "scan",
        "changes",
        "diff",
        "sql",
        "tag",
        "tags",
        "untag",
        "import",
        "stat",
        "restore",
        "verify",
        "repair",
        "doctor",
        "shell",
        "completions",
        "man",
    ] {
        assert!(kv.run(&format!("{command} --help")).ok().contains("Examples:"), "{command}");
    }
    for command in [
        "get",
        "set",
        "del",
        "scan",
        "changes",
        "diff",
        "count",
        "sql",
        "tag",
        "tags",
        "untag",
        "import",
        "stat",
        "levels",
        "flush",
        "compact",
        "restore",
        "verify",
        "repair",
        "doctor",
        "shell",
        "tour",
        "completions",
        "man",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}");
    }
    assert!(kv.run("--version").ok().starts_with("kv 0."));
}

#[test]
fn misuse_gives_exit_code_2() {
    let kv = Kv::new();
    kv.run("gte a").misuse(&["gte"]);
    kv.run("get").misuse(&["KEY"]);
    kv.run("get a b").misuse(&["'b'"]);
    kv.run("del").misuse(&["KEY"]);
    kv.run("scan --backwards").misuse(&["--backwards"]);
    kv.run("import f.jsonl --value v").misuse(&["--key"]);
    kv.run("get a --raw --json").misuse(&["--raw", "--json"]);
    let bare = Ran::from(kv.bare([""; 0]).output().unwrap());
    assert!(bare.code == Some(2) && bare.err.contains("Usage:"), "{bare:?}");
}
