//! What a reader reads of the past, and its tags, belong to its state.

use crate::case::{Case, cases};
use crate::fixture::{Failure, Reader, Store, Verdict, b, refuses};
use kv_api::Version;

pub(super) fn cases() -> Vec<Case> {
    cases![a_reader_has_the_past_of_the_store, commits_beyond_its_state_are_not_read_at_their_versions]
}

pub(super) fn erasing_cases() -> Vec<Case> {
    cases![what_is_erased_is_so_for_a_reader_once_it_is_refreshed]
}

pub(super) fn tag_cases() -> Vec<Case> {
    cases![a_reader_has_the_tags_of_its_state, a_tag_is_read_by_a_reader]
}

async fn at(reader: &Reader, version: Version) -> Result<String, Failure> {
    Ok(reader.read().await?.all_at(version).await?)
}

async fn a_reader_has_the_past_of_the_store(store: Store) -> Verdict {
    let first = store.commit("a=1 b=1").await?;
    let second = store.commit_to_files("a=2 -b").await?;
    store.commit_to_files("a=3").await?;
    let reader = store.reader().await?;
    for (version, rows) in [(first, "a=1 b=1"), (second, "a=2")] {
        // What the store still retains was retained when the reader was opened.
        if store.read().await?.all_at(version).await.is_ok() {
            assert_eq!(at(&reader, version).await?, rows);
            let val = rows.strip_prefix("a=").and_then(|rest| rest.get(..1)).unwrap_or("-");
            assert_eq!(reader.read().await?.val_at("a", version).await?, val);
        }
    }
    assert_eq!(at(&reader, 0).await.unwrap_or_default(), "");
    Ok(())
}

async fn commits_beyond_its_state_are_not_read_at_their_versions(store: Store) -> Verdict {
    store.commit_to_files("a=1").await?;
    let reader = store.reader().await?;
    let later = store.commit_to_files("a=2 b=2").await?;
    assert_eq!(at(&reader, later).await?, "a=1");
    assert_eq!(at(&reader, Version::MAX).await?, "a=1");
    let old = reader.read().await?;
    reader.db().refresh().await?;
    assert_eq!(old.all_at(later).await?, "a=1");
    assert_eq!(at(&reader, later).await?, "a=2 b=2");
    Ok(())
}

async fn what_is_erased_is_so_for_a_reader_once_it_is_refreshed(store: Store) -> Verdict {
    let first = store.commit("a=1 b=1").await?;
    store.commit_to_files("a=2").await?;
    let reader = store.reader().await?;
    let before = at(&reader, first).await;
    let tx = store.write().await?;
    tx.clr(b("a")).await?;
    tx.commit().await?;
    store.db().flush().await?;
    store.db().compact().await?;
    if let Ok(rows) = before {
        assert_eq!(rows, "a=1 b=1");
        assert_eq!(at(&reader, first).await?, "a=1 b=1", "as its state has it");
    }
    assert_eq!(reader.refreshed().await?, "b=1");
    assert_eq!(reader.read().await?.val_at("a", first).await.unwrap_or("-".into()), "-");
    let opened = store.reader().await?;
    assert_eq!(opened.all().await?, "b=1");
    assert_eq!(opened.read().await?.val_at("a", first).await.unwrap_or("-".into()), "-");
    Ok(())
}

async fn a_reader_has_the_tags_of_its_state(store: Store) -> Verdict {
    let version = store.commit("a=1").await?;
    store.db().tag("first", None).await?;
    store.db().flush().await?;
    let reader = store.reader().await?;
    let tags = store.db().tags().await?;
    store.commit("a=2").await?;
    let newest = store.db().tag("second", None).await?;
    store.db().untag("first").await?;
    store.db().flush().await?;
    assert_eq!(reader.db().tags().await?, tags);
    assert_eq!(reader.db().tagged("first").await?, version);
    refuses!(reader.db().tagged("second").await, TagNotFound);
    reader.db().refresh().await?;
    assert_eq!(reader.db().tags().await?, store.db().tags().await?);
    assert_eq!(reader.db().tagged("second").await?, newest);
    refuses!(reader.db().tagged("first").await, TagNotFound);
    Ok(())
}

/// Also where the store prunes what is not tagged, and once it has taken the tag away.
async fn a_tag_is_read_by_a_reader(store: Store) -> Verdict {
    store.commit("a=1 b=1").await?;
    let version = store.db().tag("kept", None).await?;
    store.commit("a=2").await?;
    store.commit_to_files("-b").await?;
    store.db().compact().await?;
    let reader = store.reader().await?;
    assert_eq!(at(&reader, version).await?, "a=1 b=1");
    store.db().untag("kept").await?;
    store.commit_to_files("a=3").await?;
    store.db().compact().await?;
    assert_eq!(at(&reader, version).await?, "a=1 b=1");
    assert_eq!(reader.db().tagged("kept").await?, version);
    assert_eq!(reader.refreshed().await?, "a=3");
    refuses!(reader.db().tagged("kept").await, TagNotFound);
    Ok(())
}
