//! `import`: folders, lines and rows, good and bad.

use crate::kv::Kv;
use std::fs;
use std::os::unix::fs::symlink;

const CACHE_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# more\n";

#[test]
fn a_folder() {
    let kv = Kv::new();
    kv.file("tree/b.txt", "text");
    kv.file("tree/a/x.bin", b"\x00\xff");
    kv.file("tree/a/empty", "");
    kv.file("tree/a.txt", "sorts between");
    kv.file("tree/target/debug/kv", "left out");
    kv.file("tree/target/CACHEDIR.TAG", CACHE_TAG);
    kv.file("tree/.git/HEAD", "left out");
    kv.file("tree/sub/.git", "left out");
    kv.file("tree/src/target/kept", "a folder of this name that is no cache");
    symlink(kv.path("tree/b.txt"), kv.path("tree/link")).unwrap();
    symlink(kv.path("tree/a"), kv.path("tree/folder-link")).unwrap();
    let text = kv.run("import tree --prefix t/").ok();
    assert!(text.starts_with("imported 5 entries ("), "{text}");
    assert!(text.contains("\nleft out: '.git' (2), cache folder (1), symbolic link (2)\n"), "{text}");
    let keys = ["t/a.txt", "t/a/empty", "t/a/x.bin", "t/b.txt", "t/src/target/kept"];
    assert_eq!(kv.run("scan --keys-only").lines(), keys);
    assert_eq!(kv.run("get t/a/x.bin --raw").out, b"\x00\xff");
    assert_eq!(kv.run("get t/a/empty --raw").out, b"");
}

#[test]
fn a_folder_that_holds_the_store() {
    let kv = Kv::new();
    kv.file("a", "1");
    let summary = kv.run("--json import .").json();
    assert_eq!(summary["imported"], 1);
    assert_eq!(summary["left_out"]["the store itself"], 1);
    assert_eq!(kv.run("scan").ok(), "a\t1\n");
    kv.run("import store").fails(3, &["store", "itself"]);
    kv.run("import . --key id").fails(2, &["--key"]);
}

#[test]
fn lines() {
    let kv = Kv::new();
    kv.file("f.jsonl", "{\"id\":\"a\",\"n\":1}\r\n\n{\"id\":2}\n{\"id\":\"a\",\"n\":2}");
    assert_eq!(kv.run("--json import f.jsonl --key id").json()["imported"], 3);
    assert_eq!(kv.run("scan").ok(), "2\t{\"id\":2}\na\t{\"id\":\"a\",\"n\":2}\n");
}

#[test]
fn rows() {
    let kv = Kv::new();
    kv.file("f.csv", "id,name\r\n1,\"Lovelace, Ada\"\r\n2,größe\r\n");
    kv.run("import f.csv --key id --prefix c/").ok();
    kv.file("f.TSV", "name\tid\nAda\t1\n");
    kv.run("import f.TSV --key name --prefix t/").ok();
    let expected = "c/1\t{\"id\":\"1\",\"name\":\"Lovelace, Ada\"}\n\
                    c/2\t{\"id\":\"2\",\"name\":\"größe\"}\n\
                    t/Ada\t{\"name\":\"Ada\",\"id\":\"1\"}\n";
    assert_eq!(kv.run("scan").ok(), expected);
}

