//! Flush and compaction change nothing that is visible.

use crate::case::{Need, Suite, cases};
use crate::fixture::{Store, Verdict, b};
use kv_api::KeyRange;

pub(crate) fn suite() -> Suite {
    Suite::new(
        "maintenance",
        cases![
            a_flush_changes_nothing,
            a_flush_of_an_empty_store,
            a_compaction_changes_nothing,
            a_compaction_of_an_empty_store,
            flush_after_every_commit,
            deletes_stay_deleted_when_files_are_merged,
            old_values_do_not_come_back,
            own_writes_over_flushed_data,
            an_open_transaction_commits_after_a_flush,
            a_store_emptied_and_filled_again,
            flushes_and_compactions_at_once,
        ],
    )
    .needing(Need::Versions, cases![a_flush_keeps_the_version, history_is_right_or_refused_after_a_compaction])
}

async fn a_flush_changes_nothing(store: Store) -> Verdict {
    store.given("=0 a=1 b= c=3").await?;
    store.commit("b=2 -c").await?;
    let before = store.all().await?;
    store.db().flush().await?;
    assert_eq!(store.all().await?, before);
    store.db().flush().await?;
    store.holds("=0 a=1 b=2").await?;
    Ok(())
}

async fn a_flush_of_an_empty_store(store: Store) -> Verdict {
    store.db().flush().await?;
    store.db().flush().await?;
    store.holds("").await?;
    store.given("a=1").await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn a_compaction_changes_nothing(store: Store) -> Verdict {
    for n in 0..5 {
        store.commit(&format!("a={n} k{n}=1 -k{}", (n + 2) % 5)).await?;
        store.db().flush().await?;
    }
    let before = store.all().await?;
    store.db().compact().await?;
    assert_eq!(store.all().await?, before);
    store.db().compact().await?;
    store.holds(&before).await?;
    Ok(())
}

async fn a_compaction_of_an_empty_store(store: Store) -> Verdict {
    store.db().compact().await?;
    store.holds("").await?;
    store.given("a=1").await?;
    store.db().compact().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn flush_after_every_commit(store: Store) -> Verdict {
    let mut expected = Vec::new();
    for n in 0..12 {
        store.commit(&format!("a={n} k{n:02}={n}")).await?;
        store.db().flush().await?;
        expected.push(format!("k{n:02}={n}"));
        assert_eq!(store.all().await?, format!("a={n} {}", expected.join(" ")));
    }
    Ok(())
}

async fn deletes_stay_deleted_when_files_are_merged(store: Store) -> Verdict {
    store.commit("a=1 b=1 c=1").await?;
    store.db().flush().await?;
    store.commit("-b").await?;
    store.db().flush().await?;
    assert_eq!(store.all().await?, "a=1 c=1");
    store.db().compact().await?;
    assert_eq!(store.all().await?, "a=1 c=1");
    store.commit("d=1").await?;
    store.db().flush().await?;
    store.db().compact().await?;
    store.holds("a=1 c=1 d=1").await?;
    Ok(())
}

async fn old_values_do_not_come_back(store: Store) -> Verdict {
    for n in 0..6 {
        store.commit(&format!("a={n}")).await?;
        store.db().flush().await?;
    }
    store.commit("-a").await?;
    store.db().flush().await?;
    for _ in 0..3 {
        store.db().compact().await?;
        assert_eq!(store.read().await?.val("a").await?, "-");
    }
    store.holds("").await?;
    Ok(())
}

async fn own_writes_over_flushed_data(store: Store) -> Verdict {
    store.commit("a=1 b=1 c=1").await?;
    store.db().flush().await?;
    let tx = store.write().await?;
    tx.apply("-a b=2 d=2").await?;
    store.commit("e=3").await?;
    store.db().flush().await?;
    store.db().compact().await?;
    assert_eq!(tx.all().await?, "b=2 c=1 d=2");
    assert_eq!(tx.page_back(10, 0).await?, "d c b");
    tx.commit().await?;
    store.holds("b=2 c=1 d=2 e=3").await?;
    Ok(())
}

async fn an_open_transaction_commits_after_a_flush(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.putc(b("a"), b("2"), Some(b("1"))).await?;
    store.db().flush().await?;
    tx.give("b", "2").await?;
    store.db().compact().await?;
    tx.commit().await?;
    store.holds("a=2 b=2").await?;
    Ok(())
}

async fn a_store_emptied_and_filled_again(store: Store) -> Verdict {
    for round in 0..4 {
        let script: Vec<String> = (0..50).map(|n| format!("k{n:02}={round}")).collect();
        store.given(&script.join(" ")).await?;
        assert_eq!(store.all().await?, script.join(" "));
        let tx = store.write().await?;
        tx.delr(KeyRange::all()).await?;
        tx.commit().await?;
        store.settle().await?;
        assert_eq!(store.all().await?, "");
        store.db().compact().await?;
        store.holds("").await?;
    }
    Ok(())
}

async fn flushes_and_compactions_at_once(store: Store) -> Verdict {
    store.given("a=1").await?;
    let (db, also) = (store.db(), store.db());
    let flushes = tokio::spawn(async move {
        for _ in 0..3 {
            db.flush().await?;
        }
        Ok::<_, kv_api::Error>(())
    });
    let compactions = tokio::spawn(async move {
        for _ in 0..3 {
            also.compact().await?;
        }
        Ok::<_, kv_api::Error>(())
    });
    for n in 0..30 {
        store.commit(&format!("a={n} b={n}")).await?;
        assert_eq!(store.all().await?, format!("a={n} b={n}"));
    }
    flushes.await??;
    compactions.await??;
    store.holds("a=29 b=29").await?;
    Ok(())
}

async fn a_flush_keeps_the_version(store: Store) -> Verdict {
    let version = store.commit("a=1").await?;
    store.db().flush().await?;
    assert_eq!(store.version().await?, version);
    store.db().compact().await?;
    assert_eq!(store.version().await?, version);
    Ok(())
}

async fn history_is_right_or_refused_after_a_compaction(store: Store) -> Verdict {
    let mut history = Vec::new();
    for n in 0..6 {
        history.push((store.commit(&format!("a={n} k{n}=1 -k{}", (n + 2) % 5)).await?, store.all().await?));
        store.db().flush().await?;
    }
    store.db().compact().await?;
    let tx = store.read().await?;
    for (version, expected) in history {
        match tx.all_at(version).await {
            Ok(found) => assert_eq!(found, expected, "at {version}"),
            Err(kv_api::Error::VersionNotRetained { requested, oldest }) => {
                assert!(requested == version && oldest > version, "{version} {requested} {oldest}");
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}
