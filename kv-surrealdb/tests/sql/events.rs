//! SurrealDB's writers take a time stamp before they commit, and its router reads up to a time that
//! it is told to be safe. With the current time for that, a commit that is stamped before and
//! visible after a pass of the router is passed over for ever: some 60 of 800 events were.

use crate::Fixture;
use std::collections::BTreeSet;
use surrealdb_types::ToSql as _;

const WRITERS: usize = 8;
const EACH: usize = 100;

/// How many events a live query was told of, and how many notifications that took.
async fn delivered(fixture: Fixture) -> (usize, usize) {
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
    while seen.len() < WRITERS * EACH {
        // Nothing for as long as that: where all has been written, nothing comes any more.
        let Ok(event) = db.notification().await else {
            while writers.try_join_next().is_some_and(|writer| writer.is_ok()) {}
            if writers.is_empty() {
                break;
            }
            continue;
        };
        told += 1;
        seen.insert(event.record.to_sql());
    }
    writers.join_all().await;
    (seen.len(), told)
}

/// SurrealDB's backends are there to compare with: they answer with the current time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_event_is_delivered_once() {
    for (scheme, compiled_in) in [("mem", cfg!(feature = "mem")), ("surrealkv", cfg!(feature = "surrealkv"))] {
        if compiled_in {
            println!("{} of 800 events on {scheme}", delivered(Fixture::of(scheme).await).await.0);
        }
    }
    let (seen, told) = delivered(Fixture::new().await).await;
    println!("{seen} of 800 events on lance");
    assert_eq!((seen, told), (WRITERS * EACH, WRITERS * EACH), "events seen, notifications");
}
