//! A reader is a store of its own that writes nothing, and says so.

use super::super::refusals::{all_readonly, writes};
use crate::case::{Case, cases};
use crate::fixture::{Reader, Store, Verdict, refuses};
use kv_api::{ChangeFilter, Error, KeyRange, TransactionOptions};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub(super) fn cases() -> Vec<Case> {
    cases![
        what_would_write_is_refused,
        what_goes_by_commits_to_come_is_refused,
        a_reader_declares_what_it_answers,
        either_is_shut_down_by_itself,
        what_is_closed_has_no_readers,
    ]
}

pub(super) fn persistent_cases() -> Vec<Case> {
    cases![a_reader_leaves_no_trace, a_reader_goes_on_when_the_store_is_opened_again]
}

/// Asserts that a reader takes nothing.
async fn refuses_to_write(store: &Store, reader: &Reader) -> Verdict {
    let db = reader.db();
    refuses!(db.begin(TransactionOptions::write()).await.map(drop), StoreReadonly);
    refuses!(db.begin(TransactionOptions::write().serializable()).await.map(drop), StoreReadonly);
    refuses!(db.flush().await, StoreReadonly);
    refuses!(db.compact().await, StoreReadonly);
    if store.declared().tags {
        refuses!(db.tag("a", None).await, StoreReadonly);
        refuses!(db.untag("kept").await, StoreReadonly);
    }
    if store.declared().branches {
        let into = store.dir().join("branch");
        refuses!(db.branch(&into, None).await.map(drop), StoreReadonly);
        assert!(!into.exists());
    }
    let tx = reader.read().await?;
    refuses!(tx.compact(None).await, StoreReadonly);
    refuses!(tx.compact(Some(KeyRange::prefix("a"))).await, StoreReadonly);
    all_readonly(writes(&tx).await);
    refuses!(tx.getu(b"a").await, TransactionReadonly);
    assert!(!tx.closed());
    refuses!(tx.commit().await, TransactionReadonly);
    Ok(())
}

async fn what_would_write_is_refused(store: Store) -> Verdict {
    store.commit("a=1 b=1").await?;
    let tagged = store.declared().tags;
    if tagged {
        store.db().tag("kept", None).await?;
    }
    let version = store.commit_to_files("b=2").await?;
    let reader = store.reader().await?;
    for _ in 0..2 {
        refuses_to_write(&store, &reader).await?;
        assert_eq!(reader.all().await?, "a=1 b=2");
        assert_eq!(reader.db().refresh().await?, version);
        assert_eq!((store.all().await?.as_str(), store.version().await?), ("a=1 b=2", version));
    }
    if tagged {
        let names: Vec<String> = store.db().tags().await?.into_iter().map(|tag| tag.name).collect();
        assert_eq!(names, ["kept"]);
    }
    store.holds("a=1 b=2").await?;
    Ok(())
}

async fn what_goes_by_commits_to_come_is_refused(store: Store) -> Verdict {
    store.commit_to_files("a=1").await?;
    let reader = store.reader().await?;
    refuses!(reader.db().changes(0, ChangeFilter::default()).await.map(drop), Unsupported);
    refuses!(reader.db().changes_until(0, 1, ChangeFilter::default()).await.map(drop), Unsupported);
    let tx = reader.read().await?;
    refuses!(tx.timestamp().await, Unsupported);
    refuses!(tx.safe_timestamp().await, Unsupported);
    assert_eq!(tx.all().await?, "a=1", "the transaction goes on");
    tx.cancel().await?;
    refuses!(tx.timestamp().await, TransactionFinished);
    refuses!(tx.safe_timestamp().await, TransactionFinished);
    refuses!(tx.compact(None).await, TransactionFinished);
    Ok(())
}