/// What a scan prints is what an import reads.
#[test]
fn a_scan_goes_back_in() {
    let kv = Kv::new();
    kv.file("tree/a", "1\n");
    kv.file("tree/b", b"\x00\xff");
    kv.file("tree/c", "");
    kv.run("import tree").ok();
    kv.run("--hex set ff00 61").ok();
    let all = kv.run("--json scan").ok();
    kv.file("all.jsonl", &all);
    for store in ["again", "store"] {
        let args = ["--store", store, "import", "all.jsonl", "--key", "key", "--value", "value"];
        assert!(kv.run_words(args).ok().starts_with("imported 4 entries"));
        assert_eq!(kv.run_words(["--store", store, "--json", "scan"]).ok(), all);
    }
    kv.file("f.csv", "id,x,y\nc,,2\n");
    kv.run("import f.csv --key id --value y").ok();
    kv.file("f.jsonl", "{\"key\":\"a\",\"value\":null}\n{\"key\":\"nothing\",\"value\":null}\n");
    kv.run("import f.jsonl --key key --value value").ok();
    assert_eq!(kv.run("scan").ok(), "b\t\\x00\\xff\nc\t2\n\\xff\\x00\ta\n");
}

#[test]
fn a_bad_line_is_named_and_its_batch_is_not_written() {
    let kv = Kv::new();
    let good: String = (0..5).map(|i| format!("{{\"id\":\"{i}\"}}\n")).collect();
    kv.file("f.jsonl", format!("{good}{{\"id\":\n"));
    kv.run("import f.jsonl --key id --batch 2")
        .fails(3, &["f.jsonl:6: ", "not JSON", "committed before it: 4 entries"]);
    assert_eq!(kv.run("count").ok(), "4\n");

    kv.file("f.csv", "id,x\n1,a\n\n2,b,c\n3,d\n");
    kv.run("import f.csv --key id --prefix c/").fails(3, &["f.csv:4: ", "3 fields", "header has 2", "0 entries"]);
    assert_eq!(kv.run("count --prefix c/").ok(), "0\n");

    kv.run("import f.jsonl --key name").fails(3, &["f.jsonl:1: ", "no field 'name'"]);
    kv.run("import f.csv --key name").fails(3, &["f.csv:1: ", "no column 'name'", "'id', 'x'"]);
}

#[test]
fn an_entry_that_the_store_refuses_is_named() {
    let kv = Kv::new();
    kv.file("f.jsonl", format!("{{\"id\":\"a\"}}\n{{\"id\":\"{}\"}}\n", "k".repeat((1 << 20) + 1)));
    kv.run("import f.jsonl --key id").fails(3, &["f.jsonl:2: ", "1048577 bytes", "1048576", "0 entries"]);
    assert_eq!(kv.run("count").ok(), "0\n");
}

#[test]
fn what_cannot_be_imported() {
    let kv = Kv::new();
    kv.file("f.jsonl", "{\"id\":1}");
    kv.file("f.txt", "text");
    kv.run("import f.jsonl").fails(2, &["--key"]);
    kv.run("import f.txt --key id").fails(2, &["f.txt", ".jsonl, .csv or .tsv"]);
    kv.run("import nowhere").fails(3, &["nowhere"]);
    kv.run("import f.jsonl --key id --batch 0").misuse(&["--batch"]);
    assert!(!kv.path("store").exists());
    fs::create_dir(kv.path("empty")).unwrap();
    assert!(kv.run("import empty").ok().starts_with("imported 0 entries"));
}

/// A key is never a path: neither when it comes in nor when it goes out.
#[test]
fn keys_that_look_like_paths() {
    let kv = Kv::new();
    let outside = kv.path("outside");
    let keys = [outside.to_str().unwrap(), "../outside", "../../etc/outside", "store/LOCK", "store/journal/HEAD", "-"];
    let lines: String = keys.iter().map(|key| format!("{{\"id\":\"{key}\",\"v\":\"x\"}}\n")).collect();
    kv.file("f.jsonl", lines);
    kv.run("import f.jsonl --key id --value v").ok();
    let mut sorted = keys;
    sorted.sort();
    assert_eq!(kv.run("scan --keys-only").lines(), sorted);
    for key in keys {
        assert_eq!(kv.run_words(["get", "--raw", "--", key]).out, b"x", "{key}");
    }
    let mut found: Vec<_> = fs::read_dir(kv.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    found.sort();
    assert_eq!(found, ["f.jsonl", "store"]);
}
