//! The benchmarks.
#![allow(clippy::unwrap_used, reason = "a measurement that fails says so and ends")]

use criterion::{Criterion, Throughput};
use kv_api::{Datastore, KeyRange, ScanLimit, Transactable, TransactionOptions, Val};
use kv_bench::dataset::{Dataset, Shape};
use kv_bench::driver::{self, Until};
use kv_bench::engine::Clients;
use kv_bench::numbers::Numbers;
use kv_bench::operation::Shared;
use kv_bench::workload::Kind;
use kv_lance::sql::datafusion::common::ScalarValue;
use kv_lance::{Durability, LanceConfig, LanceDatastore};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

const DATA: Dataset = Dataset { shape: Shape::Plain, rows: 100_000, value_bytes: 100, seed: 42 };

/// Runs all.
pub(crate) fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let immediate = open(&runtime, &dir.path().join("immediate"), Durability::Immediate);
    point(&mut criterion, &runtime, &immediate);
    scan(&mut criterion, &runtime, &immediate);
    commit(&mut criterion, &runtime, &immediate, "commit/durable");
    contention(&mut criterion, &runtime, &immediate);
    let queried = runtime.block_on(async {
        let store = LanceDatastore::open(LanceConfig::new(dir.path().join("sql"))).await.unwrap();
        driver::load(&store, Dataset { rows: 1_000_000, ..DATA }, Duration::MAX).await.unwrap();
        store.compact().await.unwrap();
        store
    });
    sql(&mut criterion, &runtime, &queried);
    runtime.block_on(queried.shutdown()).unwrap();
    let eventual = open(&runtime, &dir.path().join("eventual"), Durability::Eventual);
    commit(&mut criterion, &runtime, &eventual, "commit/eventual");
    crate::live::fan_out(&mut criterion, &runtime, &eventual);
    runtime.block_on(immediate.shutdown()).unwrap();
    runtime.block_on(eventual.shutdown()).unwrap();
    criterion.final_summary();
}

fn open(runtime: &Runtime, dir: &Path, durability: Durability) -> Arc<dyn Datastore> {
    runtime.block_on(async {
        let store = LanceDatastore::open(LanceConfig::new(dir).durability(durability)).await.unwrap();
        driver::load(&store, DATA, Duration::MAX).await.unwrap();
        store.flush().await.unwrap();
        Arc::new(store) as Arc<dyn Datastore>
    })
}

fn point(criterion: &mut Criterion, runtime: &Runtime, store: &Arc<dyn Datastore>) {
    let tx = runtime.block_on(store.begin(TransactionOptions::read())).unwrap();
    runtime.block_on(tx.getr(KeyRange::all(), None)).unwrap();
    let mut numbers = Numbers::new(1);
    let mut group = criterion.benchmark_group("point");
    group.bench_function("get", |b| {
        b.iter(|| runtime.block_on(tx.get(&DATA.key(numbers.below(DATA.rows)), None)).unwrap());
    });
    group.bench_function("missing", |b| {
        b.iter(|| runtime.block_on(tx.get(&DATA.missing(numbers.below(DATA.rows)), None)).unwrap());
    });
    group.bench_function("begin", |b| {
        b.iter(|| black_box(runtime.block_on(store.begin(TransactionOptions::read())).unwrap()));
    });
    group.finish();
}

fn scan(criterion: &mut Criterion, runtime: &Runtime, store: &Arc<dyn Datastore>) {
    let tx = runtime.block_on(store.begin(TransactionOptions::read())).unwrap();
    let mut numbers = Numbers::new(2);
    let mut group = criterion.benchmark_group("scan");
    for count in [10, 100, 10_000] {
        group.throughput(Throughput::Elements(count.into()));
        group.bench_function(count.to_string(), |b| {
            b.iter(|| {
                let range = KeyRange::from(DATA.key(numbers.below(DATA.rows - u64::from(count)))..);
                runtime.block_on(tx.scan(range, ScanLimit::Count(count), 0, None)).unwrap()
            });
        });
    }
    group.finish();
}

