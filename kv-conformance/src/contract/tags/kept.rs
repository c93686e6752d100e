//! What is tagged stays readable, whatever becomes of the history around it.

use super::{compacted, keeps, names, read_or_pruned};
use crate::case::{Case, cases};
use crate::fixture::{Failure, Store, Verdict, b, refuses};
use kv_api::{Error, Version};

pub(super) fn cases() -> Vec<Case> {
    cases![
        tagged_versions_outlive_compactions,
        a_tag_between_two_commits_of_a_key,
        deleted_keys_are_there_at_the_tag_from_before,
        one_tag_goes_and_the_others_keep_theirs,
        two_tags_of_a_version_keep_it_until_both_are_gone,
        a_removed_tag_keeps_nothing,
        what_is_gone_cannot_be_tagged,
        tags_are_exact_beside_writes_and_maintenance,
    ]
}

pub(super) fn erasing_cases() -> Vec<Case> {
    cases![what_is_erased_is_erased_at_tags_too]
}

/// Commits that overwrite and delete, the state behind each, and each third of them tagged with its number.
async fn history(store: &Store, commits: usize) -> Result<Vec<(Version, String)>, Failure> {
    let mut states = Vec::new();
    for n in 0..commits {
        let version = store.commit(&format!("a={n} k{}={n} -k{} n{n:02}=1", n % 5, (n + 2) % 5)).await?;
        states.push((version, store.all().await?));
        if n % 3 == 0 {
            store.db().tag(&format!("t{n}"), None).await?;
        }
        if n % 4 == 3 {
            compacted(store).await?;
        }
    }
    Ok(states)
}

/// Asserts that tagged versions read as they were, and others too where they are retained.
async fn are_whole(store: &Store, states: &[(Version, String)]) -> Verdict {
    for (n, (version, expected)) in states.iter().enumerate() {
        match read_or_pruned(store, *version).await? {
            Some(found) => assert_eq!(found, *expected, "at {version}, commit {n}"),
            None => assert!(n % 3 != 0, "commit {n} is tagged and said to be gone"),
        }
    }
    Ok(())
}

async fn tagged_versions_outlive_compactions(store: Store) -> Verdict {
    let states = history(&store, 17).await?;
    are_whole(&store, &states).await?;
    for _ in 0..3 {
        compacted(&store).await?;
        are_whole(&store, &states).await?;
    }
    // Point reads as well.
    let tx = store.read().await?;
    for n in (0..17).step_by(3) {
        let version = store.db().tagged(&format!("t{n}")).await?;
        assert_eq!(version, states[n].0);
        assert_eq!(tx.get(b"a", Some(version)).await?, Some(b(&n.to_string())));
        assert_eq!(tx.get(format!("n{:02}", n + 1).as_bytes(), Some(version)).await?, None);
    }
    Ok(())
}

/// The tag's version is that of no commit of the key.
async fn a_tag_between_two_commits_of_a_key(store: Store) -> Verdict {
    store.commit("a=1 b=1").await?;
    store.commit("c=1").await?;
    store.db().tag("between", None).await?;
    store.commit("c=2").await?;
    store.commit("a=2 -b").await?;
    compacted(&store).await?;
    store.commit("a=3 b=3 c=3").await?;
    compacted(&store).await?;
    keeps(&store, "between", "a=1 b=1 c=1").await
}

async fn deleted_keys_are_there_at_the_tag_from_before(store: Store) -> Verdict {
    store.commit("a=1 b=1 c=1").await?;
    store.db().tag("all", None).await?;
    store.commit("-a -b").await?;
    store.db().tag("one", None).await?;
    compacted(&store).await?;
    store.commit("-c").await?;
    compacted(&store).await?;
    store.commit("a=2").await?;
    compacted(&store).await?;
    keeps(&store, "all", "a=1 b=1 c=1").await?;
    keeps(&store, "one", "c=1").await
}

