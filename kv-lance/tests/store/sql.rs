//! SQL over transactions: what it returns, what it pushes down, what it refuses.

use super::*;
use kv_api::{Error, Transactable};
use kv_lance::sql::datafusion::arrow::array::{Array, RecordBatch};
use kv_lance::sql::datafusion::arrow::util::pretty::pretty_format_batches;
use kv_lance::sql::datafusion::datasource::MemTable;
use kv_lance::sql::datafusion::error::DataFusionError;
use kv_lance::sql::datafusion::execution::context::{SessionConfig, SessionContext};
use kv_lance::sql::{self, KvTable};
use kv_lance::{CompactOptions, LanceTransaction};
use std::sync::Arc;

/// Blocks and runs of few rows.
fn config(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir).memtable_bytes(16 << 10).partition_bytes(16 << 10).block_bytes(256)
}

pub(crate) fn begin(store: &LanceDatastore, options: TransactionOptions) -> Arc<LanceTransaction> {
    Arc::new(store.transaction(options).unwrap())
}

pub(crate) async fn run(
    session: &SessionContext,
    query: &str,
) -> std::result::Result<Vec<RecordBatch>, DataFusionError> {
    session.sql(query).await?.collect().await
}

/// The rows as text, one a line.
pub(crate) async fn rows(session: &SessionContext, query: &str) -> Vec<String> {
    let batches = run(session, query).await.unwrap_or_else(|e| panic!("{query}: {e}"));
    let text = pretty_format_batches(&batches).unwrap().to_string();
    text.lines().skip(3).filter(|line| line.starts_with('|')).map(str::to_owned).collect()
}

