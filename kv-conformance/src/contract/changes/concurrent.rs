//! Feeds among writers on several threads.

use super::{contents_at, told};
use crate::case::{Case, cases};
use crate::fixture::{Feed, Mismatch, Next, Store, Verdict, replay, show_contents};
use futures::future::try_join_all;
use kv_api::{Error, Key, KeyRange, Result, Val, Version};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn cases() -> Vec<Case> {
    cases![every_commit_once_in_order_and_whole, filtered_feeds_give_their_part, a_copy_follows_through_maintenance]
}

const WRITERS: usize = 4;

/// Commits at random, as those that conflict let it, and says what it committed.
async fn write(store: Store, writer: usize, commits: usize) -> Result<Vec<(Version, String)>> {
    let mut given = Vec::new();
    let mut state = writer as u64 + 1;
    let mut draw = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for n in 0..commits {
        let keys: BTreeSet<u64> = (0..1 + draw(4)).map(|_| draw(12)).collect();
        let word = |key| if draw(4) == 0 { format!("-k{key:02}") } else { format!("k{key:02}={writer}.{n}") };
        let script = keys.into_iter().map(word).collect::<Vec<_>>().join(" ");
        let tx = store.write().await?;
        tx.apply(&script).await?;
        match tx.commit().await {
            Ok(()) => given.push((tx.commit_version().unwrap_or(0), script)),
            Err(Error::TransactionConflict { .. }) => tokio::task::yield_now().await,
            Err(other) => return Err(other),
        }
    }
    Ok(given)
}

/// Several writers, and then a commit that sets `~`. The answer is everything in the order of the versions.
pub(in crate::contract) async fn write_all(store: &Store, commits: usize) -> Result<Vec<(Version, String)>> {
    let writers = (0..WRITERS).map(|writer| {
        let writing = tokio::spawn(write(store.clone(), writer, commits));
        async { writing.await.map_err(|e| Error::backend("a writer", e))? }
    });
    let mut given: Vec<(Version, String)> = try_join_all(writers).await?.concat();
    given.sort();
    given.push((store.commit("~=end").await?, "~=end".into()));
    Ok(given)
}

async fn every_commit_once_in_order_and_whole(store: Store) -> Verdict {
    let (mut early, mut other) = (store.changes(0, ..).await?, store.changes(0, ..).await?);
    let (given, commits, others) = tokio::join!(write_all(&store, 60), early.until("~"), other.until("~"));
    let (given, commits) = (given?, commits?);
    assert_eq!(told(&commits), given);
    assert_eq!(told(&others?), given);
    let mut contents = BTreeMap::new();
    replay(&mut contents, &commits);
    assert_eq!(show_contents(&contents), store.all().await?);
    // What comes from history now is what came live.
    assert_eq!(store.changes(0, ..).await?.until("~").await?, commits);
    Ok(())
}

async fn filtered_feeds_give_their_part(store: Store) -> Verdict {
    let range = KeyRange::from("k04".."k09");
    let mut some = store.changes(0, range.clone()).await?;
    let given = write_all(&store, 40).await?;
    let part = |word: &&str| range.contains(word.trim_start_matches('-').split('=').next().unwrap_or("").as_bytes());
    let expected: Vec<(Version, String)> = given
        .iter()
        .map(|(version, script)| (*version, script.split(' ').filter(part).collect::<Vec<_>>().join(" ")))
        .filter(|(_, script)| !script.is_empty())
        .collect();
    some.gives_all(&expected).await?;
    Ok(())
}

/// A copy of a store that follows its feed, and starts again when it is told that it fell behind.
struct Copy {
    contents: BTreeMap<Key, Val>,
    feed: Feed,
}

impl Copy {
    async fn start(store: &Store) -> Result<Self, Mismatch> {
        for _ in 0..100 {
            let since = store.version().await?;
            match (contents_at(store, since).await, store.changes(since, ..).await) {
                (Ok(contents), Ok(feed)) => return Ok(Self { contents, feed }),
                // A compaction was faster.
                (Err(Error::VersionNotRetained { .. }), _) | (_, Err(Error::VersionNotRetained { .. })) => {}
                (Err(other), _) | (_, Err(other)) => return Err(other.into()),
            }
        }
        Err(Mismatch("the current version is never retained".into()))
    }

    async fn follow(mut self, store: &Store) -> Result<Self, Mismatch> {
        while !self.contents.contains_key(b"~".as_slice()) {
            match self.feed.next().await? {
                Next::Commit(commit) => replay(&mut self.contents, [&commit]),
                Next::NotRetained(_) => self = Self::start(store).await?,
                Next::End => return Err(Mismatch("the feed ends while the store is open".into())),
            }
        }
        Ok(self)
    }
}

async fn a_copy_follows_through_maintenance(store: Store) -> Verdict {
    let maintenance = store.maintain();
    let copy = Copy::start(&store).await?;
    let (given, copy) = tokio::join!(write_all(&store, 60), copy.follow(&store));
    maintenance.end().await?;
    given?;
    assert_eq!(show_contents(&copy?.contents), store.all().await?);
    Ok(())
}
