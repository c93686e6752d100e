//! Which state a reader is at, and when it is at another.

use crate::case::{Case, cases};
use crate::fixture::{Failure, Reader, Store, Verdict, b};
use kv_api::{Direction, KeyRange};
use std::ops::ControlFlow;

pub(super) fn cases() -> Vec<Case> {
    cases![
        a_reader_sees_what_was_flushed,
        a_reader_stays_where_it_is_until_it_is_refreshed,
        a_transaction_of_a_reader_stays_where_it_began,
        a_reader_is_opened_before_the_first_commit,
        what_is_not_committed_is_never_seen,
        refreshes_go_forward,
        several_readers_are_each_at_a_state_of_their_own,
        readers_outlive_compactions,
    ]
}

async fn a_reader_sees_what_was_flushed(store: Store) -> Verdict {
    store.commit("a=1 b=1 c=1").await?;
    store.commit("a=2 -b").await?;
    let version = store.commit_to_files("d=3 -c").await?;
    let reader = store.reader().await?;
    assert_eq!((reader.all().await?.as_str(), reader.version().await?), ("a=2 d=3", version));
    store.db().compact().await?;
    let reader = store.reader().await?;
    assert_eq!((reader.all().await?.as_str(), reader.version().await?), ("a=2 d=3", version));
    Ok(())
}

async fn a_reader_stays_where_it_is_until_it_is_refreshed(store: Store) -> Verdict {
    let first = store.commit_to_files("a=1 b=1").await?;
    let reader = store.reader().await?;
    let stays = async || {
        assert_eq!(reader.all().await?, "a=1 b=1");
        assert_eq!(reader.version().await?, first);
        Ok::<_, Failure>(())
    };
    store.commit("a=2 c=2").await?;
    stays().await?;
    store.db().flush().await?;
    stays().await?;
    store.commit_to_files("-b").await?;
    stays().await?;
    store.db().compact().await?;
    stays().await?;
    let last = store.commit_to_files("d=3").await?;
    stays().await?;
    assert_eq!(reader.db().refresh().await?, last);
    assert_eq!((reader.all().await?.as_str(), reader.version().await?), ("a=2 c=2 d=3", last));
    Ok(())
}

async fn a_transaction_of_a_reader_stays_where_it_began(store: Store) -> Verdict {
    store.commit_to_files("a=1 b=1").await?;
    let reader = store.reader().await?;
    let old = reader.read().await?;
    store.commit_to_files("a=2 -b c=2").await?;
    assert_eq!(reader.refreshed().await?, "a=2 c=2");
    let newer = reader.read().await?;
    store.commit_to_files("-a -c d=3").await?;
    store.db().compact().await?;
    assert_eq!(reader.refreshed().await?, "d=3");
    for (tx, rows, missing) in [(&old, "a=1 b=1", "c"), (&newer, "a=2 c=2", "b")] {
        assert_eq!(tx.all().await?, rows);
        assert_eq!(tx.count(KeyRange::all(), None).await?, 2);
        assert_eq!(tx.val(missing).await?, "-");
        let mut keys = 0;
        let mut count = |_: &[u8], _: &[u8]| {
            keys += 1;
            ControlFlow::Continue(())
        };
        tx.visit(KeyRange::all(), Direction::Backward, None, true, &mut count).await?;
        assert_eq!(keys, 2);
    }
    assert_eq!((old.val("a").await?.as_str(), newer.val("a").await?.as_str()), ("1", "2"));
    Ok(())
}

async fn a_reader_is_opened_before_the_first_commit(store: Store) -> Verdict {
    let reader = store.reader().await?;
    assert_eq!((reader.all().await?.as_str(), reader.version().await?), ("", 0));
    assert_eq!((reader.db().refresh().await?, reader.all().await?.as_str()), (0, ""));
    let version = store.commit_to_files("a=1").await?;
    assert_eq!((reader.all().await?.as_str(), reader.version().await?), ("", 0));
    assert_eq!((reader.db().refresh().await?, reader.all().await?.as_str()), (version, "a=1"));
    Ok(())
}

async fn what_is_not_committed_is_never_seen(store: Store) -> Verdict {
    store.commit("a=1").await?;
    let (open, cancelled, conflicting) = (store.write().await?, store.write().await?, store.write().await?);
    for (tx, script) in [(&open, "b=2"), (&cancelled, "c=2"), (&conflicting, "a=2 d=2")] {
        tx.apply(script).await?;
    }
    cancelled.cancel().await?;
    store.commit_to_files("a=3").await?;
    assert!(conflicting.commit().await.is_err());
    store.db().flush().await?;
    let reader = store.reader().await?;
    assert_eq!(reader.all().await?, "a=3");
    assert_eq!(reader.refreshed().await?, "a=3");
    open.commit().await?;
    store.db().flush().await?;
    assert_eq!(reader.refreshed().await?, "a=3 b=2");
    Ok(())
}

async fn refreshes_go_forward(store: Store) -> Verdict {
    let reader = store.reader().await?;
    for n in 1..=6 {
        let version = store.commit_to_files(&format!("a={n} b={n}")).await?;
        for _ in 0..3 {
            assert_eq!(reader.db().refresh().await?, version);
            assert_eq!((reader.all().await?, reader.version().await?), (format!("a={n} b={n}"), version));
        }
        if n % 3 == 0 {
            store.db().compact().await?;
        }
    }
    Ok(())
}

async fn several_readers_are_each_at_a_state_of_their_own(store: Store) -> Verdict {
    store.commit_to_files("a=1").await?;
    let (first, second) = (store.reader().await?, store.reader().await?);
    store.commit_to_files("a=2").await?;
    let third = store.reader().await?;
    assert_eq!(second.refreshed().await?, "a=2");
    store.commit_to_files("a=3").await?;
    let of_second = second.reader().await?;
    assert_eq!(first.all().await?, "a=1");
    assert_eq!(second.all().await?, "a=2");
    assert_eq!(third.all().await?, "a=2");
    assert_eq!(of_second.all().await?, "a=3", "as one of the store");
    assert_eq!(first.refreshed().await?, "a=3");
    assert_eq!(third.all().await?, "a=2");
    Ok(())
}

/// Each round replaces all that there was, and has a reader that stays.
async fn readers_outlive_compactions(store: Store) -> Verdict {
    let rows = |n: usize| {
        let keys = (0..40).filter(|key| key % 4 != n % 4);
        keys.map(|key| format!("key{key:02}={n}")).collect::<Vec<_>>().join(" ")
    };
    let mut readers: Vec<(Reader, String)> = Vec::new();
    for n in 0..5 {
        let gone: Vec<String> = (0..40).filter(|key| key % 4 == n % 4).map(|key| format!("-key{key:02}")).collect();
        store.commit_to_files(&format!("{} {}", rows(n), gone.join(" "))).await?;
        readers.push((store.reader().await?, rows(n)));
        store.db().compact().await?;
        for (reader, rows) in &readers {
            assert_eq!(reader.all().await?, *rows);
            assert_eq!(reader.read().await?.get(b"key05", None).await?.is_some(), rows.contains("key05="));
        }
    }
    let last = rows(4);
    for (reader, _) in &readers {
        let old = reader.read().await?;
        assert_eq!(reader.refreshed().await?, last);
        assert_eq!(old.count(KeyRange::all(), None).await?, 30);
        assert_eq!(reader.read().await?.get(b"key01", None).await?, Some(b("4")));
    }
    Ok(())
}
