//! What becomes of subscriptions when the task that they share, or the feed that it follows, comes to an end.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use arrow_array::RecordBatch;
use async_trait::async_trait;
use kv_api::{
    Capabilities, ChangeFeed, ChangeFilter, Datastore, Error, Result, Transactable, TransactionOptions, Version,
};
use kv_conformance::Reference;
use kv_live::{Commit, Contents, LiveQueries, LiveQuery, Subscription, Update};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(8);

async fn set(store: &dyn Datastore, key: &str) -> Version {
    let tx = store.begin(TransactionOptions::write()).await.unwrap();
    tx.set(key.to_owned().into(), "1".into()).await.unwrap();
    tx.commit().await.unwrap();
    store.current_version().await.unwrap()
}

async fn next(subscription: &mut Subscription) -> Result<Commit> {
    match timeout(LIMIT, subscription.next()).await.expect("it owes something")? {
        Update::Commit(commit) => Ok(commit),
        other => panic!("{other:?} instead of a commit"),
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// A test, a request or a tenant may have a runtime of its own, and with it goes the task that others count on.
#[test]
fn a_runtime_ends_and_subscriptions_on_another_go_on() {
    let (first, second) = (runtime(), runtime());
    let store: Arc<dyn Datastore> = Arc::new(Reference::new());
    let live = LiveQueries::new(store.clone());
    let subscribe = || live.subscribe(LiveQuery::prefix("a").after(0));
    let mut one = first.block_on(subscribe()).unwrap();
    let mut other = second.block_on(subscribe()).unwrap();
    let version = second.block_on(set(&*store, "a1"));
    assert_eq!(first.block_on(next(&mut one)).unwrap().version, version);
    drop(first);
    let versions: Vec<Version> = (2..5).map(|n| second.block_on(set(&*store, &format!("a{n}")))).collect();
    assert_eq!(second.block_on(next(&mut other)).unwrap().version, version);
    for version in &versions {
        assert_eq!(second.block_on(next(&mut other)).unwrap().version, *version);
    }
    // The one whose runtime has ended can go on as well.
    for version in &versions {
        assert_eq!(second.block_on(next(&mut one)).unwrap().version, *version);
    }
}

#[test]
fn outside_of_a_runtime_it_is_an_error() {
    let live = LiveQueries::new(Arc::new(Reference::new()));
    let refused = futures::executor::block_on(live.subscribe(LiveQuery::range(..))).map(drop);
    assert!(matches!(&refused, Err(Error::Backend { .. })), "{refused:?}");
}

#[tokio::test]
async fn one_that_is_full_is_given_up_until_it_is_read() {
    let store: Arc<dyn Datastore> = Arc::new(Reference::new());
    let live = LiveQueries::new(store.clone());
    let mut slow = live.subscribe(LiveQuery::range(..).after(0).queue(2, 1000)).await.unwrap();
    let mut versions = Vec::new();
    for n in 0..10 {
        versions.push(set(&*store, &format!("a{n}")).await);
        tokio::task::yield_now().await;
    }
    assert_eq!(live.attached(), 0, "there is room for two");
    for version in versions {
        assert_eq!(next(&mut slow).await.unwrap().version, version);
    }
    let version = set(&*store, "b").await;
    assert_eq!((next(&mut slow).await.unwrap().version, live.attached()), (version, 1));
    drop(slow);
    assert_eq!(live.attached(), 0);
}

/// The reference store, but the feeds of all its commits end with an error behind the first of them.
struct Failing {
    store: Reference,
    error: fn() -> Error,
    /// Feeds begun.
    begun: AtomicUsize,
}

struct FailingFeed {
    feed: Box<dyn ChangeFeed>,
    error: fn() -> Error,
    given: bool,
}

#[async_trait]
impl ChangeFeed for FailingFeed {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.given {
            return Err((self.error)());
        }
        let batch = self.feed.next().await?;
        self.given = true;
        Ok(batch)
    }
}

#[async_trait]
impl Datastore for Failing {
    fn kind(&self) -> &'static str {
        "failing"
    }

    fn capabilities(&self) -> Capabilities {
        Datastore::capabilities(&self.store)
    }

    async fn begin(&self, options: TransactionOptions) -> Result<Box<dyn Transactable>> {
        self.store.begin(options).await
    }

    async fn current_version(&self) -> Result<Version> {
        self.store.current_version().await
    }

    async fn shutdown(&self) -> Result<()> {
        self.store.shutdown().await
    }

    async fn changes_until(&self, since: Version, until: Version, filter: ChangeFilter) -> Result<Box<dyn ChangeFeed>> {
        let feed = self.store.changes_until(since, until, filter).await?;
        if until < Version::MAX {
            return Ok(feed);
        }
        self.begun.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(FailingFeed { feed, error: self.error, given: false }))
    }
}

