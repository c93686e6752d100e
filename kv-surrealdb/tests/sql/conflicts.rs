//! A retry was doomed for as long as the commit that won was being synced: 160 increments took some
//! 6,500 conflicts.

use crate::Fixture;
use surrealdb_types::ToSql as _;

const TASKS: usize = 8;
const EACH: usize = 20;
/// No more than three for an increment, whatever the machine. How many there are is a matter of its processors: in 20 runs
/// on a busy one there were 24 to 54, on the same one at rest 141 to 166, and on SurrealKV 22 to 67, and 159 to 191.
const FEW: usize = 3 * TASKS * EACH;

async fn conflicts(fixture: Fixture) -> usize {
    let db = &fixture.db;
    db.run("CREATE counter:n SET n = 0").await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        let db = db.clone();
        tasks.spawn(async move {
            let mut conflicts = 0;
            for _ in 0..EACH {
                conflicts += db.run_with_retries("UPDATE counter:n SET n += 1").await.unwrap();
            }
            conflicts
        });
    }
    let conflicts = tasks.join_all().await.into_iter().sum();
    assert_eq!(db.run("SELECT VALUE n FROM ONLY counter:n").await.unwrap().to_sql(), "160");
    conflicts
}

/// As few as on SurrealKV, in the same run; twice as many are a bad moment of the machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_contended_counter_has_few_conflicts() {
    let most = if cfg!(feature = "surrealkv") {
        let count = conflicts(Fixture::of("surrealkv").await).await;
        println!("{count} conflicts on surrealkv");
        FEW.min(2 * count.max(TASKS * EACH / 4))
    } else {
        FEW
    };
    let count = conflicts(Fixture::new().await).await;
    println!("{count} conflicts on lance");
    let unsynced = conflicts(Fixture::with("?sync=interval").await).await;
    println!("{unsynced} conflicts on lance?sync=interval");
    if cfg!(feature = "mem") {
        println!("{} conflicts on mem", conflicts(Fixture::of("mem").await).await);
    }
    assert!(count <= most, "{count} conflicts, and at most {most} were expected");
    assert!(unsynced <= FEW, "{unsynced} conflicts");
}
