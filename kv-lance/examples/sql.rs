//! SQL over a transaction: its own writes, the past, every version of a key, and a view whose columns have types.
//!
//! `cargo run --features kv-lance/cli,kv-lance/metrics --example sql`

use kv_api::{Datastore, Transactable, TransactionOptions};
use kv_lance::sql::datafusion::arrow::util::pretty::pretty_format_batches;
use kv_lance::sql::datafusion::prelude::SessionContext;
use kv_lance::sql::{self, Json, View};
use kv_lance::{LanceConfig, LanceDatastore};
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let store = LanceDatastore::open(LanceConfig::new(dir.path().join("shop"))).await?;

    let tx = store.begin(TransactionOptions::write()).await?;
    for (key, order) in [
        ("order/no/1", r#"{"item": "pear", "price": 3.5}"#),
        ("order/no/2", r#"{"item": "plum", "price": 5}"#),
        ("order/se/1", r#"{"item": "pear", "price": 4}"#),
    ] {
        tx.set(key.into(), order.into()).await?;
    }
    tx.commit().await?;
    let before = store.current_version().await?;

    // What a transaction has written and not committed is in its tables.
    let tx = Arc::new(store.transaction(TransactionOptions::write())?);
    tx.set("order/se/2".into(), r#"{"item": "fig", "price": 9}"#.into()).await?;
    tx.del("order/no/2".into()).await?;
    let session = sql::session(tx.clone())?;
    assert_eq!(rows(&session, "SELECT key FROM kv WHERE key LIKE 'order/se/%'").await?, 2);
    let gone = format!("SELECT key FROM kv_at({before}) EXCEPT SELECT key FROM kv");
    assert_eq!(rows(&session, &gone).await?, 1);

    // The parts of the keys and the fields of the values as columns. Of the keys only the range `order/no/` is read.
    let orders = View::new("order/{country}/{n:int}", Json::inferred(&tx, "order/", 100).await?)?;
    session.register_table("orders", Arc::new(orders.table(tx.clone())))?;
    let sums = "SELECT country, count(*) AS orders, sum(price) AS total FROM orders GROUP BY country ORDER BY country";
    let table = show(&session, sums).await?;
    println!("{table}");
    assert!(
        table.contains("| no      | 1      | 3.5   |") && table.contains("| se      | 2      | 13.0  |"),
        "{table}"
    );
    let plan = show(&session, "EXPLAIN SELECT price FROM orders WHERE country = 'no'").await?;
    assert!(plan.contains("'order/no/'..'order/no0'"), "{plan}");

    // Once committed, how a value came about.
    tx.commit().await?;
    let session = sql::session(Arc::new(store.transaction(TransactionOptions::read())?))?;
    let versions = "SELECT version, superseded, CAST(val AS VARCHAR) FROM history WHERE key = 'order/no/2'";
    let table = show(&session, versions).await?;
    println!("{table}");
    assert_eq!(rows(&session, versions).await?, 2, "the order, and its deletion");

    store.shutdown().await?;
    Ok(())
}

async fn rows(session: &SessionContext, query: &str) -> Result<usize, Box<dyn std::error::Error>> {
    Ok(session.sql(query).await?.count().await?)
}

async fn show(session: &SessionContext, query: &str) -> Result<String, Box<dyn std::error::Error>> {
    Ok(pretty_format_batches(&session.sql(query).await?.collect().await?)?.to_string())
}
