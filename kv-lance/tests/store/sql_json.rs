//! Looking into values that are JSON.

use super::sql::{begin, cells, run};
use super::*;
use kv_api::Transactable;
use kv_lance::sql;
use kv_lance::sql::datafusion::execution::context::SessionContext;

const DOCUMENTS: [(&str, &str); 5] = [
    ("1", r#"{"name": "Ada", "age": 36, "tags": ["a", {"b": true}], "score": 1.5, "gone": null}"#),
    ("2", r#"{"name": "Bob", "age": 41.5, "tags": []}"#),
    ("3", "[1, 2, 3]"),
    ("4", "no JSON"),
    ("5", r#"{"name": {"first": "Eve"}, "age": "old", "city": "Ada"}"#),
];

async fn filled(dir: &Path) -> Result<(LanceDatastore, SessionContext)> {
    let store = open(LanceConfig::new(dir)).await?;
    write(&store, &DOCUMENTS[..3]).await?;
    store.flush().await?;
    let tx = begin(&store, TransactionOptions::write());
    for (key, val) in DOCUMENTS[3..].iter().chain(&[("bytes", "\u{1}")]) {
        tx.set((*key).into(), (*val).into()).await?;
    }
    tx.set("bytes".into(), b"\xff".to_vec().into()).await?;
    let session = sql::session(tx).unwrap();
    Ok((store, session))
}

/// The cells of one column of all rows, in the order of their keys.
async fn column(session: &SessionContext, expression: &str) -> Vec<String> {
    cells(session, &format!("SELECT {expression} FROM kv ORDER BY key")).await.concat()
}

#[tokio::test]
async fn a_function_gives_what_is_there_if_it_is_of_its_kind() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, session) = filled(dir.path()).await?;
    let expected = [
        ("json_get(val, 'name')", [r#""Ada""#, r#""Bob""#, "", "", r#"{"first":"Eve"}"#, ""]),
        ("json_get(val, 'gone')", ["null", "", "", "", "", ""]),
        ("json_as_text(val, 'name')", ["Ada", "Bob", "", "", r#"{"first":"Eve"}"#, ""]),
        ("json_as_text(val, 'gone')", ["", "", "", "", "", ""]),
        ("json_as_text(val, 'age')", ["36", "41.5", "", "", "old", ""]),
        ("json_get_str(val, 'name')", ["Ada", "Bob", "", "", "", ""]),
        ("json_get_int(val, 'age')", ["36", "", "", "", "", ""]),
        ("json_get_float(val, 'age')", ["36.0", "41.5", "", "", "", ""]),
        ("json_get_bool(val, 'tags', 1, 'b')", ["true", "", "", "", "", ""]),
        ("json_length(val)", ["5", "3", "3", "", "3", ""]),
        ("json_length(val, 'tags')", ["2", "0", "", "", "", ""]),
        ("json_contains(val, 'gone')", ["true", "false", "false", "false", "false", "false"]),
        ("json_get_int(val, 2)", ["", "", "3", "", "", ""]),
        ("json_get_int(val, -1)", ["", "", "", "", "", ""]),
        ("json_get_str(val, CASE WHEN key < '3' THEN 'name' ELSE 'city' END)", ["Ada", "Bob", "", "", "Ada", ""]),
    ];
    for (expression, expected) in expected {
        assert_eq!(column(&session, expression).await, expected, "{expression}");
    }
    assert_eq!(cells(&session, r#"SELECT json_get_int('{"a": 1}', 'a'), json_get_str(NULL, 'a')"#).await, [["1", ""]]);
    store.shutdown().await
}

#[tokio::test]
async fn operators_bind_as_one_reads_them() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, session) = filled(dir.path()).await?;
    assert_eq!(column(&session, "val -> 'tags' -> 1 ->> 'b'").await, ["true", "", "", "", "", ""]);
    assert_eq!(column(&session, "val -> 'name' ->> 'first'").await, ["", "", "", "", "Eve", ""]);
    for (condition, keys) in [
        ("val ->> 'name' = 'Ada'", vec!["1"]),
        ("'Ada' = val ->> 'name'", vec!["1"]),
        ("val ->> 'name' = 'Ada' OR val -> 'name' ->> 'first' = 'Eve'", vec!["1", "5"]),
        ("val ->> 'name' > val ->> 'city'", vec!["5"]),
        ("NOT val ->> 'name' <> 'Bob'", vec!["2"]),
        ("val ->> 'name' LIKE 'B%'", vec!["2"]),
        ("'Ada' LIKE val ->> 'name'", vec!["1"]),
        ("val ->> 'name' IN ('Ada', 'Bob')", vec!["1", "2"]),
        ("val ->> 'name' BETWEEN 'Ad' AND 'Az'", vec!["1"]),
        ("'Ad' BETWEEN 'A' AND val ->> 'name'", vec!["1", "2", "5"]),
        ("val ->> 'name' IS NOT NULL AND val -> 'tags' IS NULL", vec!["5"]),
        ("key < '3' AND val ->> 'name' IS DISTINCT FROM 'Ada'", vec!["2"]),
        ("val ->> 'name' IN (SELECT val ->> 'city' FROM kv)", vec!["1"]),
        ("(val ->> 'score')::float + 1 > 2", vec!["1"]),
    ] {
        let found = cells(&session, &format!("SELECT key FROM kv WHERE {condition} ORDER BY key")).await.concat();
        // A key that is bytes is printed as hexadecimal text.
        let keys: Vec<_> = keys.iter().map(|key| format!("3{key}")).collect();
        assert_eq!(found, keys, "{condition}");
    }
    let counts = "SELECT val ->> 'name' AS name, count(*) AS n FROM kv WHERE key < '3' GROUP BY name ORDER BY name";
    assert_eq!(cells(&session, counts).await, [["Ada", "1"], ["Bob", "1"]]);
    store.shutdown().await
}

#[tokio::test]
async fn what_is_no_document_and_no_key_is_refused() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, session) = filled(dir.path()).await?;
    for (expression, words) in [
        ("json_get(version, 'a')", ["json_get looks into JSON that is bytes or text", "UInt64"]),
        ("json_get_str(val, 1.5)", ["json_get_str takes keys that are text", "Float64"]),
        ("json_length()", ["json_length", "takes a value that is JSON"]),
        ("val ->> 'age'::int", ["is a key, and not", "parentheses"]),
        ("val ->> 'name' || 'x'", ["is a key, and not", "json_as_text"]),
    ] {
        let error = run(&session, &format!("SELECT {expression} FROM kv")).await.unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{expression}: {error}");
    }
    store.shutdown().await
}