async fn one_tag_goes_and_the_others_keep_theirs(store: Store) -> Verdict {
    for n in 0..6 {
        store.commit(&format!("a={n} -k{} k{n}=1", n - 1)).await?;
        store.db().tag(&format!("t{n}"), None).await?;
    }
    store.commit("a=end -k5").await?;
    compacted(&store).await?;
    for gone in [2, 5, 0] {
        store.db().untag(&format!("t{gone}")).await?;
        compacted(&store).await?;
        for name in names(&store).await? {
            let n = &name[1..];
            keeps(&store, &name, &format!("a={n} k{n}=1")).await?;
        }
    }
    assert_eq!(names(&store).await?, ["t1", "t3", "t4"]);
    Ok(())
}

async fn two_tags_of_a_version_keep_it_until_both_are_gone(store: Store) -> Verdict {
    store.commit("a=1").await?;
    store.db().tag("one", None).await?;
    store.db().tag("two", None).await?;
    store.commit("a=2").await?;
    store.commit("a=3").await?;
    compacted(&store).await?;
    store.db().untag("one").await?;
    compacted(&store).await?;
    keeps(&store, "two", "a=1").await
}

/// Where a store has pruned what is newer, it has no reason to keep what is older and not tagged any more.
async fn a_removed_tag_keeps_nothing(store: Store) -> Verdict {
    let tagged = store.commit("a=1 b=1").await?;
    store.db().tag("old", None).await?;
    let later = store.commit("a=2 -b").await?;
    store.commit("a=3").await?;
    compacted(&store).await?;
    keeps(&store, "old", "a=1 b=1").await?;
    let prunes = read_or_pruned(&store, later).await?.is_none();
    assert_eq!(store.db().untag("old").await?, tagged);
    compacted(&store).await?;
    match read_or_pruned(&store, tagged).await? {
        Some(found) => {
            assert_eq!(found, "a=1 b=1");
            assert!(!prunes, "{later} is gone, and {tagged} is still kept");
        }
        None => refuses!(store.db().tag("again", Some(tagged)).await, VersionNotRetained),
    }
    Ok(())
}

async fn what_is_gone_cannot_be_tagged(store: Store) -> Verdict {
    let mut versions = Vec::new();
    for n in 0..5 {
        versions.push(store.commit(&format!("a={n}")).await?);
    }
    compacted(&store).await?;
    for (n, version) in versions.into_iter().enumerate() {
        let name = format!("t{n}");
        match (read_or_pruned(&store, version).await?, store.db().tag(&name, Some(version)).await) {
            (Some(_), tagged) => {
                assert_eq!(tagged?, version);
                keeps(&store, &name, &format!("a={n}")).await?;
            }
            (None, Err(Error::VersionNotRetained { requested, oldest })) => {
                assert!(requested == version && version < oldest, "{requested}, {oldest}");
            }
            (None, other) => panic!("{version} is gone, and tagging it gives {other:?}"),
        }
    }
    Ok(())
}

async fn tags_are_exact_beside_writes_and_maintenance(store: Store) -> Verdict {
    let maintenance = store.maintain();
    let mut tagged = Vec::new();
    for n in 0..12 {
        for i in 0..8 {
            store.commit(&format!("a={n}.{i} k{i}={n} -k{}", (i + n) % 8)).await?;
        }
        let name = format!("t{n}");
        let version = store.db().tag(&name, None).await?;
        tagged.push((name, store.read().await?.all_at(version).await?));
        if n % 5 == 4 {
            let (name, _) = tagged.remove(n / 5);
            store.db().untag(&name).await?;
        }
    }
    maintenance.end().await?;
    compacted(&store).await?;
    for (name, expected) in tagged {
        keeps(&store, &name, &expected).await?;
    }
    Ok(())
}

async fn what_is_erased_is_erased_at_tags_too(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    store.db().tag("before", None).await?;
    store.given("a=2").await?;
    let tx = store.write().await?;
    tx.clr(b("a")).await?;
    tx.commit().await?;
    keeps(&store, "before", "b=1").await?;
    for round in 0..2 {
        compacted(&store).await?;
        store.commit(&format!("c={round}")).await?;
        keeps(&store, "before", "b=1").await?;
    }
    let version = store.db().tagged("before").await?;
    assert_eq!(store.read().await?.get(b"a", Some(version)).await?, None);
    Ok(())
}
