//! Branches: they begin with what the store has, and neither ever changes the other.

use crate::case::{Case, Need, Suite, cases};
use crate::fixture::{Failure, Store, Verdict, refuses};
use kv_api::{ChangeFilter, Error};

pub(crate) fn suite() -> Suite {
    let needing = |need, mut cases: Vec<Case>| {
        cases.iter_mut().for_each(|case| case.needs.push(need));
        cases
    };
    Suite::new("branches", Vec::new())
        .needing(
            Need::Branches,
            cases![
                a_branch_begins_with_what_was_committed,
                what_either_writes_the_other_has_not,
                an_open_transaction_is_no_part_of_a_branch,
                commits_of_a_branch_conflict_with_its_own_alone,
                a_branch_can_be_branched,
                either_goes_on_without_the_other,
                a_branch_is_one_state_among_writers,
                a_store_without_a_commit_has_branches_too,
                a_closed_store_has_no_branches,
            ],
        )
        .needing(
            Need::Branches,
            needing(Need::Versions, cases![a_branch_has_the_past_of_its_origin, versions_of_a_branch_go_on]),
        )
        .needing(
            Need::Branches,
            needing(Need::Tags, cases![a_branch_has_no_tags, a_branch_begins_at_a_tag, a_missing_tag_is_named]),
        )
        .needing(Need::Branches, needing(Need::ChangeFeed, cases![a_feed_of_a_branch_is_its_own]))
}

async fn a_branch_begins_with_what_was_committed(store: Store) -> Verdict {
    store.given("a=1 b=1 c=1").await?;
    store.given("a=2 -b").await?;
    store.given("d=3 -c").await?;
    let branch = store.branch(None).await?;
    branch.holds("a=2 d=3").await?;
    branch.db().flush().await?;
    branch.db().compact().await?;
    branch.holds("a=2 d=3").await?;
    store.holds("a=2 d=3").await?;
    Ok(())
}

async fn what_either_writes_the_other_has_not(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let branch = store.branch(None).await?;
    store.given("a=2 c=2").await?;
    branch.given("-b d=3").await?;
    for of in [&store, &branch] {
        store.holds("a=2 b=1 c=2").await?;
        branch.holds("a=1 d=3").await?;
        of.db().flush().await?;
        of.db().compact().await?;
    }
    store.holds("a=2 b=1 c=2").await?;
    branch.holds("a=1 d=3").await?;
    Ok(())
}

async fn an_open_transaction_is_no_part_of_a_branch(store: Store) -> Verdict {
    store.commit("a=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 b=2").await?;
    let branch = store.branch(None).await?;
    tx.commit().await?;
    assert_eq!(branch.all().await?, "a=1");
    assert_eq!(store.all().await?, "a=2 b=2");
    branch.holds("a=1").await?;
    Ok(())
}

/// The first of two concurrent writers of a key wins in its own store.
async fn commits_of_a_branch_conflict_with_its_own_alone(store: Store) -> Verdict {
    store.given("a=1").await?;
    let branch = store.branch(None).await?;
    let (here, there, late) = (store.write().await?, branch.write().await?, branch.write().await?);
    here.apply("a=2").await?;
    there.apply("a=3").await?;
    late.apply("a=4").await?;
    here.commit().await?;
    there.commit().await?;
    refuses!(late.commit().await, TransactionConflict);
    store.holds("a=2").await?;
    branch.holds("a=3").await?;
    Ok(())
}

async fn a_branch_can_be_branched(store: Store) -> Verdict {
    store.given("a=1").await?;
    let first = store.branch(None).await?;
    first.given("b=2").await?;
    let second = first.branch(None).await?;
    second.given("-a c=3").await?;
    first.given("b=4").await?;
    store.holds("a=1").await?;
    first.holds("a=1 b=4").await?;
    second.holds("b=2 c=3").await?;
    Ok(())
}

async fn either_goes_on_without_the_other(store: Store) -> Verdict {
    store.given("a=1").await?;
    let (kept, ended) = (store.branch(None).await?, store.branch(None).await?);
    ended.db().shutdown().await?;
    refuses!(ended.read().await.map(drop), StoreClosed);
    drop(ended);
    store.given("b=2").await?;
    store.holds("a=1 b=2").await?;
    store.db().shutdown().await?;
    kept.given("c=3").await?;
    kept.holds("a=1 c=3").await?;
    Ok(())
}