async fn a_reader_declares_what_it_answers(store: Store) -> Verdict {
    store.commit_to_files("a=1").await?;
    let reader = store.reader().await?;
    let declared = store.declared().clone();
    let expected = declared.branches(false).change_feed(false).read_checks(false).safe_timestamps(false);
    assert_eq!(reader.db().capabilities(), expected);
    assert_eq!(reader.db().kind(), store.db().kind());
    assert_eq!(reader.reader().await?.db().capabilities(), expected);
    if !expected.versioned_reads {
        refuses!(reader.db().current_version().await, UnsupportedVersionedQueries);
        assert_eq!(reader.db().refresh().await?, 0);
    }
    if !expected.tags {
        refuses!(reader.db().tags().await, Unsupported);
    }
    Ok(())
}

async fn either_is_shut_down_by_itself(store: Store) -> Verdict {
    store.commit_to_files("a=1").await?;
    let (kept, ended) = (store.reader().await?, store.reader().await?);
    let open = ended.read().await?;
    for _ in 0..2 {
        ended.db().shutdown().await?;
    }
    refuses!(ended.read().await.map(drop), StoreClosed);
    refuses!(ended.db().refresh().await, StoreClosed);
    refuses!(ended.reader().await.map(drop), StoreClosed);
    drop((open, ended));
    store.commit_to_files("b=2").await?;
    assert_eq!(store.all().await?, "a=1 b=2");
    assert_eq!(kept.all().await?, "a=1");
    store.db().shutdown().await?;
    refuses!(store.read().await.map(drop), StoreClosed);
    assert_eq!(kept.all().await?, "a=1");
    assert_eq!(kept.refreshed().await?, "a=1 b=2");
    // Nobody has it open for writing.
    let late = kept.reader().await?;
    assert_eq!(late.all().await?, "a=1 b=2");
    assert_eq!(late.refreshed().await?, "a=1 b=2");
    Ok(())
}

async fn what_is_closed_has_no_readers(store: Store) -> Verdict {
    store.given("a=1").await?;
    store.db().shutdown().await?;
    refuses!(store.reader().await.map(drop), StoreClosed);
    Ok(())
}

/// When each file and directory was changed, and what a file has.
type Files = BTreeMap<PathBuf, (SystemTime, Option<Vec<u8>>)>;

fn files(dir: &Path) -> std::io::Result<Files> {
    let (mut found, mut dirs) = (BTreeMap::new(), vec![dir.to_path_buf()]);
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let (path, metadata) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
            let content = if metadata.is_dir() { None } else { Some(std::fs::read(&path)?) };
            if metadata.is_dir() {
                dirs.push(path.clone());
            }
            found.insert(path, (metadata.modified()?, content));
        }
    }
    Ok(found)
}

/// With nobody else at work: the store is closed, and one reader makes others.
async fn a_reader_leaves_no_trace(store: Store) -> Verdict {
    store.commit_to_files("a=1 b=1").await?;
    store.commit_to_files("a=2 -b c=2").await?;
    let first = store.reader().await?;
    store.db().shutdown().await?;
    let before = files(store.dir())?;
    let reader = first.reader().await?;
    assert_eq!(reader.all().await?, "a=2 c=2");
    assert_eq!(reader.refreshed().await?, "a=2 c=2");
    refuses_to_write(&store, &reader).await?;
    reader.db().shutdown().await?;
    drop(reader);
    drop(first);
    let after = files(store.dir())?;
    let differing = before.keys().chain(after.keys()).find(|path| before.get(*path) != after.get(*path));
    assert_eq!(differing, None, "differs from what it was before");
    store.drop_and_open().await?;
    store.holds("a=2 c=2").await?;
    Ok(())
}

async fn a_reader_goes_on_when_the_store_is_opened_again(store: Store) -> Verdict {
    store.commit_to_files("a=1").await?;
    let reader = store.reader().await?;
    let old = reader.read().await?;
    for n in 2..5 {
        if n == 3 {
            store.drop_and_open().await?
        } else {
            store.reopen().await?
        }
        store.commit_to_files(&format!("a={n}")).await?;
        assert_eq!(reader.refreshed().await?, format!("a={n}"));
    }
    store.db().compact().await?;
    assert_eq!(old.all().await?, "a=1");
    let refused = reader.db().begin(TransactionOptions::write()).await.map(drop);
    assert!(matches!(&refused, Err(Error::StoreReadonly { .. })), "{refused:?}");
    Ok(())
}
