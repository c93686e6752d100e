//! History and changes in SQL: they are what transactions at each version read, and what feeds give.

use super::*;
use crate::sql::{begin, cells, of_store, plan, rows as lines, run};
use kv_api::{ChangeFilter, Error, Transactable};
use kv_lance::sql::datafusion::arrow::array::{Array, AsArray, RecordBatch};
use kv_lance::sql::datafusion::arrow::datatypes::UInt64Type;
use kv_lance::sql::datafusion::datasource::MemTable;
use kv_lance::sql::datafusion::execution::context::SessionContext;
use kv_lance::{CompactOptions, Durability, LanceTransaction, sql};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything flushes, merges and becomes history after a few commits.
fn tiny(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir)
        .memtable_bytes(4 << 10)
        .partition_bytes(4 << 10)
        .block_bytes(128)
        .durability(Durability::Eventual)
}

/// Key, version, value unless it is a deletion, and since when it is superseded.
type Past = (String, Version, Option<String>, Option<Version>);

/// What was committed, by key, and where each key was last erased.
#[derive(Default)]
struct Log {
    keys: BTreeMap<String, Vec<(Version, Option<String>)>>,
    erased: BTreeMap<String, Version>,
    versions: Vec<Version>,
}

impl Log {
    async fn step(&mut self, store: &LanceDatastore, random: &mut Random, number: u64) -> Result<()> {
        let tx = store.begin(TransactionOptions::write()).await?;
        let mut written = BTreeMap::new();
        for _ in 0..1 + random.below(5) {
            let hot = random.below(3) > 0;
            let key = if hot { format!("hot{}", random.below(4)) } else { format!("key{:03}", random.below(100)) };
            let val = match random.below(40) {
                0 => {
                    tx.clr(key.clone().into()).await?;
                    self.erased.insert(key.clone(), 0);
                    None
                }
                1..12 => {
                    tx.del(key.clone().into()).await?;
                    None
                }
                _ => {
                    let val = format!("{number}{}", "v".repeat(random.below(30) as usize));
                    tx.set(key.clone().into(), val.clone().into()).await?;
                    Some(val)
                }
            };
            written.insert(key, val);
        }
        tx.commit().await?;
        let version = tx.commit_version().unwrap();
        self.erased.values_mut().filter(|at| **at == 0).for_each(|at| *at = version);
        self.versions.push(version);
        for (key, val) in written {
            self.keys.entry(key).or_default().push((version, val));
        }
        Ok(())
    }

    /// The table, in its order, as a transaction at a snapshot sees it that sees these erasures.
    fn table(&self, snapshot: Version) -> Vec<Past> {
        let mut table = Vec::new();
        for (key, all) in &self.keys {
            let erased = self.erased.get(key).copied().filter(|at| *at <= snapshot).unwrap_or(0);
            let mut superseded = None;
            for (version, val) in all.iter().rev().filter(|(version, _)| (erased..=snapshot).contains(version)) {
                table.push((key.clone(), *version, val.clone(), superseded));
                superseded = Some(*version);
            }
        }
        table
    }
}

fn past(batches: &[RecordBatch]) -> Vec<Past> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut past = Vec::new();
    for batch in batches {
        let (keys, vals) = (batch.column(0).as_binary::<i32>(), batch.column(1).as_binary::<i32>());
        let versions = batch.column(2).as_primitive::<UInt64Type>();
        let superseded = batch.column(3).as_primitive::<UInt64Type>();
        past.extend((0..batch.num_rows()).map(|row| {
            let val = vals.is_valid(row).then(|| text(vals.value(row)));
            let superseded = superseded.is_valid(row).then(|| superseded.value(row));
            (text(keys.value(row)), versions.value(row), val, superseded)
        }));
    }
    past
}

async fn history(session: &SessionContext, condition: &str) -> Vec<Past> {
    let query = format!("SELECT * FROM history WHERE {condition} ORDER BY key, version DESC");
    past(&run(session, &query).await.unwrap_or_else(|e| panic!("{query}: {e}")))
}

