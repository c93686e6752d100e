//! A retry was doomed for as long as the commit that won was being synced: 160 increments took some 6,500 conflicts.

use crate::Fixture;
use surrealdb_types::ToSql as _;

/// SurrealKV with syncs has some 47, SurrealDB's memory store 45.
const FEW: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_contended_counter_has_few_conflicts() {
    let fixture = Fixture::new().await;
    let db = &fixture.db;
    db.run("CREATE counter:n SET n = 0").await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let db = db.clone();
        tasks.spawn(async move {
            let mut conflicts = 0;
            for _ in 0..20 {
                conflicts += db.run_with_retries("UPDATE counter:n SET n += 1").await.unwrap();
            }
            conflicts
        });
    }
    let conflicts: usize = tasks.join_all().await.into_iter().sum();
    println!("160 increments by 8 tasks: {conflicts} conflicts");
    assert_eq!(db.run("SELECT VALUE n FROM ONLY counter:n").await.unwrap().to_sql(), "160");
    assert!(conflicts < FEW, "{conflicts} conflicts");
}
