//! `restore`: what is put back is covered by `tests/store/outside.rs`; here what it says, and what it exports.

use crate::kv::{Kv, names};
use arrow_array::{BinaryArray, BooleanArray, RecordBatch, RecordBatchIterator, UInt64Array};
use lance::Dataset;
use lance::dataset::{NewColumnTransform, WriteMode, WriteParams};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

#[test]
fn a_store_that_needs_nothing_is_left_as_it_is() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    kv.run("flush").ok();
    kv.run("set b 2").ok();
    for _ in 0..2 {
        assert!(kv.run("restore").ok().starts_with("nothing to restore: "));
    }
    assert!(kv.run("restore --export theirs.jsonl").ok().starts_with("nothing to restore: "));
    assert!(!kv.path("theirs.jsonl").exists());
    assert_eq!(kv.run("--json restore").json(), serde_json::json!({ "restored": false }));
    assert_eq!(kv.run("scan").lines().len(), 2);
    assert_eq!(kv.run("get b").ok(), "2\n");
}

/// Before anything was flushed there are no runs to put back.
#[test]
fn a_store_that_was_never_flushed_needs_nothing() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    assert!(kv.run("restore").ok().starts_with("nothing to restore: "));
    assert_eq!(kv.run("get a").ok(), "1\n");
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let kv = Kv::new();
    kv.run("restore").fails(3, &["store is not a store", "there is nothing"]);
    assert!(!kv.path("store").exists());
    kv.file("store/notes.txt", "mine");
    kv.run("restore --export theirs.jsonl").fails(3, &["is not a store", "'notes.txt'", "'kv.lance'"]);
    assert_eq!(names(&kv.path("store")), ["notes.txt"]);
    assert!(!kv.path("theirs.jsonl").exists());
}

#[test]
fn help_says_what_becomes_of_the_other_tools_rows() {
    let help = Kv::new().run("restore --help").ok();
    for word in ["Usage: kv restore", "another tool", "under a tag", "--export <FILE>", "kv import theirs.jsonl"] {
        assert!(help.contains(word), "'{word}' is not in {help}");
    }
}

async fn table(folder: &Path) -> Dataset {
    Dataset::open(folder.join("kv.lance").to_str().unwrap()).await.unwrap()
}

type Row<'a> = (&'a [u8], u64, Option<&'a [u8]>);

/// Appends rows with Lance.
async fn append(folder: &Path, rows: &[Row<'_>]) {
    let columns: Vec<Arc<dyn arrow_array::Array>> = vec![
        Arc::new(BinaryArray::from_iter_values(rows.iter().map(|row| row.0))),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.1))),
        Arc::new(BooleanArray::from(rows.iter().map(|row| row.2.is_none()).collect::<Vec<_>>())),
        Arc::new(BinaryArray::from_iter(rows.iter().map(|row| row.2))),
    ];
    let schema: arrow_schema::Schema = table(folder).await.schema().into();
    let batch = RecordBatch::try_new(Arc::new(schema), columns).unwrap();
    let params = WriteParams { mode: WriteMode::Append, ..WriteParams::default() };
    let (uri, schema) = (folder.join("kv.lance"), batch.schema());
    Dataset::write(RecordBatchIterator::new([Ok(batch)], schema), uri.to_str().unwrap(), Some(params)).await.unwrap();
}

/// A store with a run of three keys, of which one is deleted.
fn store() -> Kv {
    let kv = Kv::new();
    kv.fill(["a", "b", "c"].map(String::from));
    kv.run("flush").ok();
    kv.run("del b").ok();
    kv.run("flush").ok();
    kv
}

const OWN: &str = "a\t{\"id\":\"a\"}\nc\t{\"id\":\"c\"}\n";

#[tokio::test]
async fn rows_of_another_tool_are_exported_and_can_be_imported() {
    let kv = store();
    // A copy of a row of the store is none of theirs.
    let own = table(&kv.path("store")).await.scan().try_into_batch().await.unwrap();
    let uri = kv.path("store/kv.lance");
    let params = WriteParams { mode: WriteMode::Append, ..WriteParams::default() };
    let copies = RecordBatchIterator::new([Ok(own.clone())], own.schema());
    Dataset::write(copies, uri.to_str().unwrap(), Some(params)).await.unwrap();
    let theirs: [Row<'_>; 5] = [
        (b"x", 9, Some(b"new")),
        (b"\xff", 7, Some(b"\x00\x80")),
        (b"x", 7, Some(b"old")),
        (b"a", 8, None),
        (b"b", 1, Some(b"")),
    ];
    append(&kv.path("store"), &theirs).await;
    kv.run("get a").fails(3, &["another program has changed the table"]);

    let text = kv.run("restore --export theirs.jsonl").ok();
    assert!(text.starts_with("restored; ") && text.ends_with("\nrows of its own in theirs.jsonl: 5\n"), "{text}");
    let exported = fs::read_to_string(kv.path("theirs.jsonl")).unwrap();
    assert_eq!(fs::metadata(kv.path("theirs.jsonl")).unwrap().permissions().mode() & 0o777, 0o600);
    let mut lines: Vec<_> = exported.lines().collect();
    // Those of one version in any order.
    lines[1..3].sort();
    let expected = [
        r#"{"key":"b","version":1,"tombstone":false,"val":""}"#,
        r#"{"key":"x","version":7,"tombstone":false,"val":"old"}"#,
        r#"{"key":{"hex":"ff"},"version":7,"tombstone":false,"val":{"hex":"0080"}}"#,
        r#"{"key":"a","version":8,"tombstone":true,"val":null}"#,
        r#"{"key":"x","version":9,"tombstone":false,"val":"new"}"#,
    ];
    assert_eq!(lines, expected);

    assert_eq!(kv.run("scan").ok(), OWN);
    assert!(kv.run("import theirs.jsonl --key key --value val").ok().starts_with("imported 5 entries"));
    assert_eq!(kv.run("scan").ok(), "b\t\nc\t{\"id\":\"c\"}\nx\tnew\n\\xff\t\\x00\\x80\n");
}

