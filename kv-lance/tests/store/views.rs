//! Views over values: what their rows are, what a query of them reads, what becomes of a value that is none of its kind.

use super::*;
use kv_api::Transactable;
use kv_lance::LanceTransaction;
use kv_lance::sql::datafusion::arrow::array::{ArrayRef, BinaryArray, UInt64Array};
use kv_lance::sql::datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use kv_lance::sql::datafusion::arrow::util::pretty::pretty_format_batches;
use kv_lance::sql::datafusion::execution::context::SessionContext;
use kv_lance::sql::{self, Decoder, Json, Undecodable, View};
use std::sync::Arc;

async fn ask(session: &SessionContext, query: &str) -> std::result::Result<Vec<Vec<String>>, String> {
    let batches = session.sql(query).await.map_err(|e| e.to_string())?.collect().await.map_err(|e| e.to_string())?;
    let text = pretty_format_batches(&batches).unwrap().to_string();
    let rows = text.lines().skip(3).filter(|line| line.starts_with('|'));
    Ok(rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect())
}

/// Orders of some users in runs and in memory, beside keys that are none.
async fn fill(store: &LanceDatastore) -> Arc<LanceTransaction> {
    for user in 0..30 {
        let orders: Vec<_> = (0..20)
            .map(|n| {
                (
                    format!("user/u{user:02}/order/{n}"),
                    format!(r#"{{"item": "i{}", "price": {n}.5, "n": "no"}}"#, n % 7),
                )
            })
            .chain([(format!("user/u{user:02}"), r#"{"name": "somebody"}"#.into())])
            .chain([(format!("user/u{user:02}/order/x"), "not a number".into())])
            .collect();
        let orders: Vec<_> = orders.iter().map(|(key, val): &(String, String)| (key.as_str(), val.as_str())).collect();
        write(store, &orders).await.unwrap();
        if user == 10 {
            store.compact().await.unwrap();
        }
    }
    let tx = Arc::new(store.transaction(TransactionOptions::write()).unwrap());
    tx.set("user/own/order/1".into(), r#"{"item": "own", "price": 1000, "more": [1]}"#.into()).await.unwrap();
    tx
}

fn config(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir).memtable_bytes(16 << 10).partition_bytes(16 << 10).block_bytes(512)
}

#[tokio::test]
async fn keys_and_values_are_columns() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    let tx = fill(&store).await;
    let orders = View::new("user/{user}/order/{n:int}", Json::inferred(&tx, "user/u00/order/", 5).await?)?;
    let session = sql::session(tx.clone()).unwrap();
    session.register_table("orders", Arc::new(orders.table(tx))).unwrap();
    // The part goes before the field of the same name, and the key that is no number is not in it.
    let columns =
        ask(&session, "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'orders'")
            .await;
    assert_eq!(columns.unwrap(), [["user", "Utf8"], ["n", "Int64"], ["item", "Utf8"], ["price", "Float64"]]);
    assert_eq!(ask(&session, "SELECT count(*), sum(n) FROM orders").await.unwrap(), [["601", "5701"]]);
    let sums = "SELECT item, sum(price) FROM orders WHERE user <> 'own' GROUP BY item ORDER BY item";
    let sum = |item: usize| (item..20).step_by(7).map(|n| n as f64 + 0.5).sum::<f64>() * 30.0;
    let expected: Vec<_> = (0..7).map(|item| vec![format!("i{item}"), format!("{:?}", sum(item))]).collect();
    assert_eq!(ask(&session, sums).await.unwrap(), expected);
    let own = "SELECT user, n, price FROM orders WHERE item = 'own'";
    assert_eq!(ask(&session, own).await.unwrap(), [["own", "1", "1000.0"]]);

    let plan = |query: &str| format!("EXPLAIN {query}");
    let narrow = ask(&session, &plan("SELECT price FROM orders WHERE user IN ('u01', 'u07') AND n = 3")).await.unwrap();
    let narrow: String = narrow.concat().concat();
    assert!(
        narrow.contains("keys=['user/u01/order/'..'user/u01/order0', 'user/u07/order/'..'user/u07/order0']"),
        "{narrow}"
    );
    let one = ask(&session, "SELECT price FROM orders WHERE (user = 'u01' OR user = 'u07') AND n = 3").await.unwrap();
    assert_eq!(one, [["3.5"], ["3.5"]]);
    let keys = ask(&session, &plan("SELECT count(*) FROM orders WHERE n > 3")).await.unwrap().concat().concat();
    assert!(keys.contains("columns=[key]"), "values are read that nobody asks for: {keys}");
    Ok(())
}

#[tokio::test]
async fn a_value_that_is_no_object_is_what_one_says_it_is() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    let values =
        ["{\"a\": 1}", "", "{\"a\": 2} {\"a\": 3}", "[1]", "{\"a\": \"x\"}", "{\"a\":", "{\"b\": 7}", "{\"a\": 8}"];
    let tx = Arc::new(store.transaction(TransactionOptions::write())?);
    for (i, value) in values.iter().enumerate() {
        tx.set(format!("k{i}").into(), (*value).into()).await?;
    }
    let schema = Schema::new(vec![Field::new("a", DataType::Int64, false)]);
    let session = sql::session(tx.clone()).unwrap();
    for (name, undecodable) in
        [("strict", Undecodable::Error), ("nulls", Undecodable::Null), ("skips", Undecodable::Skip)]
    {
        let view = View::new("k{i:int}", Json::new(&schema))?.undecodable(undecodable);
        session.register_table(name, Arc::new(view.table(tx.clone()))).unwrap();
    }
    let rows = async |table: &str| ask(&session, &format!("SELECT i, a FROM {table} ORDER BY i")).await;
    assert_eq!(rows("skips").await.unwrap(), [["0", "1"], ["6", ""], ["7", "8"]]);
    let nulls = rows("nulls").await.unwrap();
    assert_eq!(nulls.iter().map(|row| row[1].as_str()).collect::<Vec<_>>(), ["1", "", "", "", "", "", "", "8"]);
    let refused = rows("strict").await.unwrap_err();
    assert!(refused.contains("the value of the key 'k1' cannot be decoded"), "{refused}");
    // Which rows there are does not depend on what is asked for.
    assert_eq!(ask(&session, "SELECT count(*) FROM skips").await.unwrap(), [["3"]]);
    assert_eq!(ask(&session, "SELECT count(*) FROM strict").await.unwrap(), [["8"]]);
    Ok(())
}

/// The first byte of a value.
#[derive(Debug)]
struct FirstByte;

impl Decoder for FirstByte {
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new("first", DataType::UInt64, true)]))
    }

    fn decode(&self, values: &BinaryArray, columns: &[usize]) -> std::result::Result<Vec<ArrayRef>, String> {
        let first = values.iter().flatten().map(|value| value.first().map(|byte| u64::from(*byte)));
        let first: Option<Vec<_>> = first.collect();
        let first: ArrayRef = Arc::new(UInt64Array::from(first.ok_or("it is empty")?));
        Ok(columns.iter().map(|_| first.clone()).collect())
    }
}

