//! What is declared is reported, and what is not declared is refused.

use crate::case::{Need, Suite, cases};
use crate::fixture::{Store, Verdict, b, refuses};
use kv_api::{ChangeFilter, Figure, FigureKind, KeyRange, ScanLimit, TransactionOptions};
use std::collections::BTreeSet;

pub(crate) fn suite() -> Suite {
    Suite::new(
        "capabilities",
        cases![
            the_declared_ones_are_reported,
            both_kinds_name_the_backend,
            figures_are_described,
            a_refresh_of_the_store_itself_does_nothing,
        ],
    )
    .needing(Need::NoVersions, cases![versioned_reads_are_refused, versions_are_refused])
    .needing(Need::NoSerializable, cases![serializable_transactions_are_refused])
    .needing(Need::Serializable, cases![serializable_transactions_begin])
    .needing(Need::NoReadChecks, cases![getu_is_refused])
    .needing(Need::ReadChecks, cases![getu_answers])
    .needing(Need::NoChangeFeed, cases![changes_are_refused])
    .needing(Need::ChangeFeed, cases![changes_are_answered])
    .needing(Need::NoSafeTimestamps, cases![safe_timestamps_are_refused])
    .needing(Need::SafeTimestamps, cases![safe_timestamps_are_answered])
    .needing(Need::NoTags, cases![tags_are_refused])
    .needing(Need::Tags, cases![tags_are_answered])
    .needing(Need::NoBranches, cases![branches_are_refused])
    .needing(Need::Branches, cases![branches_are_answered])
    .needing(Need::NoReaders, cases![readers_are_refused])
    .needing(Need::Readers, cases![readers_are_answered])
}

async fn the_declared_ones_are_reported(store: Store) -> Verdict {
    assert_eq!(store.db().capabilities(), *store.declared());
    Ok(())
}

async fn both_kinds_name_the_backend(store: Store) -> Verdict {
    assert!(!store.db().kind().is_empty());
    assert_eq!(store.read().await?.kind(), store.db().kind());
    Ok(())
}

async fn figures_are_described(store: Store) -> Verdict {
    let before = store.db().statistics().figures;
    let mut names = BTreeSet::new();
    for Figure { name, unit, description, .. } in &before {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(!name.is_empty() && name.chars().all(is_name), "'{name}' is no name");
        assert!(names.insert(*name), "'{name}' is there twice");
        assert!(!unit.is_empty() && unit.chars().all(|c| c.is_ascii_lowercase()), "{name}: '{unit}' is no unit");
        assert!(description.len() > 10 && !description.ends_with('.'), "{name}: '{description}'");
        assert!(!name.contains("bytes") || *unit == "bytes", "{name} is in {unit}");
    }
    for n in 0..10 {
        store.commit(&format!("a={n}")).await?;
    }
    store.db().flush().await?;
    let after = store.db().statistics();
    for figure in before {
        let now = after.get(figure.name);
        let Some(now) = now else { panic!("{} is gone", figure.name) };
        assert!(figure.kind == FigureKind::Gauge || now >= figure.value, "{} has fallen to {now}", figure.name);
    }
    Ok(())
}

async fn a_refresh_of_the_store_itself_does_nothing(store: Store) -> Verdict {
    for script in ["a=1", "a=2 b=1"] {
        let version = store.commit(script).await?;
        assert_eq!(store.db().refresh().await?, version);
    }
    store.holds("a=2 b=1").await?;
    Ok(())
}

async fn versioned_reads_are_refused(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    let (all, limit, at) = (KeyRange::all(), ScanLimit::Count(1), Some(1));
    refuses!(tx.get(b"a", at).await, UnsupportedVersionedQueries);
    refuses!(tx.exists(b"a", at).await, UnsupportedVersionedQueries);
    refuses!(tx.keys(all.clone(), limit, 0, at).await, UnsupportedVersionedQueries);
    refuses!(tx.keysr(all.clone(), limit, 0, at).await, UnsupportedVersionedQueries);
    refuses!(tx.scan(all.clone(), limit, 0, at).await, UnsupportedVersionedQueries);
    refuses!(tx.scanr(all.clone(), limit, 0, at).await, UnsupportedVersionedQueries);
    refuses!(tx.getm(vec![b("a")], at).await, UnsupportedVersionedQueries);
    refuses!(tx.getm(vec![], at).await, UnsupportedVersionedQueries);
    refuses!(tx.getp(b("a"), at).await, UnsupportedVersionedQueries);
    refuses!(tx.getr(all.clone(), at).await, UnsupportedVersionedQueries);
    refuses!(tx.count(all.clone(), at).await, UnsupportedVersionedQueries);
    refuses!(tx.batch_keys(all.clone(), 1, at).await, UnsupportedVersionedQueries);
    refuses!(tx.batch_keys_vals(all.clone(), 1, at).await, UnsupportedVersionedQueries);
    refuses!(tx.batch_arrow(all, 1, at).await, UnsupportedVersionedQueries);
    assert_eq!(tx.val("a").await?, "1", "the transaction goes on");
    Ok(())
}

