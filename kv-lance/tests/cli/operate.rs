//! `stat`, `levels`, `flush` and `compact`.

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

#[test]
fn stat_shows_each_level() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    kv.run("flush").ok();
    let stat = kv.run("--json stat").json();
    assert_eq!(stat["levels"].as_array().unwrap().len(), 1);
    assert_eq!((&stat["levels"][0]["runs"], &stat["levels"][0]["rows"]), (&1.into(), &1.into()));
    assert_eq!(stat["statistics"]["run_disk_bytes"], stat["levels"][0]["bytes"]);
    assert!(kv.run("stat").lines().iter().any(|line| line.starts_with("level_rows{level=0}        1 rows ")));
}

#[test]
fn stat_can_be_watched() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    let text = kv.run("stat --watch 0.1 --count 3").ok();
    assert_eq!(text.matches("\nafter ").count(), 2, "{text}");
    assert_eq!(kv.run("--json stat --watch 0.1 --count 3").lines().len(), 3);
    // What a shell has done before is not a change; nothing else goes on.
    let text = kv.run_with_input("shell", b"set b 2\nstat --watch 0.1 --count 2\n").ok();
    assert!(text.ends_with(": nothing has changed\n"), "{text}");
    kv.run("stat --count 2").misuse(&["--watch"]);
    kv.run("stat --watch 0").misuse(&["0.1 to 86400"]);
}

/// What the journal holds of a memtable or more is flushed once it has been replayed: before the figures are taken for
/// the first time, or after that.
#[test]
fn a_watch_shows_background_work() {
    let kv = Kv::new();
    kv.fill((0..2000).map(|n| format!("key{n:05}")));
    let mut command = kv.bare("stat --watch 0.2 --count 10".split_whitespace());
    let output = command.env("KV_STORE", "lance:store?memtable_bytes=64KiB").output().unwrap();
    let text = crate::kv::Ran::from(output).ok();
    let changed = text.lines().skip_while(|line| !line.starts_with("after")).any(|line| line.starts_with("flushes"));
    let before = text.lines().any(|line| line.starts_with("flushes ") && !line.contains(" 0 flushes"));
    assert!(changed || before, "{text}");
}

#[test]
fn levels_are_listed() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    assert_eq!(kv.run("levels").lines().len(), 1, "a heading and no level");
    for line in ["flush", "set b 2", "set c 3", "del a", "flush"] {
        kv.run(line).ok();
    }
    let levels = kv.run("levels").lines();
    assert_eq!(levels.len(), 2, "{levels:?}");
    let cells: Vec<_> = levels[1].split_whitespace().collect();
    assert_eq!((&cells[..4], &cells[5..]), (&["0", "2", "4", "1"][..], &["a", "..", "c"][..]));
    let level = kv.run("--json levels").json();
    let expected = serde_json::json!({
        "level": 0, "runs": 2, "rows": 4, "tombstones": 1, "bytes": level["bytes"], "first_key": "a", "last_key": "c",
    });
    assert_eq!(level, expected);
    let runs: Vec<serde_json::Value> =
        kv.run("--json levels --runs").lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(runs.len(), 2);
    assert_eq!((&runs[0]["last_key"], &runs[0]["rows"], &runs[1]["last_key"]), (&"c".into(), &3.into(), &"a".into()));
    for run in &runs {
        let file = kv.path("store/runs").join(run["file"].as_str().unwrap());
        assert_eq!(std::fs::metadata(file).unwrap().len(), run["bytes"].as_u64().unwrap());
    }
    let listed = kv.run("--hex levels --runs").lines();
    assert!(listed[1].ends_with(" 61 .. 63") && listed[1].contains(runs[0]["file"].as_str().unwrap()), "{listed:?}");
}

#[test]
fn long_keys_are_cut_in_a_table() {
    let kv = Kv::new();
    kv.run_words(["set", &"k".repeat(100), "1"]).ok();
    kv.run("flush").ok();
    let cut = format!("{}\u{2026}", "k".repeat(40));
    assert!(kv.run("levels").ok().ends_with(&format!("{cut} .. {cut}\n")));
    assert_eq!(kv.run("--json levels").json()["first_key"], "k".repeat(100));
}

#[test]
fn history_is_listed_behind_the_levels() {
    let kv = Kv::new();
    for line in ["set a 1", "set a 2", "flush"] {
        kv.run(line).ok();
    }
    let levels = kv.run("levels").lines();
    assert_eq!(levels.len(), 3, "{levels:?}");
    let cells: Vec<_> = levels[2].split_whitespace().collect();
    assert_eq!((&cells[..4], &cells[5..]), (&["history", "1", "1", "0"][..], &["a", "..", "a"][..]));
    let runs = kv.run("--json levels --runs").lines();
    let run: serde_json::Value = serde_json::from_str(&runs[1]).unwrap();
    assert_eq!((&run["level"], &run["rows"]), (&"history".into(), &1.into()));
}
