//! Erased stays erased when the store flushes, merges its files, and is opened again.

use super::{clear, clear_and, finds, finds_or_pruned};
use crate::case::{Case, cases};
use crate::fixture::{Failure, Store, Verdict};
use kv_api::{Error, Version};

pub(super) fn cases() -> Vec<Case> {
    cases![
        history_at_rest_and_the_clear_in_memory,
        history_and_clear_at_rest_apart,
        history_and_clear_flushed_together,
        a_compaction_brings_nothing_back,
        a_value_set_after_the_clear_stays,
        readers_beside_clears_and_compactions,
    ]
}

pub(super) fn persistent_cases() -> Vec<Case> {
    cases![it_outlives_a_shutdown, it_outlives_a_drop, it_outlives_a_reopening_of_flushed_files]
}

/// History of two keys, of which one is to be erased.
async fn history(store: &Store) -> Result<(Version, Version), Failure> {
    Ok((store.commit("a=1 b=1").await?, store.commit("a=2 c=2").await?))
}

/// Asserts that the first key is gone.
async fn is_erased(store: &Store, (first, second): (Version, Version)) -> Verdict {
    finds_or_pruned(store, first, "b=1").await?;
    finds_or_pruned(store, second, "b=1 c=2").await?;
    let now = store.version().await?;
    finds(&store.read().await?, now, "b=1 c=2").await?;
    Ok(())
}

async fn history_at_rest_and_the_clear_in_memory(store: Store) -> Verdict {
    let versions = history(&store).await?;
    store.db().flush().await?;
    clear(&store, "a").await?;
    is_erased(&store, versions).await
}

async fn history_and_clear_at_rest_apart(store: Store) -> Verdict {
    let first = store.commit("a=1 b=1").await?;
    store.db().flush().await?;
    let second = store.commit("a=2 c=2").await?;
    store.db().flush().await?;
    clear(&store, "a").await?;
    store.db().flush().await?;
    is_erased(&store, (first, second)).await?;
    store.commit("d=1").await?;
    store.db().flush().await?;
    store.commit("-d").await?;
    is_erased(&store, (first, second)).await
}

async fn history_and_clear_flushed_together(store: Store) -> Verdict {
    let versions = history(&store).await?;
    clear(&store, "a").await?;
    is_erased(&store, versions).await?;
    store.db().flush().await?;
    is_erased(&store, versions).await
}

async fn a_compaction_brings_nothing_back(store: Store) -> Verdict {
    let first = store.commit("a=1 b=1").await?;
    store.db().flush().await?;
    let second = store.commit("a=2 c=2").await?;
    clear(&store, "a").await?;
    for _ in 0..3 {
        store.db().compact().await?;
        is_erased(&store, (first, second)).await?;
        store.commit("d=1").await?;
        store.commit("-d").await?;
    }
    Ok(())
}

async fn a_value_set_after_the_clear_stays(store: Store) -> Verdict {
    let (first, second) = history(&store).await?;
    store.db().flush().await?;
    let third = clear_and(&store, "a", "a=3").await?;
    clear(&store, "b").await?;
    let last = store.commit("a=5 b=5").await?;
    for _ in 0..3 {
        finds_or_pruned(&store, first, "").await?;
        finds_or_pruned(&store, second, "c=2").await?;
        finds_or_pruned(&store, third, "a=3 c=2").await?;
        finds(&store.read().await?, last, "a=5 b=5 c=2").await?;
        store.db().flush().await?;
        store.db().compact().await?;
    }
    store.holds("a=5 b=5 c=2").await?;
    Ok(())
}

/// Each round writes a value, erases it, and looks for it at its version, while the files are
/// merged all the time.
async fn readers_beside_clears_and_compactions(store: Store) -> Verdict {
    let maintenance = store.maintain();
    for n in 0..60 {
        let key = format!("k{}", n % 5);
        let there = store.commit(&format!("{key}=secret{n} other={n}")).await?;
        let before = store.read().await?;
        clear(&store, &key).await?;
        let after = store.read().await?;
        for (tx, expected) in [(&before, format!("secret{n}")), (&after, "-".into())] {
            match tx.val_at(&key, there).await {
                Ok(found) => assert_eq!(found, expected, "round {n}"),
                Err(Error::VersionNotRetained { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        assert_eq!(before.val(&key).await?, format!("secret{n}"));
        assert_eq!(after.val(&key).await?, "-");
    }
    maintenance.end().await?;
    store.holds("other=59").await?;
    Ok(())
}

async fn it_outlives_a_shutdown(store: Store) -> Verdict {
    let versions = history(&store).await?;
    clear(&store, "a").await?;
    for _ in 0..2 {
        store.reopen().await?;
        is_erased(&store, versions).await?;
    }
    store.db().compact().await?;
    store.reopen().await?;
    is_erased(&store, versions).await
}

async fn it_outlives_a_drop(store: Store) -> Verdict {
    let versions = history(&store).await?;
    store.db().flush().await?;
    clear(&store, "a").await?;
    store.drop_and_open().await?;
    is_erased(&store, versions).await
}

async fn it_outlives_a_reopening_of_flushed_files(store: Store) -> Verdict {
    let versions = history(&store).await?;
    store.db().flush().await?;
    clear(&store, "a").await?;
    store.db().flush().await?;
    store.reopen().await?;
    is_erased(&store, versions).await?;
    store.commit("d=1").await?;
    store.commit("-d").await?;
    store.db().compact().await?;
    store.reopen().await?;
    is_erased(&store, versions).await
}
