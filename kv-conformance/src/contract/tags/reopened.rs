//! Tags outlive the process.

use super::{compacted, keeps, names};
use crate::case::{Case, cases};
use crate::fixture::{Store, Verdict, refuses};

pub(super) fn cases() -> Vec<Case> {
    cases![
        tags_are_there_after_a_shutdown,
        tags_are_there_after_a_drop,
        they_keep_what_is_pruned_after_that,
        a_removed_tag_stays_removed,
        tags_over_many_openings,
    ]
}

async fn tags_are_there_after_a_shutdown(store: Store) -> Verdict {
    let first = store.commit("a=1 b=1").await?;
    let second = store.commit("a=2 -b").await?;
    store.db().tag("second", None).await?;
    store.db().tag("first", Some(first)).await?;
    let before = store.db().tags().await?;
    store.reopen().await?;
    assert_eq!(store.db().tags().await?, before);
    assert_eq!((store.db().tagged("first").await?, store.db().tagged("second").await?), (first, second));
    keeps(&store, "first", "a=1 b=1").await?;
    keeps(&store, "second", "a=2").await?;
    refuses!(store.db().tag("first", None).await, TagExists);
    Ok(())
}

async fn tags_are_there_after_a_drop(store: Store) -> Verdict {
    store.commit("a=1").await?;
    store.db().tag("kept", None).await?;
    store.commit("a=2").await?;
    store.drop_and_open().await?;
    keeps(&store, "kept", "a=1").await?;
    assert_eq!(store.all().await?, "a=2");
    Ok(())
}

async fn they_keep_what_is_pruned_after_that(store: Store) -> Verdict {
    store.commit("a=1 b=1").await?;
    store.db().tag("kept", None).await?;
    store.reopen().await?;
    for n in 0..4 {
        store.commit(&format!("a=1{n} -b c={n}")).await?;
        compacted(&store).await?;
        store.drop_and_open().await?;
        keeps(&store, "kept", "a=1 b=1").await?;
    }
    Ok(())
}

async fn a_removed_tag_stays_removed(store: Store) -> Verdict {
    store.commit("a=1").await?;
    store.db().tag("one", None).await?;
    store.db().tag("two", None).await?;
    store.reopen().await?;
    store.db().untag("one").await?;
    store.drop_and_open().await?;
    assert_eq!(names(&store).await?, ["two"]);
    store.db().tag("one", None).await?;
    store.reopen().await?;
    assert_eq!(names(&store).await?, ["one", "two"]);
    Ok(())
}

async fn tags_over_many_openings(store: Store) -> Verdict {
    for n in 0..6 {
        store.commit(&format!("a={n} k{n}=1")).await?;
        store.db().tag(&format!("t{n}"), None).await?;
        store.commit(&format!("a=x{n} -k{n}")).await?;
        match n % 3 {
            0 => store.reopen().await?,
            1 => store.drop_and_open().await?,
            _ => compacted(&store).await?,
        }
        for m in 0..=n {
            keeps(&store, &format!("t{m}"), &format!("a={m} k{m}=1")).await?;
        }
    }
    Ok(())
}
