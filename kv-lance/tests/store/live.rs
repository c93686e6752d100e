//! Live queries over the engine: the feed that they share, what they cost it, and what it does not retain for them.

use super::*;
use crate::faulty::{EIO, Fault, Faulty, Operation};
use kv_api::Error;
use kv_lance::CompactOptions;
use kv_live::{Change, Contents, LiveQueries, LiveQuery, Subscription, Update};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const LIMIT: Duration = Duration::from_secs(20);

async fn next(subscription: &mut Subscription) -> Result<Update> {
    timeout(LIMIT, subscription.next()).await.expect("it owes something")
}

/// The version of the next commit, and the keys that it changed.
async fn commit(subscription: &mut Subscription) -> Result<(Version, Vec<String>)> {
    match next(subscription).await? {
        Update::Commit(commit) => {
            let keys = commit.events.iter().map(|event| String::from_utf8_lossy(&event.key).into_owned());
            Ok((commit.version, keys.collect()))
        }
        other => panic!("{other:?} instead of a commit"),
    }
}

async fn feeds_become(store: &LanceDatastore, number: u64) {
    let begun = Instant::now();
    while figure(store, "change_feeds") != number {
        assert!(begun.elapsed() < LIMIT, "{} feeds", figure(store, "change_feeds"));
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_subscriptions_share_one_feed_that_goes_with_the_last() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(LanceConfig::new(dir.path())).await?);
    let live = LiveQueries::new(store.clone());
    let since = write(&store, &[("a", "1")]).await?;
    let mut subscriptions = Vec::new();
    for n in 0..1000 {
        subscriptions.push(live.subscribe(LiveQuery::prefix(format!("user{n:03}/")).after(since)).await?);
    }
    assert_eq!((live.attached(), figure(&store, "change_feeds")), (1000, 1));
    let version = write(&store, &[("user007/x", "1"), ("user600/x", "1"), ("user600/y", "1")]).await?;
    assert_eq!(commit(&mut subscriptions[7]).await?, (version, vec!["user007/x".to_owned()]));
    assert_eq!(commit(&mut subscriptions[600]).await?.1, ["user600/x", "user600/y"]);
    subscriptions.truncate(1);
    assert_eq!((live.attached(), figure(&store, "change_feeds")), (1, 1));
    let version = write(&store, &[("user000/x", "1")]).await?;
    assert_eq!(commit(&mut subscriptions[0]).await?, (version, vec!["user000/x".to_owned()]));
    drop(subscriptions);
    feeds_become(&store, 0).await;
    Ok(())
}

/// What one that is slow has not read is in files by then, and comes from there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_one_reads_on_from_files_and_its_feed_goes() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(
        open(LanceConfig::new(dir.path()).memtable_bytes(64 << 10).partition_bytes(64 << 10).block_bytes(256)).await?,
    );
    let live = LiveQueries::new(store.clone());
    let mut slow = live.subscribe(LiveQuery::prefix("k").queue(8, 1 << 20)).await?;
    let mut given = Vec::new();
    for n in 0..400 {
        let val = format!("{n:0>200}");
        given.push(write(&store, &[(&format!("k{}", n % 7), &val), (&format!("z{n}"), &val)]).await?);
        if n % 100 == 99 {
            store.compact().await?;
        }
    }
    assert!(matches!(next(&mut slow).await?, Update::Current { .. }), "it was empty");
    let mut last = vec![None; 7];
    for (n, version) in given.into_iter().enumerate() {
        let Update::Commit(commit) = next(&mut slow).await? else { panic!("commit {n} is due") };
        let new: bytes::Bytes = format!("{n:0>200}").into();
        let old = last[n % 7].replace(new.clone());
        let change = match old {
            Some(old) => Change::Updated { old, new },
            None => Change::Inserted { new },
        };
        assert_eq!(commit.version, version);
        assert_eq!(commit.events.len(), 1);
        assert_eq!(commit.events[0].change, change, "commit {n}");
    }
    // It is fed by the common feed again, and has none of its own.
    let version = write(&store, &[("k", "1")]).await?;
    assert_eq!(commit(&mut slow).await?.0, version);
    assert_eq!((live.attached(), figure(&store, "change_feeds")), (1, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_retained_is_said() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(LanceConfig::new(dir.path())).await?);
    let live = LiveQueries::new(store.clone());
    let first = write(&store, &[("a", "1")]).await?;
    let mut with_old = live.subscribe(LiveQuery::range(..).after(first)).await?;
    let mut without = live.subscribe(LiveQuery::range(..).after(first).contents(Contents::New)).await?;
    let quiet = live.subscribe(LiveQuery::prefix("z").after(first)).await?;
    let second = write(&store, &[("a", "2")]).await?;
    let third = write(&store, &[("a", "3")]).await?;
    // Once this one, which has nothing to say, has come to it, both have it in their queues.
    while quiet.position() < Some(third) {
        sleep(Duration::from_millis(1)).await;
    }
    store.compact_with(CompactOptions::no_history()).await?;
    assert_eq!((commit(&mut without).await?.0, commit(&mut without).await?.0), (second, third));
    for _ in 0..2 {
        let refused = next(&mut with_old).await;
        let Err(Error::VersionNotRetained { requested, oldest }) = refused else { panic!("{refused:?}") };
        assert!(requested < oldest && oldest <= third, "{requested} {oldest}");
    }
    assert_eq!(with_old.position(), Some(first));
    let refused = live.subscribe(LiveQuery::range(..).after(first)).await.map(drop);
    assert!(matches!(refused, Err(Error::VersionNotRetained { requested, .. }) if requested == first), "{refused:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_ends_live_queries_with_its_error() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let files = Faulty::default();
    let store = Arc::new(open(LanceConfig::new(dir.path()).files(Arc::new(files.clone()))).await?);
    let live = LiveQueries::new(store.clone());
    let mut all = live.subscribe(LiveQuery::range(..).after(0)).await?;
    let first = write(&store, &[("a", "1")]).await?;
    files.add(Fault { times: 1, ..Fault::always(Operation::Sync, ".log", EIO) });
    write(&store, &[("b", "2")]).await.unwrap_err();
    assert_eq!(commit(&mut all).await?.0, first);
    for _ in 0..3 {
        let failed = next(&mut all).await;
        assert!(matches!(failed, Err(Error::StoreFailed { .. })), "{failed:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_store_without_versions_has_no_live_queries() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(LanceConfig::new(dir.path()).versioned(false)).await?);
    let refused = LiveQueries::new(store).subscribe(LiveQuery::range(..)).await.map(drop);
    assert!(matches!(refused, Err(Error::Unsupported { operation: "live queries" })), "{refused:?}");
    Ok(())
}
