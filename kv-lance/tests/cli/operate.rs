//! `stat`, `flush` and `compact`.

use crate::kv::Kv;

#[test]
fn stat_describes_the_store() {
    let kv = Kv::new();
    let version = kv.run("--json set a 1").json()["version"].to_string();
    let text = kv.run("stat").ok();
    for line in ["backend", "path", "isolation up to", "commits survive"] {
        assert!(text.lines().any(|l| l.starts_with(line)), "{line} is not in {text}");
    }
    assert!(text.lines().any(|l| l.starts_with("version ") && l.contains(&version)), "{text}");
    let stat = kv.run("--json stat").json();
    assert_eq!(stat["backend"], "kv-lance");
    assert_eq!(stat["path"], "store");
    assert_eq!(stat["version"].to_string(), version);
    assert_eq!(stat["capabilities"]["durability"], "power loss");
    assert_eq!(stat["capabilities"]["versioned_reads"], true);
    assert!(stat["statistics"].is_object());
}

#[test]
fn the_dataset_holds_what_was_flushed() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    assert!(kv.run("flush").ok().starts_with("flushed in "));
    assert!(kv.path("store/kv.lance/data").is_dir());
    assert_eq!(kv.run("get a").ok(), "1\n");
    kv.run("set a 2").ok();
    kv.run("flush").ok();
    assert!(kv.run("compact").ok().starts_with("compacted in "));
    assert_eq!(kv.run("get a").ok(), "2\n");
    assert!(kv.run("--json flush").json()["seconds"].is_f64());
}

#[test]
fn a_compaction_keeps_history_unless_told_otherwise() {
    let kv = Kv::new();
    let first = kv.run("--json set a 1").json()["version"].to_string();
    kv.run("set a 2").ok();
    kv.run("flush").ok();
    kv.run("compact").ok();
    assert_eq!(kv.run(&format!("get a --at {first}")).ok(), "1\n");
    kv.run("compact --no-history").ok();
    kv.run(&format!("get a --at {first}")).fails(3, &[&first, "not retained"]);
    assert_eq!(kv.run("get a").ok(), "2\n");
}

#[test]
fn a_store_without_versions() {
    let kv = Kv::new();
    let run = |line: &str| {
        let mut command = kv.bare(line.split_whitespace());
        crate::kv::Ran::from(command.env("KV_STORE", "lance:store?versioned=false").output().unwrap())
    };
    assert_eq!(run("set a 1").ok(), "set\n");
    assert_eq!(run("get a").ok(), "1\n");
    run("get a --at 1").fails(3, &["no versions"]);
    assert_eq!(run("--json stat").json()["version"], serde_json::Value::Null);
}