fn failing(error: fn() -> Error) -> (Arc<Failing>, LiveQueries) {
    let store = Arc::new(Failing { store: Reference::new(), error, begun: AtomicUsize::new(0) });
    let live = LiveQueries::new(store.clone());
    (store, live)
}

#[tokio::test]
async fn an_error_of_the_feed_is_that_of_all_subscriptions_behind_what_was_there() {
    let io = || Error::io("reading", "x", std::io::Error::other("the medium"));
    let failed = || Error::StoreFailed { reason: "the medium".into() };
    for error in [io as fn() -> Error, failed] {
        let (store, live) = failing(error);
        let mut both = Vec::new();
        for _ in 0..2 {
            both.push(live.subscribe(LiveQuery::range(..).after(0)).await.unwrap());
        }
        let version = set(&*store, "a").await;
        for subscription in &mut both {
            assert_eq!(next(subscription).await.unwrap().version, version);
            let ended = next(subscription).await.map(drop);
            let text = ended.as_ref().map_or_else(|e| format!("{e}"), |()| String::new());
            match ended {
                Err(Error::StoreFailed { reason }) => assert_eq!(reason, "the medium"),
                Err(Error::Backend { .. }) => assert!(text.contains("the medium"), "{text}"),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(store.begun.load(Ordering::SeqCst), 1, "nothing is tried again unasked");
    }
}

/// The reference store, in which something is committed whenever a transaction begins.
struct Busy(Reference);

#[async_trait]
impl Datastore for Busy {
    fn kind(&self) -> &'static str {
        "busy"
    }

    fn capabilities(&self) -> Capabilities {
        Datastore::capabilities(&self.0)
    }

    async fn begin(&self, options: TransactionOptions) -> Result<Box<dyn Transactable>> {
        let tx = self.0.begin(TransactionOptions::write()).await?;
        let val = self.0.current_version().await? + 1;
        tx.set("a".into(), val.to_string().into()).await?;
        tx.commit().await?;
        self.0.begin(options).await
    }

    async fn current_version(&self) -> Result<Version> {
        self.0.current_version().await
    }

    async fn shutdown(&self) -> Result<()> {
        self.0.shutdown().await
    }

    async fn changes_until(&self, since: Version, until: Version, filter: ChangeFilter) -> Result<Box<dyn ChangeFeed>> {
        self.0.changes_until(since, until, filter).await
    }
}

/// What a transaction sees has no version that one could ask for, and in a busy store it is never the current one.
#[tokio::test]
async fn a_snapshot_is_of_its_version_whatever_is_committed_beside_it() {
    let store = Arc::new(Busy(Reference::new()));
    let first = set(&store.0, "b").await;
    set(&store.0, "a").await;
    let mut all = LiveQueries::new(store).subscribe(LiveQuery::range(..).contents(Contents::New)).await.unwrap();
    let Update::Rows(rows) = all.next().await.unwrap() else { panic!("there are two rows") };
    let Update::Current { version } = all.next().await.unwrap() else { panic!("there is one page") };
    assert!(version > first + 1, "{version}");
    let vals: Vec<_> = rows.into_iter().map(|row| row.val.unwrap()).collect();
    assert_eq!(vals, [version.to_string(), "1".into()], "the value says of which version it is");
    assert_eq!(next(&mut all).await.unwrap().version, version + 1);
}

/// The common feed can fall behind what the store retains, where its task gets no time. That is no fault of subscriptions which
/// read what there is.
#[tokio::test]
async fn a_common_feed_that_fell_behind_is_begun_anew() {
    let (store, live) = failing(|| Error::VersionNotRetained { requested: 0, oldest: 1 });
    let mut all = live.subscribe(LiveQuery::range(..).after(0)).await.unwrap();
    for n in 0..20 {
        let version = set(&*store, &format!("a{n}")).await;
        assert_eq!(next(&mut all).await.unwrap().version, version);
    }
    assert!(store.begun.load(Ordering::SeqCst) > 1);
}