/// The cells of each row.
pub(crate) async fn cells(session: &SessionContext, query: &str) -> Vec<Vec<String>> {
    let rows = rows(session, query).await;
    rows.iter().map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

pub(crate) async fn plan(session: &SessionContext, query: &str) -> String {
    rows(session, &format!("EXPLAIN {query}")).await.join("\n")
}

/// The error of the store behind one of DataFusion's.
pub(crate) fn of_store(error: &DataFusionError) -> Option<&Error> {
    match error.find_root() {
        DataFusionError::External(source) => source.downcast_ref(),
        _ => None,
    }
}

/// Keys of several prefixes, in runs, in memory and not yet committed, some of them written twice or deleted.
async fn fill(store: &LanceDatastore) -> Arc<LanceTransaction> {
    for round in 0..3 {
        for prefix in ["order/", "user/", "user0", "zebra"] {
            let rows: Vec<_> =
                (0..120).map(|i| (format!("{prefix}{:03}", (i * 7 + round) % 150), format!("{}", i % 10))).collect();
            let rows: Vec<_> = rows.iter().map(|(key, val)| (key.as_str(), val.as_str())).collect();
            write(store, &rows).await.unwrap();
        }
        match round {
            0 => store.compact().await.unwrap(),
            1 => store.flush().await.unwrap(),
            _ => {}
        }
    }
    let tx = begin(store, TransactionOptions::write());
    tx.set("user/own".into(), "own".into()).await.unwrap();
    tx.set(b"user/\xff\xfe".to_vec().into(), "bytes".into()).await.unwrap();
    tx.set("".into(), "".into()).await.unwrap();
    tx.del("user/004".into()).await.unwrap();
    tx.set("order/007".into(), "changed".into()).await.unwrap();
    tx
}

/// Every query gives the same of the store as of a copy of its rows that DataFusion holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_are_answered_as_over_a_copy() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    let tx = fill(&store).await;
    let session = sql::session(tx.clone()).unwrap();
    let all = run(&session, "SELECT * FROM kv").await.unwrap();
    let expected = tx.scan(KeyRange::all(), ScanLimit::Count(10_000), 0, None).await?;
    assert_eq!(all.iter().map(RecordBatch::num_rows).sum::<usize>(), expected.len());
    let unversioned: usize = all.iter().map(|batch| batch.column(2).null_count()).sum();
    assert_eq!(unversioned, 4, "what is not committed has no version, and nothing else");
    let copy = MemTable::try_new(all.first().unwrap().schema(), vec![all]).unwrap();
    session.register_table("copy", Arc::new(copy)).unwrap();
    // Bytes that are no text cannot be cast, and DataFusion casts before it filters.
    let text = run(&session, "SELECT * FROM kv WHERE key < 'user/'").await.unwrap();
    let text = MemTable::try_new(text.first().unwrap().schema(), vec![text]).unwrap();
    session.register_table("copy_of_text", Arc::new(text)).unwrap();

    let conditions = [
        "true",
        "key = 'user/001'",
        "'user/001' = key",
        "key <> 'user/001' AND key < 'user/010'",
        "key >= 'user/' AND key < 'user/050'",
        "key BETWEEN 'order/003' AND 'user/002'",
        "key NOT BETWEEN 'order/003' AND 'zebra1'",
        "key IN ('user/001', 'order/007', 'nothing', '')",
        "key NOT IN ('user/001', 'order/007')",
        "key < 'user/' AND starts_with(CAST(key AS VARCHAR), 'order/01')",
        "key > 'zebra' OR key < 'order/1' OR val = '3'",
        "NOT (key > 'order/010' AND key < 'zebra100')",
        "key = '' OR key = X'757365722FFFFE'",
        "key >= 'user/' AND key < 'user/\u{7f}' AND val = '3'",
        "version IS NULL",
        "version IS NOT NULL AND key < 'user/050'",
        "key > 'user/' AND key < 'order/'",
        "key < 'user/' AND (key LIKE 'order/%' OR key = 'x')",
        "key < 'user/' AND key LIKE 'ord__/0%1'",
        "key < 'user/' AND key LIKE 'order/007'",
        "key < 'user/' AND key NOT LIKE 'order/0%'",
        "key < 'user/' AND key NOT LIKE 'order/_1%'",
        "key < 'user/' AND CAST(key AS VARCHAR) > 'order/1'",
        "key < 'user/' AND key ILIKE 'ORDER/00%'",
        "key = NULL",
    ];
    let shapes = [
        "SELECT key, val FROM {t} WHERE {c} ORDER BY key",
        "SELECT val, key, version FROM {t} WHERE {c} ORDER BY key DESC",
        "SELECT key FROM {t} WHERE {c} ORDER BY key LIMIT 7",
        "SELECT key, val FROM {t} WHERE {c} ORDER BY key DESC LIMIT 5 OFFSET 3",
        "SELECT key FROM (SELECT key, val FROM {t} WHERE {c} ORDER BY key LIMIT 20) ORDER BY key DESC LIMIT 3",
        "SELECT count(*), count(DISTINCT val), min(key), max(key) FROM {t} WHERE {c}",
        "SELECT count(*) FROM {t} WHERE {c}",
        "SELECT 1 FROM {t} WHERE {c}",
        "SELECT count(*) FROM (SELECT val FROM {t} WHERE {c} LIMIT 11)",
        "SELECT val, count(*) FROM {t} WHERE {c} GROUP BY val ORDER BY val",
    ];
    for condition in conditions {
        for shape in shapes {
            let query = |table| shape.replace("{t}", table).replace("{c}", condition);
            let copy = if condition.starts_with("key < 'user/' AND ") { "copy_of_text" } else { "copy" };
            assert_eq!(cells(&session, &query("kv")).await, cells(&session, &query(copy)).await, "{}", query("kv"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn plans_show_what_is_pushed_down() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    fill(&store).await;
    let session = sql::session(begin(&store, TransactionOptions::read())).unwrap();
    let prefix = plan(&session, "SELECT key FROM kv WHERE key LIKE 'user/%' ORDER BY key").await;
    assert!(prefix.contains("KvScan: keys=['user/'..'user0'], columns=[key], partitions=1"), "{prefix}");
    for step in ["FilterExec", "SortExec", "CoalescePartitions"] {
        assert!(!prefix.contains(step), "{prefix}");
    }
    let last = plan(&session, "SELECT key, val FROM kv ORDER BY key DESC LIMIT 2").await;
    assert!(last.contains("KvScan: keys=[..], columns=[key, val], partitions=1, backward"), "{last}");
    assert!(!last.contains("SortExec"), "{last}");
    let part = plan(&session, "SELECT val FROM kv WHERE key >= 'a' AND val = '3'").await;
    assert!(part.contains("keys=['a'..]") && part.contains("FilterExec: val"), "{part}");
    let counted = plan(&session, "SELECT count(*) FROM kv WHERE key < 'user'").await;
    assert!(!counted.contains("KvScan: ") && counted.contains("PlaceholderRow"), "{counted}");
    let many = plan(&session, "SELECT val FROM kv WHERE key IN ('a', 'b', 'c', 'd', 'e', 'f')").await;
    assert!(many.contains(r"'d'..'d\x00', and 2 more]"), "{many}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_scan_is_divided_and_stays_in_order() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).memtable_bytes(1 << 20)).await?;
    for batch in 0..20u32 {
        let tx = store.begin(TransactionOptions::write()).await?;
        for i in 0..10_000u32 {
            let key = (batch * 10_000 + i).reverse_bits();
            tx.set(key.to_be_bytes().to_vec().into(), i.to_string().into()).await?;
        }
        tx.commit().await?;
    }
    store.flush().await?;
    let tx = begin(&store, TransactionOptions::read());
    let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(4));
    session.register_table("kv", Arc::new(KvTable::new(tx))).unwrap();
    let divided = plan(&session, "SELECT min(val) FROM kv").await;
    assert!(divided.contains("partitions=4"), "{divided}");
    let sums = cells(&session, "SELECT count(val), sum(CAST(CAST(val AS VARCHAR) AS BIGINT)) FROM kv").await;
    assert_eq!(sums, [["200000", "999900000"]]);
    let batches = run(&session, "SELECT key FROM kv ORDER BY key").await.unwrap();
    let keys: Vec<_> = batches
        .iter()
        .flat_map(|batch| {
            let keys = kv_lance::sql::datafusion::arrow::array::AsArray::as_binary::<i32>(batch.column(0)).clone();
            (0..keys.len()).map(|i| keys.value(i).to_vec()).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(keys.len(), 200_000);
    assert!(keys.is_sorted_by(|a, b| a < b));
    Ok(())
}

#[tokio::test]
async fn the_past_is_a_table_too() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    let first = write(&store, &[("a", "1"), ("b", "1")]).await?;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let between = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()).to_rfc3339();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    write(&store, &[("a", "2"), ("b", "")]).await?;
    store.compact().await?;
    let tx = begin(&store, TransactionOptions::write());
    tx.set("c".into(), "own".into()).await?;
    let session = sql::session(tx.clone()).unwrap();
    let query = |table: &str| format!("SELECT CAST(key AS VARCHAR), CAST(val AS VARCHAR) FROM {table}");
    let past = cells(&session, &query(&format!("kv_at({first})"))).await;
    assert_eq!(past, [["a", "1"], ["b", "1"]]);
    assert_eq!(cells(&session, &query(&format!("kv_at('{between}')"))).await, past);
    assert_eq!(rows(&session, "SELECT * FROM kv_at(0)").await.len(), 0);
    let changed = "SELECT count(*) FROM kv JOIN kv_at({v}) AS old USING (key) WHERE kv.val <> old.val";
    assert_eq!(cells(&session, &changed.replace("{v}", &first.to_string())).await, [["1"]]);

    for bad in ["kv_at()", "kv_at(1, 2)", "kv_at(-1)", "kv_at('yesterday')", "kv_at(NULL)"] {
        let error = run(&session, &query(bad)).await.unwrap_err().to_string();
        assert!(error.contains("kv_at takes"), "{bad}: {error}");
    }
    store.compact_with(CompactOptions::no_history()).await?;
    let error = run(&session, &query(&format!("kv_at({})", first - 1))).await.unwrap_err();
    assert!(matches!(of_store(&error), Some(Error::VersionNotRetained { .. })), "{error}");
    Ok(())
}

#[tokio::test]
async fn what_was_read_counts_and_what_is_finished_is_refused() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    write(&store, &[("account/1", "10"), ("account/2", "20"), ("b", "")]).await?;
    let tx = begin(&store, TransactionOptions::write().serializable());
    let session = sql::session(tx.clone()).unwrap();
    let total = "SELECT sum(CAST(CAST(val AS VARCHAR) AS BIGINT)) FROM kv WHERE key LIKE 'account/%'";
    assert_eq!(cells(&session, total).await, [["30"]]);
    tx.set("total".into(), "30".into()).await?;
    write(&store, &[("account/3", "5")]).await?;
    assert!(matches!(tx.commit().await, Err(Error::TransactionConflict { .. })), "it has read what has changed");
    let error = run(&session, "SELECT * FROM kv").await.unwrap_err();
    assert!(matches!(of_store(&error), Some(Error::TransactionFinished)), "{error}");

    let tx = begin(&store, TransactionOptions::write().serializable());
    let session = sql::session(tx.clone()).unwrap();
    assert_eq!(rows(&session, "SELECT key FROM kv WHERE key LIKE 'account/%' ORDER BY key LIMIT 1").await.len(), 1);
    tx.set("first".into(), "1".into()).await?;
    write(&store, &[("account/4", "5")]).await?;
    tx.commit().await.unwrap();

    let error = run(&session, "INSERT INTO kv VALUES ('a', 'b', 1)").await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("insert"), "{error}");
    store.shutdown().await?;
    assert!(matches!(store.transaction(TransactionOptions::read()), Err(Error::StoreClosed)));
    Ok(())
}
