//! History that a compaction may have pruned: all of it is given, or it is said that it is gone.

use super::{commit_all, feed_or_pruned, follow};
use crate::case::{Case, cases};
use crate::fixture::{Failure, Next, Store, Verdict};

pub(super) fn cases() -> Vec<Case> {
    cases![
        a_compacted_history_is_whole_or_refused,
        nothing_is_pruned_after_the_newest,
        a_feed_that_fell_behind_is_told,
        a_feed_that_has_read_everything_goes_on,
        a_fresh_start_from_a_scan,
    ]
}

async fn compacted(store: &Store) -> Result<Vec<(u64, String)>, Failure> {
    let history = commit_all(store, (0..8).map(|n| format!("a={n} k{n}=1 -l{}", (n + 1) % 3))).await?;
    store.db().flush().await?;
    store.db().compact().await?;
    Ok(history)
}

async fn a_compacted_history_is_whole_or_refused(store: Store) -> Verdict {
    let history = compacted(&store).await?;
    let sinces: Vec<u64> = [0].into_iter().chain(history.iter().map(|(version, _)| *version)).collect();
    for (n, since) in sinces.into_iter().enumerate() {
        let Some(mut feed) = feed_or_pruned(&store, since).await? else { continue };
        feed.gives_all(&history[n..]).await?;
    }
    Ok(())
}

async fn nothing_is_pruned_after_the_newest(store: Store) -> Verdict {
    for n in 0..5 {
        let newest = store.commit(&format!("a={n} b{n}=1")).await?;
        let mut before = store.changes(newest, ..).await?;
        store.db().compact().await?;
        let mut after = store.changes(newest, ..).await?;
        let next = store.commit(&format!("-b{n}")).await?;
        before.gives(next, &format!("-b{n}")).await?;
        after.gives(next, &format!("-b{n}")).await?;
    }
    Ok(())
}

async fn a_feed_that_fell_behind_is_told(store: Store) -> Verdict {
    let mut feed = store.changes(0, ..).await?;
    let mut given = compacted(&store).await?;
    given.extend(commit_all(&store, ["-a", "~=end"]).await?);
    for (version, rows) in given {
        match feed.next().await? {
            Next::Commit(commit) => assert_eq!((commit.version, commit.to_string()), (version, rows)),
            Next::NotRetained(oldest) => {
                let again = feed.next().await?;
                assert!(matches!(again, Next::NotRetained(_)), "{again:?} once something is lost");
                return follow(&store, oldest).await;
            }
            Next::End => return Err(Failure::new("the feed ends while the store is open")),
        }
    }
    Ok(())
}

async fn a_feed_that_has_read_everything_goes_on(store: Store) -> Verdict {
    let mut feed = store.changes(0, ..).await?;
    for n in 0..6 {
        let version = store.commit(&format!("a={n} k{n}=1")).await?;
        feed.gives(version, &format!("a={n} k{n}=1")).await?;
        store.db().flush().await?;
        store.db().compact().await?;
    }
    Ok(())
}

/// What a consumer does that was told that it fell behind.
async fn a_fresh_start_from_a_scan(store: Store) -> Verdict {
    compacted(&store).await?;
    follow(&store, store.version().await?).await
}