/// Where the tool has changed the columns all rows are its own, and one that only deleted has none.
#[tokio::test]
async fn rows_of_other_columns_are_exported_all_and_deleted_ones_not() {
    let kv = store();
    let column = NewColumnTransform::SqlExpressions(vec![("more".into(), "length(key)".into())]);
    table(&kv.path("store")).await.add_columns(column, None, None).await.unwrap();
    let said = kv.run("--json restore --export theirs.jsonl").json();
    assert_eq!((&said["restored"], &said["exported"]), (&true.into(), &4.into()), "{said}");
    let exported = fs::read_to_string(kv.path("theirs.jsonl")).unwrap();
    assert!(exported.lines().count() == 4 && exported.lines().all(|line| line.contains(r#","more":1}"#)), "{exported}");
    assert_eq!(kv.run("scan").ok(), OWN);

    table(&kv.path("store")).await.delete("key = X'61'").await.unwrap();
    let said = kv.run("--json restore --export none.jsonl").json();
    assert_eq!((&said["restored"], &said["exported"]), (&true.into(), &0.into()), "{said}");
    assert_eq!(fs::read(kv.path("none.jsonl")).unwrap(), b"");
    assert_eq!(kv.run("scan").ok(), OWN);
}

#[tokio::test]
async fn an_export_that_cannot_be_written_restores_nothing() {
    let kv = store();
    append(&kv.path("store"), &[(b"x", 1, Some(b"1"))]).await;
    let version = table(&kv.path("store")).await.version().version;
    kv.file("mine.jsonl", "mine");
    kv.run("restore --export mine.jsonl").fails(3, &["mine.jsonl", "exists", "nothing has been restored"]);
    assert_eq!(fs::read(kv.path("mine.jsonl")).unwrap(), b"mine");
    kv.run("restore --export nowhere/theirs.jsonl").fails(3, &["nowhere/theirs.jsonl", "nothing has been restored"]);
    // A disk that is full when the rows come, and a reader that has left.
    for output in ["/dev/full", "closed"] {
        let mut command = kv.bare(["restore", "--export", "-"]);
        let (reader, closed) = std::io::pipe().unwrap();
        drop(reader);
        match output {
            "closed" => command.stdout(closed),
            device => command.stdout(fs::File::options().write(true).open(device).unwrap()),
        };
        let ran = crate::kv::Ran::from(command.env("KV_STORE", "store").output().unwrap());
        ran.fails(3, &["exporting to -", "nothing has been restored"]);
    }
    // One that cannot be read to its end leaves no half of a file.
    let table = table(&kv.path("store")).await;
    assert_eq!(table.version().version, version);
    assert!(table.tags().list().await.unwrap().is_empty());
    kv.run("get a").fails(3, &["another program has changed the table"]);
    let ran = kv.run("restore --export -");
    assert_eq!(ran.out, b"{\"key\":\"x\",\"version\":1,\"tombstone\":false,\"val\":\"1\"}\n");
    assert!(ran.code == Some(0) && ran.err.starts_with("restored; ") && ran.err.contains(": 1\n"), "{ran:?}");
    assert_eq!(kv.run("scan").ok(), OWN);
}

/// Half an export would be taken for a whole one.
#[tokio::test]
async fn rows_that_cannot_be_read_leave_no_file() {
    let kv = store();
    let before = table(&kv.path("store")).await;
    append(&kv.path("store"), &[(b"x", 1, Some(b"1"))]).await;
    let own: Vec<_> = before.get_fragments().iter().map(|f| f.metadata().files[0].path.clone()).collect();
    let mut appended = names(&kv.path("store/kv.lance/data"));
    appended.retain(|name| !own.contains(name));
    fs::remove_file(kv.path("store/kv.lance/data").join(&appended[0])).unwrap();
    kv.run("restore --export theirs.jsonl").fails(3, &[&appended[0]]);
    assert!(!kv.path("theirs.jsonl").exists());
    // They are lost already; the store is not.
    assert!(kv.run("restore").ok().starts_with("restored; "));
    assert_eq!(kv.run("scan").ok(), OWN);
}