/// One value by its key, and the greatest of a million values; with DataFusion, and without.
fn sql(criterion: &mut Criterion, runtime: &Runtime, store: &LanceDatastore) {
    let tx = Arc::new(store.transaction(TransactionOptions::read()).unwrap());
    let session = kv_lance::sql::session(tx.clone()).unwrap();
    let rows = runtime.block_on(tx.count(KeyRange::all(), None)).unwrap();
    let mut numbers = Numbers::new(4);
    let mut group = criterion.benchmark_group("sql");
    group.sample_size(20);
    let hex = |key: &[u8]| key.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    group.bench_function("get", |b| {
        b.iter(|| {
            let query = format!("SELECT val FROM kv WHERE key = X'{}'", hex(&DATA.key(numbers.below(DATA.rows))));
            runtime.block_on(async { session.sql(&query).await.unwrap().collect().await.unwrap() })
        });
    });
    let key = DATA.key(numbers.below(DATA.rows));
    let plan = runtime.block_on(async {
        let query = format!("SELECT val FROM kv WHERE key = X'{}'", hex(&key));
        session.sql(&query).await.unwrap().create_physical_plan().await.unwrap()
    });
    group.bench_function("get, planned before", |b| {
        b.iter(|| {
            let collected = kv_lance::sql::datafusion::physical_plan::collect(plan.clone(), session.task_ctx());
            runtime.block_on(collected).unwrap()
        });
    });
    let prepared = runtime.block_on(session.sql("SELECT val FROM kv WHERE key = $1")).unwrap();
    group.bench_function("get, prepared", |b| {
        b.iter(|| {
            let key = ScalarValue::Binary(Some(DATA.key(numbers.below(DATA.rows)).to_vec()));
            let query = prepared.clone().with_param_values(vec![key]).unwrap();
            runtime.block_on(query.collect()).unwrap()
        });
    });
    group.throughput(Throughput::Elements(rows));
    group.bench_function("greatest value", |b| {
        b.iter(|| {
            let query = "SELECT max(val) FROM kv";
            runtime.block_on(async { session.sql(query).await.unwrap().collect().await.unwrap() })
        });
    });
    group.bench_function("greatest value, by rows", |b| {
        b.iter(|| {
            let mut greatest = Vec::new();
            let mut look = |_: &[u8], val: &[u8]| {
                if val > greatest.as_slice() {
                    greatest = val.to_vec();
                }
                std::ops::ControlFlow::Continue(())
            };
            let visit = tx.visit(KeyRange::all(), kv_api::Direction::Forward, None, true, &mut look);
            runtime.block_on(visit).unwrap();
            greatest
        });
    });
    group.bench_function("greatest value, by scans", |b| {
        b.iter(|| {
            runtime.block_on(async {
                let (mut greatest, mut rest) = (Val::new(), Some(KeyRange::all()));
                while let Some(range) = rest {
                    let page = tx.batch_keys_vals(range, 10_000, None).await.unwrap();
                    greatest = page.items.into_iter().map(|(_, val)| val).fold(greatest, Val::max);
                    rest = page.next;
                }
                greatest
            })
        });
    });
    group.bench_function("count of half", |b| {
        let query = format!("SELECT count(*) FROM kv WHERE key < X'{}'", hex(&DATA.key(500_000)));
        b.iter(|| runtime.block_on(async { session.sql(&query).await.unwrap().collect().await.unwrap() }));
    });
    group.finish();
}

fn commit(criterion: &mut Criterion, runtime: &Runtime, store: &Arc<dyn Datastore>, name: &str) {
    let mut numbers = Numbers::new(3);
    criterion.bench_function(name, |b| {
        b.iter(|| {
            let row = numbers.below(DATA.rows);
            runtime.block_on(async {
                let tx = store.begin(TransactionOptions::write()).await.unwrap();
                tx.set(DATA.key(row), DATA.val(row, 1)).await.unwrap();
                tx.commit().await.unwrap();
            });
        });
    });
}

/// Durable commits of many clients; the time is that of one commit of each.
fn contention(criterion: &mut Criterion, runtime: &Runtime, store: &Arc<dyn Datastore>) {
    let mut group = criterion.benchmark_group("contention");
    group.sample_size(20);
    for clients in [8, 64] {
        group.throughput(Throughput::Elements(clients.into()));
        group.bench_function(format!("{clients} clients"), |b| {
            b.iter_custom(|rounds| {
                let shared = Arc::new(Shared::new(store.clone(), DATA, Kind::Commit));
                let run = driver::closed_loop(shared, clients, Clients::Tasks, Until::Operations(rounds));
                runtime.block_on(run).unwrap().elapsed
            });
        });
    }
    group.finish();
}
