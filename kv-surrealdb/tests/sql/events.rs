//! SurrealDB's writers take a time stamp before they commit, and its router reads up to a time that it is told to be safe.
//! With the current time for that, a commit that is stamped before and visible after a pass of the router is passed over for
//! ever: some 60 of 800 events were.

use crate::Fixture;
use std::collections::BTreeSet;
use surrealdb_types::ToSql as _;

const WRITERS: usize = 8;
const EACH: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_event_is_delivered_once() {
    let fixture = Fixture::new().await;
    let db = &fixture.db;
    db.run("DEFINE TABLE event; LIVE SELECT * FROM event").await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let db = db.clone();
        writers.spawn(async move {
            for n in 0..EACH {
                db.run_with_retries(&format!("CREATE event:w{writer}n{n}")).await.unwrap();
            }
        });
    }
    let mut seen = BTreeSet::new();
    let mut told = 0;
    let mut written = false;
    while seen.len() < WRITERS * EACH {
        match db.notification().await {
            Ok(event) => {
                told += 1;
                seen.insert(event.record.to_sql());
            }
            // Nothing for as long as that: where all has been written, nothing comes any more.
            Err(_) if written => break,
            Err(_) => written = writers.is_empty(),
        }
        while writers.try_join_next().is_some_and(|writer| writer.is_ok()) {}
    }
    assert_eq!((seen.len(), told), (WRITERS * EACH, WRITERS * EACH), "events seen, notifications");
}
