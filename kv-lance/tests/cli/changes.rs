//! `changes`, and `watch` in the shell.

use crate::kv::Kv;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_ipc::reader::StreamReader;

/// A store with three commits; their versions.
fn written(kv: &Kv) -> Vec<u64> {
    for line in ["set a 1", "set b two", "del a"] {
        kv.run(line).ok();
    }
    kv.run("compact").ok();
    let lines = kv.run("--json changes").lines();
    let versions =
        lines.iter().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["version"].as_u64());
    let mut versions: Vec<u64> = versions.map(|version| version.unwrap()).collect();
    versions.dedup();
    versions
}

#[test]
fn commits_are_printed_in_their_order() {
    let kv = Kv::new();
    let versions = written(&kv);
    let [first, second, third] = versions[..] else { panic!("{versions:?}") };
    assert!(first < second && second < third);
    let lines = [format!("{first}\tset\ta\t1"), format!("{second}\tset\tb\ttwo"), format!("{third}\tdel\ta")];
    assert_eq!(kv.run("changes").lines(), lines);
    assert_eq!(kv.run(&format!("changes --since {first}")).lines(), lines[1..]);
    assert_eq!(kv.run(&format!("changes --since {third}")).lines(), [""; 0]);
    assert_eq!(kv.run("changes --prefix a").lines(), [lines[0].as_str(), &lines[2]]);
    assert_eq!(kv.run("changes --from b --to c").lines(), [lines[1].as_str()]);
    assert_eq!(kv.run("--hex changes --prefix 62").lines(), [format!("{second}\tset\t62\t74776f")]);
    assert_eq!(
        kv.run(&format!("--json changes --since {second} --prefix a")).ok(),
        format!("{{\"key\":\"a\",\"value\":null,\"version\":{third}}}\n")
    );
    kv.run("changes --since soon").misuse(&["--since", "soon"]);
    kv.run("changes --arrow --json").misuse(&["--arrow", "--json"]);
}

#[test]
fn what_is_not_retained_is_an_error() {
    let kv = Kv::new();
    written(&kv);
    kv.run("compact --no-history").ok();
    let ran = kv.run("changes");
    assert!(ran.code == Some(3) && ran.out.is_empty() && ran.err.contains("retained"), "{ran:?}");
}

#[test]
fn a_copy_is_made_of_the_changes() {
    let kv = Kv::new();
    written(&kv);
    let changes = kv.run("--json changes").ok();
    kv.file("changes.jsonl", changes);
    let import = ["--store", "copy", "import", "changes.jsonl", "--key", "key", "--value", "value", "--batch", "1"];
    assert_eq!(kv.bare(import).output().unwrap().status.code(), Some(0));
    let scan = kv.bare(["--store", "copy", "scan"]).output().unwrap();
    assert_eq!(String::from_utf8(scan.stdout).unwrap(), "b\ttwo\n");
}

#[test]
fn arrow_is_a_stream_of_batches() {
    let kv = Kv::new();
    let versions = written(&kv);
    let ran = kv.run("changes --arrow");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let batches: Vec<_> = StreamReader::try_new(&ran.out[..], None).unwrap().map(|batch| batch.unwrap()).collect();
    assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 3);
    assert_eq!(batches[0].schema(), kv_api::change_schema());
    assert_eq!(batches[0].column(0).as_primitive::<UInt64Type>().value(0), versions[0]);
    assert_eq!(batches[0].column(1).as_binary::<i32>().value(0), b"a");
    // Nothing is a stream as well.
    let ran = kv.run("changes --arrow --prefix x");
    assert_eq!(StreamReader::try_new(&ran.out[..], None).unwrap().count(), 0);
}

#[test]
fn a_shell_shows_what_its_commands_commit() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    let input = "set b 0\nwatch --prefix b\n--hex watch --prefix 63\nset b 1\nset c 2\nget b\ndel b c\nflush\n";
    let ran = kv.run_with_input("shell", input.as_bytes());
    let lines = ran.lines();
    let words: Vec<String> = lines
        .iter()
        .map(|line| line.split('\t').skip(1).collect::<Vec<_>>().join(" "))
        .filter(|words| !words.is_empty())
        .collect();
    assert_eq!(words, ["set b 1", "set 63 32", "del b", "del 63"], "{lines:?}");
    let at = |start: &str| lines.iter().position(|line| line.starts_with(start) || line.contains(start)).unwrap();
    assert!(at("\tset\tb\t1") < at("\tset\t63\t32") && at("deleted 2") < at("\tdel\tb"), "{lines:?}");
}
