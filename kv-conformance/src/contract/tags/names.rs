//! What can be tagged, under which names, and what is said of the rest.

use super::{keeps, names};
use crate::case::{Case, cases};
use crate::fixture::{Store, Verdict, refuses};
use kv_api::{Error, Version};
use std::time::{Duration, SystemTime};

pub(super) fn cases() -> Vec<Case> {
    cases![
        the_newest_version_is_tagged,
        an_older_version_is_tagged,
        tags_are_listed_by_name,
        one_version_can_have_several_tags,
        a_name_is_given_once,
        a_removed_name_can_be_given_again,
        what_is_not_there_cannot_be_removed,
        names_are_checked,
        a_version_in_the_future_is_refused,
        an_empty_store_can_be_tagged,
        a_store_that_was_shut_down_answers_nothing,
    ]
}

async fn the_newest_version_is_tagged(store: Store) -> Verdict {
    let version = store.given("a=1").await?;
    let before = SystemTime::now();
    assert_eq!(store.db().tag("first", None).await?, version);
    let after = SystemTime::now();
    store.commit("a=2 b=2").await?;
    let tags = store.db().tags().await?;
    let [tag] = &tags[..] else { panic!("{tags:?}") };
    assert_eq!((tag.name.as_str(), tag.version), ("first", version));
    let slack = Duration::from_millis(2);
    assert!(before - slack <= tag.made && tag.made <= after + slack, "{:?} is not {before:?} to {after:?}", tag.made);
    assert_eq!(store.version().await?, store.db().tag("second", None).await?);
    keeps(&store, "first", "a=1").await?;
    keeps(&store, "second", "a=2 b=2").await
}

async fn an_older_version_is_tagged(store: Store) -> Verdict {
    let first = store.given("a=1").await?;
    let second = store.given("a=2 -b").await?;
    store.given("a=3").await?;
    assert_eq!(store.db().tag("first", Some(first)).await?, first);
    assert_eq!(store.db().tag("second", Some(second)).await?, second);
    keeps(&store, "first", "a=1").await?;
    keeps(&store, "second", "a=2").await
}

async fn tags_are_listed_by_name(store: Store) -> Verdict {
    store.given("a=1").await?;
    for name in ["m", "a", "z", "B", "a-1", "7", "a.b"] {
        store.db().tag(name, None).await?;
    }
    assert_eq!(names(&store).await?, ["7", "B", "a", "a-1", "a.b", "m", "z"]);
    Ok(())
}

async fn one_version_can_have_several_tags(store: Store) -> Verdict {
    let version = store.given("a=1").await?;
    for name in ["one", "two"] {
        assert_eq!(store.db().tag(name, Some(version)).await?, version);
    }
    assert_eq!(store.db().untag("one").await?, version);
    assert_eq!(names(&store).await?, ["two"]);
    keeps(&store, "two", "a=1").await
}

async fn a_name_is_given_once(store: Store) -> Verdict {
    let first = store.given("a=1").await?;
    store.db().tag("name", None).await?;
    let second = store.given("a=2").await?;
    for version in [None, Some(first), Some(second), Some(Version::MAX)] {
        match store.db().tag("name", version).await {
            Err(Error::TagExists { name, version }) => assert_eq!((name.as_str(), version), ("name", first)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(store.db().tagged("name").await?, first);
    keeps(&store, "name", "a=1").await
}

async fn a_removed_name_can_be_given_again(store: Store) -> Verdict {
    let first = store.given("a=1").await?;
    store.db().tag("name", None).await?;
    let second = store.given("a=2").await?;
    assert_eq!(store.db().untag("name").await?, first);
    refuses!(store.db().tagged("name").await, TagNotFound);
    assert_eq!(store.db().tag("name", None).await?, second);
    keeps(&store, "name", "a=2").await
}

async fn what_is_not_there_cannot_be_removed(store: Store) -> Verdict {
    store.given("a=1").await?;
    store.db().tag("there", None).await?;
    for missing in ["other", "", "ther", "there.", "THERE"] {
        match store.db().untag(missing).await {
            Err(Error::TagNotFound { name }) => assert_eq!(name, missing),
            other => panic!("'{missing}': {other:?}"),
        }
        refuses!(store.db().tagged(missing).await, TagNotFound);
    }
    store.db().untag("there").await?;
    refuses!(store.db().untag("there").await, TagNotFound);
    Ok(())
}

async fn names_are_checked(store: Store) -> Verdict {
    store.given("a=1").await?;
    let too_long = "n".repeat(201);
    for bad in
        ["", ".", "..", "a/b", "../a", "a b", "a:b", "a,b", "a;b", "a=b", ".a", "a.", "a.lock", "ä", "\n", &too_long]
    {
        match store.db().tag(bad, None).await {
            Err(Error::InvalidTagName { name, .. }) => assert_eq!(name, bad),
            other => panic!("'{bad}': {other:?}"),
        }
    }
    assert_eq!(names(&store).await?, [""; 0]);
    let longest = "n".repeat(200);
    for good in ["a.b", "-", "_", "0", "A-b_c.9", &longest] {
        store.db().tag(good, None).await?;
    }
    assert_eq!(names(&store).await?.len(), 6);
    Ok(())
}

async fn a_version_in_the_future_is_refused(store: Store) -> Verdict {
    let newest = store.given("a=1").await?;
    for ahead in [newest + 1, newest + 1000, Version::MAX] {
        match store.db().tag("ahead", Some(ahead)).await {
            Err(Error::VersionNotReached { requested, newest: said }) => assert_eq!((requested, said), (ahead, newest)),
            other => panic!("{ahead}: {other:?}"),
        }
    }
    assert_eq!(names(&store).await?, [""; 0]);
    Ok(())
}

async fn an_empty_store_can_be_tagged(store: Store) -> Verdict {
    let empty = store.version().await?;
    assert_eq!(store.db().tag("empty", None).await?, empty);
    store.commit("a=1").await?;
    keeps(&store, "empty", "").await
}

async fn a_store_that_was_shut_down_answers_nothing(store: Store) -> Verdict {
    store.given("a=1").await?;
    let db = store.db();
    db.tag("before", None).await?;
    db.shutdown().await?;
    refuses!(db.tag("after", None).await, StoreClosed);
    refuses!(db.untag("before").await, StoreClosed);
    refuses!(db.tags().await, StoreClosed);
    refuses!(db.tagged("before").await, StoreClosed);
    Ok(())
}
