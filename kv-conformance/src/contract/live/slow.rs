//! Live queries that are not read.

use super::commit_all;
use crate::case::{Case, cases};
use crate::fixture::{Failure, Happening, LIMIT, Live, Store, Told, Verdict};
use futures::poll;
use kv_api::{KeyRange, Result, Version};
use kv_live::{LiveQueries, LiveQuery};
use std::task::Poll;
use std::time::Duration;
use tokio::time::{sleep, timeout};

pub(super) fn cases() -> Vec<Case> {
    cases![
        a_slow_one_catches_up,
        a_slow_one_holds_up_nobody,
        one_that_reads_now_and_then,
        a_slow_one_behind_a_compaction,
        a_snapshot_that_is_read_late,
        a_next_that_is_dropped,
    ]
}

/// With room for little.
async fn narrow(live: &LiveQueries, range: impl Into<KeyRange>) -> Result<Live> {
    Live::with(live, range, |query: LiveQuery| query.queue(4, 1 << 20)).await
}

async fn write(store: &Store, commits: std::ops::Range<u32>) -> Result<Vec<(Version, String)>> {
    commit_all(store, commits.map(|n| format!("a={n} k{}={n} z{n}=1", n % 5))).await
}

async fn a_slow_one_catches_up(store: Store) -> Verdict {
    let live = store.live();
    let (mut all, mut some) = (narrow(&live, ..).await?, narrow(&live, KeyRange::prefix("k")).await?);
    let since = all.begins_with("").await?;
    some.begins_with("").await?;
    let mut given = write(&store, 0..100).await?;
    let happening = Happening::of(&given);
    all.gives_all(&happening.after(since, &KeyRange::all())).await?;
    some.gives_all(&happening.after(since, &KeyRange::prefix("k"))).await?;
    // Once more, and from there on as it comes.
    let behind = given[99].0;
    given.extend(write(&store, 100..200).await?);
    let happening = Happening::of(&given);
    all.gives_all(&happening.after(behind, &KeyRange::all())).await?;
    some.gives_all(&happening.after(behind, &KeyRange::prefix("k"))).await?;
    for n in 0..10 {
        let version = store.commit(&format!("l{n}=1")).await?;
        all.gives(version, &format!("+l{n}=1")).await?;
    }
    Ok(())
}

async fn a_slow_one_holds_up_nobody(store: Store) -> Verdict {
    let live = store.live();
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(narrow(&live, ..).await?);
    }
    let mut quick = Live::begin(&live, ..).await?;
    quick.begins_with("").await?;
    let following = async {
        let mut happening = Happening::default();
        for n in 0..200 {
            let script = format!("a={n} k{}={n}", n % 10);
            let version = store.commit(&script).await?;
            happening.add(version, &script);
            quick.gives_all(&happening.after(version - 1, &KeyRange::all())).await?;
        }
        Ok::<_, Failure>(happening)
    };
    let happening =
        timeout(6 * LIMIT, following).await.map_err(|_| Failure::new("others wait for queries that are idle"))??;
    let since = idle[0].begins_with("").await?;
    idle[0].gives_all(&happening.after(since, &KeyRange::all())).await?;
    Ok(())
}

async fn one_that_reads_now_and_then(store: Store) -> Verdict {
    let mut slow = narrow(&store.live(), "a".."l").await?;
    slow.begins_with("").await?;
    let (mut given, mut read) = (Vec::new(), 0);
    for round in 0..30 {
        // Sometimes the queue has room for what comes, and sometimes not.
        let first = given.len() as u32;
        given.extend(write(&store, first..first + round % 6).await?);
        let expected = Happening::of(&given).after(0, &KeyRange::from("a".."l"));
        let now = expected.len().min(read + 3);
        slow.gives_all(&expected[read..now]).await?;
        read = now;
    }
    slow.gives_all(&Happening::of(&given).after(0, &KeyRange::from("a".."l"))[read..]).await?;
    Ok(())
}

/// It gets everything, or is told that it cannot and from where on it could.
async fn a_slow_one_behind_a_compaction(store: Store) -> Verdict {
    let live = store.live();
    let mut slow = narrow(&live, ..).await?;
    let since = slow.begins_with("").await?;
    let given = write(&store, 0..50).await?;
    store.db().flush().await?;
    store.db().compact().await?;
    for (version, events) in Happening::of(&given).after(since, &KeyRange::all()) {
        match slow.next().await? {
            Told::Commit(at, told) => assert_eq!((at, told), (version, events)),
            Told::NotRetained(oldest) => {
                let again = slow.next().await?;
                assert!(matches!(again, Told::NotRetained(_)), "{again:?} once something is lost");
                assert!(since < oldest && oldest <= store.version().await?, "{oldest} is retained, {since} is not");
                let mut anew = Live::begin(&live, ..).await?;
                assert_eq!(anew.begins_with(&store.all().await?).await?, store.version().await?);
                return Ok(());
            }
            Told::Closed => return Err(Failure::new("the store has not been closed")),
        }
    }
    Ok(())
}

async fn a_snapshot_that_is_read_late(store: Store) -> Verdict {
    let first = store.commit("a=x k0=x").await?;
    let mut late = narrow(&store.live(), ..).await?;
    let mut given = vec![(first, "a=x k0=x".to_owned())];
    given.extend(write(&store, 0..40).await?);
    assert_eq!(late.begins_with("a=x k0=x").await?, first);
    late.gives_all(&Happening::of(&given).after(first, &KeyRange::all())).await?;
    Ok(())
}

async fn a_next_that_is_dropped(store: Store) -> Verdict {
    let mut slow = narrow(&store.live(), ..).await?;
    let since = slow.begins_with("").await?;
    let given = write(&store, 0..60).await?;
    for (version, events) in Happening::of(&given).after(since, &KeyRange::all()) {
        let update = loop {
            // Polled once, and dropped.
            match poll!(Box::pin(slow.subscription().next())) {
                Poll::Ready(update) => break update,
                Poll::Pending => sleep(Duration::from_micros(100)).await,
            }
        };
        let told = slow.note(update)?;
        assert!(matches!(&told, Told::Commit(at, told) if (*at, told) == (version, &events)), "{told:?}");
    }
    Ok(())
}