/// Asserts that history says of each version what a transaction reads there.
async fn compare_with_reads(tx: &Arc<LanceTransaction>, session: &SessionContext, versions: &[Version]) -> Result<()> {
    for version in versions {
        let in_force = "val IS NOT NULL AND version <= {v} AND (superseded IS NULL OR superseded > {v})";
        let said = history(session, &in_force.replace("{v}", &version.to_string())).await;
        let said: Rows = said.into_iter().map(|(key, _, val, _)| (key, val.unwrap())).collect();
        let read = tx.scan(KeyRange::all(), ScanLimit::Count(u32::MAX), 0, Some(*version)).await?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let read: Rows = read.iter().map(|(key, val)| (text(key), text(val))).collect();
        assert_eq!(said, read, "at {version}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_is_what_was_committed_wherever_its_rows_have_gone() -> Result<()> {
    for seed in [3, 4] {
        let dir = tempfile::tempdir().unwrap();
        let (mut random, mut log) = (Random(seed), Log::default());
        for round in 0..3 {
            let store = open(tiny(dir.path())).await?;
            let mut early = None;
            for number in 0..60 {
                log.step(&store, &mut random, number).await?;
                match random.below(30) {
                    0 => store.flush().await?,
                    1 => store.compact().await?,
                    2 => store.compact_range(KeyRange::from("hot1".."key050")).await?,
                    _ => {}
                }
                if number == 30 {
                    let tx = begin(&store, TransactionOptions::read());
                    early = Some((tx, log.table(*log.versions.last().unwrap())));
                }
            }
            let newest = *log.versions.last().unwrap();
            for compacts in [false, true] {
                if compacts {
                    store.compact().await?;
                }
                let tx = begin(&store, TransactionOptions::write());
                tx.set("key000".into(), "own".into()).await?;
                let session = sql::session(tx.clone()).unwrap();
                assert_eq!(history(&session, "true").await, log.table(newest), "seed {seed}, round {round}");
                let some: Vec<_> = log.versions.iter().copied().step_by(29).chain([0, newest]).collect();
                compare_with_reads(&tx, &session, &some).await?;
                // What came later, and what was erased later, an older transaction knows nothing of.
                let (tx, table) = early.as_ref().unwrap();
                let session = sql::session(tx.clone()).unwrap();
                assert_eq!(history(&session, "true").await, *table, "seed {seed}, round {round}, an older snapshot");
            }
            drop(early);
            if round == 1 {
                store.shutdown().await?;
            }
        }
    }
    Ok(())
}

/// Predicates, columns and limits, against a copy that DataFusion holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_of_history_and_changes_are_answered_as_over_a_copy() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(tiny(dir.path())).await?;
    let (mut random, mut log) = (Random(9), Log::default());
    for number in 0..150 {
        log.step(&store, &mut random, number).await?;
        if number == 70 {
            store.compact().await?;
        }
    }
    let session = sql::session(begin(&store, TransactionOptions::read())).unwrap();
    for table in ["history", "changes(0)"] {
        let all = run(&session, &format!("SELECT * FROM {table}")).await.unwrap();
        let copy = MemTable::try_new(all.first().unwrap().schema(), vec![all]).unwrap();
        session.register_table(if table == "history" { "h" } else { "c" }, Arc::new(copy)).unwrap();
    }
    let at = |n: usize| log.versions[n];
    let conditions = [
        "true".into(),
        "key = 'hot1'".into(),
        "key LIKE 'hot%' AND val IS NULL".into(),
        "key IN ('hot0', 'key050', 'nothing', 'hot3')".into(),
        "key > 'key09' OR key < 'hot1'".into(),
        "key <> 'hot2' AND key < 'key020'".into(),
        format!("version > {}", at(120)),
        format!("version <= {}", at(20)),
        format!("version >= {} AND version < {}", at(60), at(90)),
        format!("version BETWEEN {} AND {}", at(10), at(11)),
        format!("version = {}", at(75)),
        format!("{} < version AND key = 'hot0'", at(100)),
        format!("NOT (version > {})", at(60)),
        format!("version > {} OR key = 'hot0'", at(140)),
        format!("version > {} AND version < {}", at(90), at(60)),
        "version > 18446744073709551614".into(),
        "version < 0".into(),
    ];
    let of_history = [
        "SELECT * FROM {t} WHERE {c} ORDER BY key, version DESC",
        "SELECT superseded, key FROM {t} WHERE {c} ORDER BY key, version DESC LIMIT 9",
        "SELECT version, val FROM {t} WHERE {c} ORDER BY version DESC, key DESC LIMIT 9",
        "SELECT count(*) FROM {t} WHERE {c}",
        "SELECT count(superseded), max(version), min(val) FROM {t} WHERE {c}",
        "SELECT count(*) FROM (SELECT val FROM {t} WHERE {c} LIMIT 11)",
        "SELECT key, count(*) AS n FROM {t} WHERE {c} GROUP BY key ORDER BY n DESC, key LIMIT 5",
    ];
    let of_changes = [
        "SELECT * FROM {t} WHERE {c} ORDER BY version, key",
        "SELECT tombstone, key FROM {t} WHERE {c} ORDER BY version, key LIMIT 9",
        "SELECT val FROM {t} WHERE {c} ORDER BY key DESC, version LIMIT 9",
        "SELECT count(*) FROM {t} WHERE {c}",
        "SELECT count(*) FROM (SELECT val FROM {t} WHERE {c} LIMIT 11)",
        "SELECT version, count(*) FROM {t} WHERE {c} GROUP BY version ORDER BY version LIMIT 5",
    ];
    // Each condition with every third of the shapes.
    for (number, condition) in conditions.iter().enumerate() {
        for (table, copy, shapes) in [("history", "h", &of_history[..]), ("changes(0)", "c", &of_changes[..])] {
            for shape in shapes.iter().skip(number % 3).step_by(3) {
                let query = |table| shape.replace("{t}", table).replace("{c}", condition);
                assert_eq!(
                    cells(&session, &query(table)).await,
                    cells(&session, &query(copy)).await,
                    "{}",
                    query(table)
                );
            }
        }
    }
    Ok(())
}

/// Whatever of it has gone from the files by then: what cannot be known as a whole is not shown in part.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_retained_is_not_there() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    let first = write(&store, &[("a", "1"), ("b", "1"), ("c", "1")]).await?;
    let second = write(&store, &[("a", "2"), ("b", "")]).await?;
    let third = write(&store, &[("a", "3")]).await?;
    let row = |key: &str, version, val: &str, superseded| {
        (key.to_owned(), version, (!val.is_empty()).then(|| val.to_owned()), superseded)
    };
    let session = sql::session(begin(&store, TransactionOptions::read())).unwrap();
    let all = [
        row("a", third, "3", None),
        row("a", second, "2", Some(third)),
        row("a", first, "1", Some(second)),
        row("b", second, "", None),
        row("b", first, "1", Some(second)),
        row("c", first, "1", None),
    ];
    assert_eq!(history(&session, "true").await, all);
    drop(session);
    store.compact_with(CompactOptions::no_history()).await?;
    let fourth = write(&store, &[("a", "4")]).await?;
    let tx = begin(&store, TransactionOptions::read());
    let session = sql::session(tx.clone()).unwrap();
    let left = [row("a", fourth, "4", None), row("a", third, "3", Some(fourth)), row("c", first, "1", None)];
    assert_eq!(history(&session, "true").await, left);
    compare_with_reads(&tx, &session, &[third, fourth]).await?;
    let error = run(&session, &format!("SELECT * FROM changes({first})")).await.unwrap_err();
    assert!(
        matches!(of_store(&error), Some(Error::VersionNotRetained { requested, .. }) if *requested == first),
        "{error}"
    );
    assert_eq!(cells(&session, &format!("SELECT version FROM changes({third})")).await, [[fourth.to_string()]]);
    // What is asked of the versions says that less is needed.
    let later = format!("SELECT version FROM changes({first}) WHERE version > {third}");
    assert_eq!(cells(&session, &later).await, [[fourth.to_string()]]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_those_of_a_feed_up_to_the_snapshot() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(tiny(dir.path())).await?;
    let (mut random, mut log) = (Random(17), Log::default());
    for number in 0..100 {
        log.step(&store, &mut random, number).await?;
    }
    let tx = begin(&store, TransactionOptions::write());
    tx.set("key000".into(), "own".into()).await?;
    let newest = *log.versions.last().unwrap();
    log.step(&store, &mut random, 100).await?;
    store.compact().await?;
    let session = sql::session(tx).unwrap();
    let mut asked = vec![(0, Version::MAX), (0, newest), (newest, Version::MAX)];
    asked.extend((0..10).map(|n| (log.versions[n * 7], log.versions[n * 9 + 8])));
    for (since, until) in asked {
        let mut feed = store.changes_until(since, until.min(newest), ChangeFilter::default()).await?;
        let mut given = Vec::new();
        while let Some(batch) = feed.next().await? {
            given.push(batch);
        }
        let table =
            if until == Version::MAX { format!("changes({since})") } else { format!("changes({since}, {until})") };
        let answered = run(&session, &format!("SELECT * FROM {table}")).await.unwrap();
        let rows = |batches: &[RecordBatch]| {
            let columns = |batch: &RecordBatch| {
                let (versions, keys) =
                    (batch.column(0).as_primitive::<UInt64Type>(), batch.column(1).as_binary::<i32>());
                let (vals, tombstones) = (batch.column(2).as_binary::<i32>(), batch.column(3).as_boolean());
                let val = |row| vals.is_valid(row).then(|| vals.value(row).to_vec());
                let row = |row| (versions.value(row), keys.value(row).to_vec(), val(row), tombstones.value(row));
                (0..batch.num_rows()).map(row).collect::<Vec<_>>()
            };
            batches.iter().flat_map(columns).collect::<Vec<_>>()
        };
        assert_eq!(rows(&answered), rows(&given), "{table}");
        assert_eq!(given.is_empty(), since == newest, "{table}");
    }
    Ok(())
}

#[tokio::test]
async fn plans_show_what_is_pushed_down() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(tiny(dir.path())).await?;
    write(&store, &[("a", "1"), ("b", "1")]).await?;
    let session = sql::session(begin(&store, TransactionOptions::read())).unwrap();
    let prefix =
        plan(&session, "SELECT key, version FROM history WHERE key LIKE 'user/%' ORDER BY key, version DESC").await;
    assert!(prefix.contains("KvHistory: keys=['user/'..'user0'], columns=[key, version], partitions=1"), "{prefix}");
    for step in ["FilterExec", "SortExec", "CoalescePartitions"] {
        assert!(!prefix.contains(step), "{prefix}");
    }
    let versions = plan(&session, "SELECT val FROM history WHERE version > 7 AND version <= 9").await;
    assert!(versions.contains("KvHistory: keys=[..], versions=8..=9, columns=[val, version]"), "{versions}");
    let first = plan(&session, "SELECT key FROM history LIMIT 3").await;
    assert!(first.contains("keys=[..], limit=3, columns=[key]"), "{first}");
    let changes = plan(
        &session,
        "SELECT version, key FROM changes(5, 100) WHERE key >= 'b' AND key < 'd' AND version > 10 ORDER BY version",
    )
    .await;
    assert!(changes.contains("KvChanges: since=10, until=100, keys=['b'..'d'], columns=[version, key]"), "{changes}");
    assert!(!changes.contains("SortExec") && !changes.contains("FilterExec: key"), "{changes}");
    let none = plan(&session, "SELECT key FROM changes(5) WHERE key > 'b' AND key < 'a'").await;
    assert!(none.contains("keys=[]") || none.contains("EmptyExec"), "{none}");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path().join("versioned"))).await?;
    let version = write(&store, &[("a", "1")]).await?;
    let tx = begin(&store, TransactionOptions::read());
    let session = sql::session(tx.clone()).unwrap();
    for bad in ["changes()", "changes(1, 2, 3)", "changes(-1)", "changes('yesterday')", "changes(1, NULL)"] {
        let error = run(&session, &format!("SELECT * FROM {bad}")).await.unwrap_err().to_string();
        assert!(error.contains("changes takes"), "{bad}: {error}");
    }
    let error = run(&session, "SELECT * FROM changes(2, 1)").await.unwrap_err().to_string();
    assert!(error.contains("from 2 to 1"), "{error}");
    assert_eq!(lines(&session, "SELECT * FROM changes('1969-01-01T00:00:00Z')").await.len(), 1);
    assert_eq!(lines(&session, &format!("SELECT * FROM changes({})", version + 1)).await.len(), 0);
    tx.cancel().await?;
    for table in ["history", "changes(0)"] {
        let error = run(&session, &format!("SELECT * FROM {table}")).await.unwrap_err();
        assert!(matches!(of_store(&error), Some(Error::TransactionFinished)), "{table}: {error}");
    }

    let store = open(LanceConfig::new(dir.path().join("unversioned")).versioned(false)).await?;
    let session = sql::session(begin(&store, TransactionOptions::read())).unwrap();
    let error = run(&session, "SELECT * FROM history").await.unwrap_err();
    assert!(matches!(of_store(&error), Some(Error::UnsupportedVersionedQueries)), "{error}");
    let error = run(&session, "SELECT * FROM changes(0)").await.unwrap_err();
    assert!(matches!(of_store(&error), Some(Error::Unsupported { .. })), "{error}");
    Ok(())
}

/// The newest version of a key is what a read of it finds.
#[tokio::test]
async fn history_that_was_read_counts_for_the_commit() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1"), ("b", "1")]).await?;
    for (writes, conflicts) in [("a", true), ("b", false)] {
        let tx = begin(&store, TransactionOptions::write().serializable());
        let session = sql::session(tx.clone()).unwrap();
        assert!(!lines(&session, "SELECT * FROM history WHERE key = 'a'").await.is_empty());
        tx.set("c".into(), "1".into()).await?;
        write(&store, &[(writes, "2")]).await?;
        let committed = tx.commit().await;
        assert_eq!(matches!(committed, Err(Error::TransactionConflict { .. })), conflicts, "{committed:?}");
    }
    Ok(())
}