async fn versions_are_refused(store: Store) -> Verdict {
    refuses!(store.db().current_version().await, UnsupportedVersionedQueries);
    let tx = store.write().await?;
    tx.give("a", "1").await?;
    tx.commit().await?;
    assert_eq!(tx.commit_version(), None);
    refuses!(store.db().current_version().await, UnsupportedVersionedQueries);
    Ok(())
}

async fn serializable_transactions_are_refused(store: Store) -> Verdict {
    let db = store.db();
    refuses!(db.begin(TransactionOptions::write().serializable()).await.map(drop), Unsupported);
    refuses!(db.begin(TransactionOptions::read().serializable()).await.map(drop), Unsupported);
    Ok(())
}

async fn serializable_transactions_begin(store: Store) -> Verdict {
    store.given("a=1").await?;
    assert_eq!(store.serializable().await?.val("a").await?, "1");
    assert_eq!(store.begin(TransactionOptions::read().serializable()).await?.val("a").await?, "1");
    Ok(())
}

async fn getu_is_refused(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    refuses!(tx.getu(b"a").await, Unsupported);
    assert_eq!(tx.val("a").await?, "1", "the transaction goes on");
    refuses!(store.read().await?.getu(b"a").await, TransactionReadonly);
    tx.cancel().await?;
    refuses!(tx.getu(b"a").await, TransactionFinished);
    Ok(())
}

async fn getu_answers(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    assert_eq!(tx.getu(b"a").await?, Some(b("1")));
    assert_eq!(tx.getu(b"b").await?, None);
    tx.apply("-a b=2").await?;
    assert_eq!(tx.getu(b"a").await?, None, "own writes first");
    assert_eq!(tx.getu(b"b").await?, Some(b("2")), "own writes first");
    tx.commit().await?;
    refuses!(tx.getu(b"a").await, TransactionFinished);
    Ok(())
}

async fn changes_are_refused(store: Store) -> Verdict {
    refuses!(store.db().changes(0, ChangeFilter::default()).await.map(drop), Unsupported);
    refuses!(store.db().changes_until(0, 1, ChangeFilter::default()).await.map(drop), Unsupported);
    Ok(())
}

async fn changes_are_answered(store: Store) -> Verdict {
    let version = store.commit("a=1").await?;
    store.changes(0, ..).await?.gives(version, "a=1").await?;
    Ok(())
}

async fn safe_timestamps_are_refused(store: Store) -> Verdict {
    let tx = store.read().await?;
    refuses!(tx.safe_timestamp().await, Unsupported);
    tx.cancel().await?;
    refuses!(tx.safe_timestamp().await, TransactionFinished);
    Ok(())
}

async fn safe_timestamps_are_answered(store: Store) -> Verdict {
    store.given("a=1").await?;
    for tx in [store.read().await?, store.write().await?] {
        assert!(tx.safe_timestamp().await? > 0);
        tx.cancel().await?;
        refuses!(tx.safe_timestamp().await, TransactionFinished);
    }
    Ok(())
}

async fn tags_are_refused(store: Store) -> Verdict {
    store.given("a=1").await?;
    let db = store.db();
    refuses!(db.tag("a", None).await, Unsupported);
    refuses!(db.tag("no name", Some(0)).await, Unsupported);
    refuses!(db.untag("a").await, Unsupported);
    refuses!(db.tags().await, Unsupported);
    refuses!(db.tagged("a").await, Unsupported);
    Ok(())
}

async fn tags_are_answered(store: Store) -> Verdict {
    let version = store.given("a=1").await?;
    assert_eq!(store.db().tag("a", None).await?, version);
    assert_eq!(store.db().tagged("a").await?, version);
    assert_eq!(store.db().untag("a").await?, version);
    assert_eq!(store.db().tags().await?, []);
    Ok(())
}

async fn branches_are_refused(store: Store) -> Verdict {
    store.given("a=1").await?;
    refuses!(store.branch(None).await.map(drop), Unsupported);
    store.holds("a=1").await?;
    Ok(())
}

async fn branches_are_answered(store: Store) -> Verdict {
    store.given("a=1").await?;
    store.branch(None).await?.holds("a=1").await?;
    Ok(())
}

async fn readers_are_refused(store: Store) -> Verdict {
    store.given("a=1").await?;
    refuses!(store.reader().await.map(drop), Unsupported);
    store.holds("a=1").await?;
    Ok(())
}

async fn readers_are_answered(store: Store) -> Verdict {
    store.commit("a=1").await?;
    store.db().flush().await?;
    assert_eq!(store.reader().await?.all().await?, "a=1");
    Ok(())
}