#[tokio::test]
async fn a_decoder_of_ones_own_is_asked_for_what_is_there() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    let tx = Arc::new(store.transaction(TransactionOptions::write())?);
    for (key, val) in [("a/1", "A"), ("a/2", ""), ("a/3", "C"), ("b", "D")] {
        tx.set(key.into(), val.into()).await?;
    }
    let first = write(&store, &[("a/0", "old")]).await?;
    write(&store, &[("a/0", "")]).await?;
    let session = sql::session(tx.clone()).unwrap();
    let view = View::new("a/", FirstByte)?.undecodable(Undecodable::Null);
    let earlier = Arc::new(store.transaction(TransactionOptions::read())?);
    session.register_table("earlier", Arc::new(view.clone().table_at(earlier, first))).unwrap();
    session.register_table("firsts", Arc::new(view.table(tx))).unwrap();
    assert_eq!(ask(&session, "SELECT * FROM firsts").await.unwrap(), [["65"], [""], ["67"]]);
    assert_eq!(ask(&session, "SELECT * FROM earlier").await.unwrap(), [["111"]]);
    Ok(())
}

/// `{"name": "Ada", "age": 36}` in either encoding.
#[cfg(all(feature = "cbor", feature = "msgpack"))]
#[tokio::test]
async fn maps_of_other_encodings_are_columns_too() -> Result<()> {
    use kv_lance::sql::{Encoding, Maps};
    let cbor = b"\xa2\x64name\x63Ada\x63age\x18\x24";
    let msgpack = b"\x82\xa4name\xa3Ada\xa3age\x24";
    for (encoding, val) in [(Encoding::Cbor, &cbor[..]), (Encoding::MessagePack, &msgpack[..])] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(config(dir.path())).await?;
        let tx = Arc::new(store.transaction(TransactionOptions::write())?);
        tx.set("user/1".into(), val.to_vec().into()).await?;
        tx.set("user/2".into(), "neither".into()).await?;
        let none = Maps::inferred(encoding, &tx, "user/2", 10).await.map(drop).unwrap_err().to_string();
        assert!(none.contains("user/2") && none.contains("none is one"), "{none}");
        let view = View::new("user/{id:int}", Maps::inferred(encoding, &tx, "user/", 10).await?)?;
        let session = sql::session(tx.clone()).unwrap();
        session.register_table("users", Arc::new(view.clone().table(tx.clone()))).unwrap();
        let failed = ask(&session, "SELECT name FROM users").await.unwrap_err();
        assert!(failed.contains("user/2"), "{failed}");
        let view = view.undecodable(Undecodable::Skip);
        session.register_table("sound", Arc::new(view.table(tx))).unwrap();
        let found = ask(&session, "SELECT id, name, age + 1 FROM sound").await.unwrap();
        assert_eq!(found, [["1", "Ada", "37"]], "{encoding:?}");
    }
    Ok(())
}
