//! `clr*`: what `del*` does, and, where that is declared, the history of the key as well.

use crate::case::{Need, Suite, cases};
use crate::fixture::{Store, Verdict, b};
use kv_api::KeyRange;

pub(crate) fn suite() -> Suite {
    Suite::new("erasing", cases![cleared_keys_are_gone, a_cancelled_clear_does_nothing])
        .needing(Need::Erasing, {
            let mut erasing = cases![
                clr_hides_older_versions,
                clrc_hides_older_versions,
                range_clears_hide_older_versions,
                an_earlier_snapshot_keeps_its_history,
                versions_after_the_clear_are_there,
            ];
            erasing.iter_mut().for_each(|case| case.needs.push(Need::Versions));
            erasing
        })
        .needing(Need::NoErasing, {
            let mut keeping = cases![clears_keep_older_versions];
            keeping.iter_mut().for_each(|case| case.needs.push(Need::Versions));
            keeping
        })
}

async fn cleared_keys_are_gone(store: Store) -> Verdict {
    store.given("a=1 b=1 ba=1 c=1 d=1 e=1").await?;
    let tx = store.write().await?;
    tx.clr(b("a")).await?;
    tx.clrp(b("b")).await?;
    tx.clrr(("d".."e").into()).await?;
    tx.commit().await?;
    store.holds("c=1 e=1").await?;
    Ok(())
}

async fn a_cancelled_clear_does_nothing(store: Store) -> Verdict {
    let version = store.given("a=1").await?;
    let tx = store.write().await?;
    tx.new_save_point().await?;
    tx.clr(b("a")).await?;
    tx.rollback_to_save_point().await?;
    tx.commit().await?;
    let tx = store.write().await?;
    tx.clr(b("a")).await?;
    tx.cancel().await?;
    store.holds("a=1").await?;
    if store.declared().versioned_reads {
        assert_eq!(store.read().await?.val_at("a", version).await?, "1");
    }
    Ok(())
}

async fn clr_hides_older_versions(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    let second = store.given("a=2").await?;
    let tx = store.write().await?;
    tx.clr(b("a")).await?;
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    assert_eq!((tx.all_at(first).await?, tx.all_at(second).await?), ("b=1".into(), "b=1".into()));
    assert_eq!(tx.val_at("a", second).await?, "-");
    Ok(())
}

async fn clrc_hides_older_versions(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.clrc(b("a"), Some(b("1"))).await?;
    tx.commit().await?;
    store.settle().await?;
    assert_eq!(store.read().await?.all_at(first).await?, "b=1");
    Ok(())
}

async fn range_clears_hide_older_versions(store: Store) -> Verdict {
    let first = store.given("a=1 b=1 ba=1 c=1 d=1").await?;
    let tx = store.write().await?;
    tx.clrp(b("b")).await?;
    tx.clrr(KeyRange::single("d")).await?;
    tx.commit().await?;
    store.settle().await?;
    assert_eq!(store.read().await?.all_at(first).await?, "a=1 c=1");
    Ok(())
}

async fn an_earlier_snapshot_keeps_its_history(store: Store) -> Verdict {
    let first = store.given("a=1").await?;
    let before = store.read().await?;
    let tx = store.write().await?;
    tx.clr(b("a")).await?;
    tx.commit().await?;
    assert_eq!(before.val("a").await?, "1");
    assert_eq!(before.val_at("a", first).await?, "1");
    Ok(())
}

async fn versions_after_the_clear_are_there(store: Store) -> Verdict {
    let first = store.given("a=1").await?;
    let tx = store.write().await?;
    tx.clr(b("a")).await?;
    tx.commit().await?;
    let third = store.given("a=3").await?;
    store.given("a=4").await?;
    let tx = store.read().await?;
    assert_eq!((tx.val_at("a", first).await?, tx.val_at("a", third).await?), ("-".into(), "3".into()));
    store.holds("a=4").await?;
    Ok(())
}

async fn clears_keep_older_versions(store: Store) -> Verdict {
    let first = store.given("a=1 b=1 c=1").await?;
    let tx = store.write().await?;
    tx.clr(b("a")).await?;
    tx.clrp(b("b")).await?;
    tx.clrc(b("c"), Some(b("1"))).await?;
    tx.commit().await?;
    store.settle().await?;
    assert_eq!(store.read().await?.all_at(first).await?, "a=1 b=1 c=1");
    store.holds("").await?;
    Ok(())
}
