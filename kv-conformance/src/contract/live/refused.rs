//! Live queries that cannot be.

use super::commit_all;
use crate::case::{Case, cases};
use crate::fixture::{Happening, Live, Store, Verdict, refuses};
use kv_api::{Error, KeyRange};
use kv_live::LiveQuery;

pub(super) fn cases() -> Vec<Case> {
    cases![ranges_without_a_key, queues_without_room, versions_that_are_not_retained]
}

pub(super) fn cases_without() -> Vec<Case> {
    cases![live_queries_are_refused]
}

async fn live_queries_are_refused(store: Store) -> Verdict {
    let live = store.live();
    refuses!(live.subscribe(LiveQuery::range(..)).await.map(drop), Unsupported);
    refuses!(live.subscribe(LiveQuery::key("a").after(0)).await.map(drop), Unsupported);
    Ok(())
}

async fn ranges_without_a_key(store: Store) -> Verdict {
    let live = store.live();
    for range in [KeyRange::from("b".."a"), KeyRange::from("a".."a"), KeyRange::from(.."")] {
        match live.subscribe(LiveQuery::range(range)).await.map(drop) {
            Err(Error::InvalidConfiguration { knob, .. }) => assert_eq!(knob, "range"),
            other => panic!("{other:?} for a range without a key"),
        }
    }
    assert_eq!(live.attached(), 0);
    Ok(())
}

async fn queues_without_room(store: Store) -> Verdict {
    let live = store.live();
    for (rows, bytes) in [(0, 1), (1, 0)] {
        match live.subscribe(LiveQuery::range(..).queue(rows, bytes)).await.map(drop) {
            Err(Error::InvalidConfiguration { knob, .. }) => assert_eq!(knob, "queue"),
            other => panic!("{other:?} for a queue without room"),
        }
    }
    Ok(())
}

/// All of it is told, or it is refused with the oldest version that is retained.
async fn versions_that_are_not_retained(store: Store) -> Verdict {
    let given = commit_all(&store, (0..8).map(|n| format!("a={n} k{n}=1"))).await?;
    store.db().flush().await?;
    store.db().compact().await?;
    let live = store.live();
    for (since, _) in &given {
        match Live::after(&live, .., *since).await {
            Ok(mut query) => query.gives_all(&Happening::of(&given).after(*since, &KeyRange::all())).await?,
            Err(Error::VersionNotRetained { requested, oldest }) => {
                assert_eq!(requested, *since, "what was asked for");
                assert!(*since < oldest && oldest <= store.version().await?, "{oldest} is retained, {since} is not");
                drop(Live::after(&live, .., oldest).await?);
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}
