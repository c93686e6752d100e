//! Shutting down, dropping and opening again.

use crate::case::{Need, Suite, cases};
use crate::fixture::{Store, Verdict, b, filled, refuses};
use kv_api::TransactionOptions;

pub(crate) fn suite() -> Suite {
    Suite::new(
        "persistence",
        cases![
            no_transaction_begins_after_a_shutdown,
            a_second_shutdown_does_nothing,
            a_transaction_open_across_a_shutdown_cannot_commit,
        ],
    )
    .needing(
        Need::Persistent,
        cases![
            commits_are_there_after_a_shutdown,
            commits_are_there_after_a_drop,
            overwrites_and_deletes_are_there,
            uncommitted_writes_are_not_there,
            an_empty_store_opens_again,
            a_flushed_store_opens_again,
            a_store_opens_many_times,
            large_values_are_there,
            a_transaction_open_across_a_shutdown_is_gone,
            the_files_are_free_after_a_shutdown,
        ],
    )
    .needing(Need::Versions, {
        let mut versioned = cases![versions_increase_across_a_reopen, history_is_there_after_a_reopen];
        versioned.iter_mut().for_each(|case| case.needs.push(Need::Persistent));
        versioned
    })
}

async fn no_transaction_begins_after_a_shutdown(store: Store) -> Verdict {
    store.given("a=1").await?;
    let db = store.db();
    db.shutdown().await?;
    refuses!(db.begin(TransactionOptions::read()).await.map(drop), StoreClosed);
    refuses!(db.begin(TransactionOptions::write()).await.map(drop), StoreClosed);
    Ok(())
}

async fn a_second_shutdown_does_nothing(store: Store) -> Verdict {
    store.given("a=1").await?;
    for _ in 0..3 {
        store.db().shutdown().await?;
    }
    Ok(())
}

async fn a_transaction_open_across_a_shutdown_cannot_commit(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.give("a", "1").await?;
    store.db().shutdown().await?;
    assert!(tx.commit().await.is_err());
    assert!(tx.closed());
    Ok(())
}

async fn commits_are_there_after_a_shutdown(store: Store) -> Verdict {
    store.commit("=0 a=1 b=").await?;
    store.reopen().await?;
    assert_eq!(store.all().await?, "=0 a=1 b=");
    store.commit("c=3").await?;
    store.reopen().await?;
    assert_eq!(store.all().await?, "=0 a=1 b= c=3");
    Ok(())
}

async fn commits_are_there_after_a_drop(store: Store) -> Verdict {
    store.commit("a=1 b=1").await?;
    store.commit("b=2 c=2").await?;
    store.drop_and_open().await?;
    assert_eq!(store.all().await?, "a=1 b=2 c=2");
    store.commit("-a").await?;
    store.drop_and_open().await?;
    assert_eq!(store.all().await?, "b=2 c=2");
    Ok(())
}

async fn overwrites_and_deletes_are_there(store: Store) -> Verdict {
    store.commit("a=1 b=1 c=1").await?;
    store.reopen().await?;
    store.commit("a=2 -b").await?;
    store.db().flush().await?;
    store.commit("-c d=2").await?;
    store.reopen().await?;
    assert_eq!(store.all().await?, "a=2 d=2");
    store.db().compact().await?;
    store.reopen().await?;
    assert_eq!(store.all().await?, "a=2 d=2");
    Ok(())
}

async fn uncommitted_writes_are_not_there(store: Store) -> Verdict {
    store.commit("a=1").await?;
    let (dropped, cancelled) = (store.write().await?, store.write().await?);
    dropped.apply("a=2 b=2").await?;
    cancelled.apply("-a c=3").await?;
    cancelled.cancel().await?;
    drop((dropped, cancelled));
    store.reopen().await?;
    assert_eq!(store.all().await?, "a=1");
    Ok(())
}

async fn an_empty_store_opens_again(store: Store) -> Verdict {
    store.reopen().await?;
    store.drop_and_open().await?;
    assert_eq!(store.all().await?, "");
    store.commit("a=1").await?;
    assert_eq!(store.all().await?, "a=1");
    Ok(())
}

async fn a_flushed_store_opens_again(store: Store) -> Verdict {
    store.commit("a=1").await?;
    store.db().flush().await?;
    store.reopen().await?;
    store.commit("b=2").await?;
    store.db().flush().await?;
    store.commit("c=3").await?;
    store.drop_and_open().await?;
    assert_eq!(store.all().await?, "a=1 b=2 c=3");
    Ok(())
}

async fn a_store_opens_many_times(store: Store) -> Verdict {
    let mut expected = Vec::new();
    for n in 0..10 {
        store.commit(&format!("k{n}={n}")).await?;
        expected.push(format!("k{n}={n}"));
        match n % 2 {
            0 => store.reopen().await?,
            _ => store.drop_and_open().await?,
        }
        assert_eq!(store.all().await?, expected.join(" "));
    }
    Ok(())
}

async fn large_values_are_there(store: Store) -> Verdict {
    let tx = store.write().await?;
    for n in 0..4 {
        tx.set(b(&format!("k{n}")), filled(1 << 20, n)).await?;
    }
    tx.commit().await?;
    store.reopen().await?;
    let tx = store.read().await?;
    for n in 0..4 {
        assert!(tx.get(format!("k{n}").as_bytes(), None).await? == Some(filled(1 << 20, n)), "{n}");
    }
    Ok(())
}

async fn a_transaction_open_across_a_shutdown_is_gone(store: Store) -> Verdict {
    store.commit("a=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 b=2").await?;
    store.reopen().await?;
    assert!(tx.commit().await.is_err());
    assert_eq!(store.all().await?, "a=1");
    store.commit("c=3").await?;
    store.reopen().await?;
    assert_eq!(store.all().await?, "a=1 c=3");
    Ok(())
}

async fn the_files_are_free_after_a_shutdown(store: Store) -> Verdict {
    store.commit("a=1").await?;
    let held = store.db();
    let reader = store.read().await?;
    store.reopen().await?;
    assert_eq!(store.all().await?, "a=1");
    drop((held, reader));
    store.commit("b=2").await?;
    assert_eq!(store.all().await?, "a=1 b=2");
    Ok(())
}

async fn versions_increase_across_a_reopen(store: Store) -> Verdict {
    let mut last = 0;
    for n in 0..8 {
        let version = store.commit(&format!("a={n}")).await?;
        assert!(version > last, "{version} after {last}");
        last = version;
        match n % 3 {
            0 => store.reopen().await?,
            1 => store.drop_and_open().await?,
            _ => store.db().flush().await?,
        }
        assert_eq!(store.version().await?, last);
    }
    Ok(())
}

async fn history_is_there_after_a_reopen(store: Store) -> Verdict {
    let mut history = Vec::new();
    for n in 0..4 {
        history.push((store.commit(&format!("a={n} k{n}=1 -k{}", (n + 2) % 5)).await?, store.all().await?));
        store.reopen().await?;
        let tx = store.read().await?;
        for (version, expected) in &history {
            assert_eq!(tx.all_at(*version).await?, *expected, "at {version}");
        }
    }
    Ok(())
}
