//! What a live query begins with.

use super::commit_all;
use crate::case::{Case, cases};
use crate::fixture::{Live, Store, Told, Verdict, b};
use kv_api::{KeyRange, TransactionOptions};
use kv_live::Contents;

pub(super) fn cases() -> Vec<Case> {
    cases![
        an_empty_store,
        a_snapshot_and_what_comes_after_it,
        a_snapshot_has_its_range_alone,
        a_snapshot_that_is_settled,
        a_large_snapshot_comes_in_pages,
        large_values_come_in_pages,
        keys_alone,
        a_snapshot_stays_what_it_was,
    ]
}

async fn an_empty_store(store: Store) -> Verdict {
    let live = store.live();
    let mut all = Live::begin(&live, ..).await?;
    all.begins_with("").await?;
    let version = store.commit("a=1").await?;
    all.gives(version, "+a=1").await?;
    Ok(())
}

async fn a_snapshot_and_what_comes_after_it(store: Store) -> Verdict {
    let given = commit_all(&store, ["a=1 b=1 c=1", "a=2 -b"]).await?;
    let live = store.live();
    let (mut all, mut read_late) = (Live::begin(&live, ..).await?, Live::begin(&live, ..).await?);
    assert_eq!(all.begins_with("a=2 c=1").await?, given[1].0);
    let version = store.commit("-a c=2 d=1").await?;
    all.gives(version, "-a=2 c=1>2 +d=1").await?;
    assert_eq!(read_late.begins_with("a=2 c=1").await?, given[1].0, "what came meanwhile comes after it");
    read_late.gives(version, "-a=2 c=1>2 +d=1").await?;
    Ok(())
}

async fn a_snapshot_has_its_range_alone(store: Store) -> Verdict {
    store.commit("a=1 b=1 ba=1 bb=1 c=1").await?;
    let live = store.live();
    for (range, rows) in [
        (KeyRange::prefix("b"), "b=1 ba=1 bb=1"),
        (KeyRange::from("ba".."bb"), "ba=1"),
        (KeyRange::single("b"), "b=1"),
        (KeyRange::from("bb"..), "bb=1 c=1"),
        (KeyRange::from(.."b"), "a=1"),
        (KeyRange::prefix("x"), ""),
    ] {
        Live::begin(&live, range).await?.begins_with(rows).await?;
    }
    Ok(())
}

async fn a_snapshot_that_is_settled(store: Store) -> Verdict {
    store.commit("a=1 b=1").await?;
    let version = store.given("-a b=2 c=1").await?;
    let mut all = Live::begin(&store.live(), ..).await?;
    assert_eq!(all.begins_with("b=2 c=1").await?, version);
    let version = store.commit("a=2 b=3").await?;
    all.gives(version, "+a=2 b=2>3").await?;
    Ok(())
}

async fn a_large_snapshot_comes_in_pages(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.setm((0..2500).map(|n| (b(&format!("k{n:04}")), b(&n.to_string()))).collect()).await?;
    tx.commit().await?;
    let mut all = Live::begin(&store.live(), ..).await?;
    let (rows, version) = all.snapshot().await?;
    assert_eq!(version, store.version().await?);
    assert!((0..2500).all(|n| rows.get(&b(&format!("k{n:04}"))) == Some(&Some(b(&n.to_string())))));
    assert_eq!(rows.len(), 2500);
    let version = store.commit("k0000=x").await?;
    all.gives(version, "k0000=0>x").await?;
    Ok(())
}

async fn large_values_come_in_pages(store: Store) -> Verdict {
    let tx = store.write().await?;
    for n in 0..20 {
        tx.set(b(&format!("k{n:02}")), vec![n; 100_000].into()).await?;
    }
    tx.commit().await?;
    let (rows, _) = Live::begin(&store.live(), ..).await?.snapshot().await?;
    assert!(rows.values().zip(0..).all(|(val, n)| *val == Some(vec![n; 100_000].into())));
    assert_eq!(rows.len(), 20);
    Ok(())
}

async fn keys_alone(store: Store) -> Verdict {
    store.commit("a=1 b=1").await?;
    let mut keys = Live::with(&store.live(), .., |query| query.contents(Contents::Keys)).await?;
    let (rows, _) = keys.snapshot().await?;
    assert_eq!(rows.into_iter().collect::<Vec<_>>(), [(b("a"), None), (b("b"), None)]);
    let version = store.commit("a=2 -b c=1").await?;
    keys.gives(version, "a -b c").await?;
    Ok(())
}

/// However long it takes to be read, and whatever a transaction begun later would see.
async fn a_snapshot_stays_what_it_was(store: Store) -> Verdict {
    let tx = store.begin(TransactionOptions::write()).await?;
    tx.setm((0..2100).map(|n| (b(&format!("k{n:04}")), b("old"))).collect()).await?;
    tx.commit().await?;
    let first = store.version().await?;
    let mut all = Live::begin(&store.live(), ..).await?;
    let mut given = Vec::new();
    let mut rows = 0;
    loop {
        match all.subscription().next().await? {
            kv_live::Update::Rows(page) => {
                assert!(page.iter().all(|row| row.val.as_deref() == Some(b"old")), "after {rows} rows");
                rows += page.len();
            }
            kv_live::Update::Current { version } => {
                assert_eq!((version, rows), (first, 2100));
                break;
            }
            other => panic!("{other:?} within the snapshot"),
        }
        let n = given.len();
        given.push((store.commit(&format!("k2099={n} -k1{n:03} z{n}=1")).await?, n));
    }
    for (version, n) in given {
        let old = if n == 0 { "old".into() } else { (n - 1).to_string() };
        let told = all.next().await?;
        let expected = format!("-k1{n:03}=old k2099={old}>{n} +z{n}=1");
        assert!(matches!(&told, Told::Commit(at, events) if (*at, events) == (version, &expected)), "{told:?}");
    }
    Ok(())
}