/// Of writers that move a sum about, each branch has it whole, and what was acknowledged before it.
async fn a_branch_is_one_state_among_writers(store: Store) -> Verdict {
    store.given("a=500 b=500").await?;
    let number = |rows: &str, key: &str| -> i64 {
        let row = rows.split(' ').find_map(|row| row.strip_prefix(key)?.strip_prefix('='));
        row.and_then(|val| val.parse().ok()).unwrap_or(i64::MIN)
    };
    let writer = async {
        for moved in 1..=60 {
            store.commit(&format!("a={} b={} n={moved}", 500 - moved, 500 + moved)).await?;
            tokio::task::yield_now().await;
        }
        Ok::<_, Failure>(())
    };
    let brancher = async {
        for _ in 0..6 {
            let before = number(&store.all().await?, "n");
            let rows = store.branch(None).await?.all().await?;
            let (a, b) = (number(&rows, "a"), number(&rows, "b"));
            assert_eq!(a + b, 1000, "{rows}");
            assert!(number(&rows, "n") >= before, "{rows}: {before} had been committed");
            tokio::task::yield_now().await;
        }
        Ok::<_, Failure>(())
    };
    let (written, branched) = futures::join!(writer, brancher);
    written.and(branched)
}

async fn a_store_without_a_commit_has_branches_too(store: Store) -> Verdict {
    let branch = store.branch(None).await?;
    branch.holds("").await?;
    branch.given("a=1").await?;
    branch.holds("a=1").await?;
    store.holds("").await?;
    Ok(())
}

async fn a_closed_store_has_no_branches(store: Store) -> Verdict {
    store.given("a=1").await?;
    store.db().shutdown().await?;
    refuses!(store.branch(None).await.map(drop), StoreClosed);
    Ok(())
}

async fn a_branch_has_the_past_of_its_origin(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    let second = store.given("a=2 -b").await?;
    store.given("a=3").await?;
    let expected = async |of: &Store| {
        let tx = of.read().await?;
        Ok::<_, Failure>((tx.all_at(first).await?, tx.all_at(second).await?))
    };
    // A store may have pruned by then what it need not retain.
    let of_origin = expected(&store).await;
    let branch = store.branch(None).await?;
    if let Ok(of_origin) = of_origin {
        assert_eq!(expected(&branch).await?, of_origin);
        assert_eq!(of_origin, ("a=1 b=1".to_owned(), "a=2".to_owned()));
    }
    Ok(())
}

async fn versions_of_a_branch_go_on(store: Store) -> Verdict {
    store.given("a=1").await?;
    let begun = store.given("a=2").await?;
    let branch = store.branch(None).await?;
    assert_eq!(branch.version().await?, begun);
    let next = branch.given("a=3").await?;
    assert!(next > begun, "{next} comes after {begun}");
    assert_eq!(branch.read().await?.all_at(begun).await?, "a=2");
    assert_eq!(store.version().await?, begun);
    Ok(())
}

async fn a_branch_has_no_tags(store: Store) -> Verdict {
    store.given("a=1").await?;
    store.db().tag("ours", None).await?;
    let branch = store.branch(None).await?;
    assert_eq!(branch.db().tags().await?, []);
    branch.given("a=2").await?;
    let version = branch.db().tag("ours", None).await?;
    assert_eq!(branch.db().tagged("ours").await?, version);
    assert_ne!(store.db().tagged("ours").await?, version);
    Ok(())
}

async fn a_branch_begins_at_a_tag(store: Store) -> Verdict {
    store.given("a=1 b=1 c=1").await?;
    store.given("a=2 -c").await?;
    let tagged = store.db().tag("then", None).await?;
    store.given("a=3 c=3 -b").await?;
    let branch = store.branch(Some("then")).await?;
    branch.holds("a=2 b=1").await?;
    assert_eq!(branch.version().await?, tagged);
    assert_eq!(branch.read().await?.all_at(tagged).await?, "a=2 b=1");
    assert!(branch.given("b=4").await? > tagged);
    branch.holds("a=2 b=4").await?;
    store.holds("a=3 c=3").await?;
    // Where the tag goes, the branch stays.
    store.db().untag("then").await?;
    store.db().compact().await?;
    branch.holds("a=2 b=4").await?;
    Ok(())
}

async fn a_missing_tag_is_named(store: Store) -> Verdict {
    store.given("a=1").await?;
    let missing = store.branch(Some("missing")).await.map(drop);
    assert!(matches!(&missing, Err(Error::TagNotFound { name }) if name == "missing"), "{missing:?}");
    Ok(())
}

async fn a_feed_of_a_branch_is_its_own(store: Store) -> Verdict {
    let begun = store.given("a=1").await?;
    let branch = store.branch(None).await?;
    let mut feed = branch.db().changes(begun, ChangeFilter::default()).await?;
    store.given("b=2").await?;
    branch.commit("c=3").await?;
    let batch = feed.next().await?;
    let keys = batch.as_ref().and_then(|batch| batch.column_by_name("key").cloned());
    let keys = keys.map(|keys| {
        arrow_array::cast::AsArray::as_binary::<i32>(&keys).iter().flatten().map(<[u8]>::to_vec).collect::<Vec<_>>()
    });
    assert_eq!(keys, Some(vec![b"c".to_vec()]));
    drop(feed);
    branch.db().shutdown().await?;
    Ok(())
}
