//! `sql`.

use crate::kv::Kv;

/// Five entries, of which one is not text.
fn filled() -> Kv {
    let kv = Kv::new();
    kv.fill(["a", "b/1", "b/2", "c"].map(String::from));
    kv.run("--hex set ff00 00").ok();
    kv
}

#[test]
fn rows_are_printed_as_a_person_or_a_program_wants_them() {
    let kv = filled();
    let query = "SELECT key, val FROM kv WHERE key LIKE 'b/%'";
    let table = kv.run_words(["sql", query]).ok();
    assert_eq!(table.lines().count(), 6, "{table}");
    assert!(table.contains("| b/2 | {\"id\":\"b/2\"} |"), "{table}");
    assert_eq!(
        kv.run_words(["sql", "--format", "csv", query]).lines()[..2],
        ["key,val", "b/1,\"{\"\"id\"\":\"\"b/1\"\"}\""]
    );
    let json = kv.run_words(["--json", "sql", "SELECT key, version FROM kv WHERE key = 'a'"]).json();
    assert_eq!(json["key"], "a");
    assert!(json["version"].as_u64().is_some_and(|version| version > 1 << 40), "{json}");
    let last = "SELECT key FROM kv ORDER BY key DESC LIMIT 1";
    assert_eq!(kv.run_words(["sql", "--format", "csv", last]).lines(), ["key", r"\xff\x00"]);
    assert_eq!(kv.run_words(["--hex", "sql", "--format", "csv", last]).lines(), ["key", "ff00"]);
    assert_eq!(kv.run_words(["sql", "--format", "csv", "SELECT key FROM kv WHERE key = 'x'"]).lines(), ["key"]);
    assert_eq!(kv.run_words(["sql", "--format", "csv", "SELECT count(*) AS n FROM kv"]).lines(), ["n", "5"]);
}

#[test]
fn several_queries_come_one_after_the_other() {
    let kv = filled();
    let queries = "SELECT 1 AS one; SELECT key FROM kv WHERE key = 'c';";
    let expected = ["one", "1", "key", "c"];
    assert_eq!(kv.run_words(["sql", "--format", "csv", queries]).lines(), expected);
    assert_eq!(kv.run_with_input("sql --format csv", queries.as_bytes()).lines(), expected);
    let shell = "set d 4\nsql --format csv \"SELECT count(*) AS n FROM kv\"\n";
    assert_eq!(kv.run_with_input("shell", shell.as_bytes()).lines()[1..], ["n", "6"]);
}

#[test]
fn the_past_can_be_asked_for() {
    let kv = filled();
    let version = kv.run_words(["--json", "sql", "SELECT max(version) AS v FROM kv"]).json()["v"].as_u64().unwrap();
    kv.run("set a changed").ok();
    kv.run("del c").ok();
    let version = version.to_string();
    let count = "SELECT count(*) AS n FROM kv";
    assert_eq!(kv.run_words(["sql", "--format", "csv", count]).lines(), ["n", "4"]);
    assert_eq!(kv.run_words(["sql", "--format", "csv", "--at", &version, count]).lines(), ["n", "5"]);
    let gone = format!("SELECT key FROM kv_at({version}) EXCEPT SELECT key FROM kv");
    assert_eq!(kv.run_words(["sql", "--format", "csv", &gone]).lines(), ["key", "c"]);
}

#[test]
fn a_query_that_cannot_be_is_explained() {
    let kv = filled();
    kv.run_words(["sql", "SELEC"]).fails(2, &["Expected: an SQL statement", "SELEC"]);
    kv.run_words(["sql", "SELECT nope FROM kv"]).fails(2, &["nope", "kv.key"]);
    kv.run_words(["sql", "SELECT octet_length(key) FROM kv"]).fails(2, &["CAST(column AS VARCHAR)"]);
    kv.run_words(["sql", "SELECT * FROM kv_at('soon')"]).fails(2, &["kv_at takes a version, a time", "soon"]);
    kv.run_words(["sql", "--format", "xml", "SELECT 1"]).misuse(&["xml", "table, csv, json, arrow"]);
    kv.run_words(["sql", "INSERT INTO kv VALUES ('x', 'y', 1)"]).fails(2, &["kv"]);
    kv.run("set a changed").ok();
    kv.run("compact --no-history").ok();
    kv.run_words(["sql", "SELECT * FROM kv_at(5)"]).fails(3, &["version 5"]);
    kv.run_words(["sql", "SELECT count(*) FROM kv_at(5)"]).fails(3, &["version 5"]);
    kv.run_words(["sql", "SELECT CAST(key AS VARCHAR) FROM kv"]).fails(2, &["non UTF-8"]);
    assert_eq!(kv.run("count").ok(), "5\n");
}

#[test]
fn json_values_are_columns() {
    let kv = Kv::new();
    let lines = ["ada", "bob", "eve"].iter().enumerate().map(|(i, name)| {
        format!("{{\"key\": \"user/{i}\", \"val\": \"{{\\\"name\\\": \\\"{name}\\\", \\\"age\\\": {}}}\"}}\n", 30 + i)
    });
    kv.file("users.jsonl", lines.collect::<String>());
    kv.run("import users.jsonl --key key --value val").ok();
    let view = ["sql", "--format", "csv", "--view", "users=user/{id:int}"];
    let query = |more: &[&str]| kv.run_words(view.iter().chain(more));
    assert_eq!(
        query(&["SELECT id, name FROM users WHERE age > 30 ORDER BY id"]).lines(),
        ["id,name", "1,bob", "2,eve"]
    );
    kv.run("set user/3 broken").ok();
    query(&["SELECT sum(age) FROM users"]).fails(2, &["'user/3'", "cannot be decoded"]);
    assert_eq!(query(&["--undecodable", "skip", "SELECT count(*) AS n FROM users"]).lines(), ["n", "3"]);
    assert_eq!(
        query(&["--undecodable", "null", "SELECT count(*) AS n FROM users WHERE age IS NULL"]).lines(),
        ["n", "1"]
    );
    kv.run_words(["sql", "--view", "x=user/{a", "SELECT 1"]).fails(2, &["'user/{a'", "has no '}'"]);
    kv.run_words(["sql", "--view", "x=nothing/", "SELECT 1"]).fails(3, &["'nothing/'", "none is a JSON object"]);
    kv.run_words(["sql", "--view", "user/{a}", "SELECT 1"]).misuse(&["--view", "NAME="]);
}

#[test]
fn values_of_a_view_may_be_cbor_or_messagepack() {
    let kv = Kv::new();
    kv.run("--hex set 632f31 a2646e616d6563416461636167651824").ok();
    kv.run("--hex set 6d2f31 82a46e616d65a3416461a361676524").ok();
    for (values, prefix) in [("cbor", "c"), ("msgpack", "m")] {
        let query = ["--format", "csv", "SELECT id, name, age FROM users"];
        let view = format!("users={prefix}/{{id:int}}");
        let words = [&["sql", "--view", &*view, "--values", values][..], &query].concat();
        assert_eq!(kv.run_words(words.clone()).ok(), "id,name,age\n1,Ada,36\n");
        let json = [&["sql", "--view", &*view][..], &query].concat();
        kv.run_words(json).fails(3, &["none is a JSON object"]);
    }
    kv.run_words(["sql", "--values", "cbor", "SELECT 1"]).misuse(&["--view"]);
}
