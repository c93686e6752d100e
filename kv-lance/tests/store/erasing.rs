//! Erased history: hidden at once, out of the files after a compaction.

use super::*;
use kv_lance::CompactOptions;
use std::path::Path;

/// Nothing compresses this, so that it would be found in a file that holds it.
const SECRET: &str = "7f3c9a51e20b48d6";

async fn clear(store: &LanceDatastore, key: &'static str) -> Result<()> {
    let tx = store.begin(TransactionOptions::write()).await?;
    tx.clr(key.into()).await?;
    tx.commit().await
}

/// Frees the space of what it replaces at once.
fn at_once() -> CompactOptions {
    let mut options = CompactOptions::default();
    options.reader_grace = Some(std::time::Duration::ZERO);
    options
}

/// Whether any file below `dir` holds the secret.
fn is_on_disk(dir: &Path) -> bool {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).any(|path| match path.is_dir() {
        true => is_on_disk(&path),
        false => {
            let bytes = std::fs::read(&path).unwrap();
            bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
        }
    })
}

#[tokio::test]
async fn erased_values_are_in_no_file_after_a_compaction() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let config = || LanceConfig::new(dir.path()).compression(kv_lance::Compression::None);
    let store = open(config()).await?;
    let first = write(&store, &[("a", SECRET), ("b", "1")]).await?;
    store.flush().await?;
    let second = write(&store, &[("a", "2"), ("b", "2")]).await?;
    clear(&store, "a").await?;
    let hidden = async |store: &LanceDatastore| -> Result<()> {
        assert_eq!(all(store, Some(first)).await?, rows(&[("b", "1")]));
        assert_eq!(all(store, Some(second)).await?, rows(&[("b", "2")]));
        Ok(())
    };
    hidden(&store).await?;
    assert!(is_on_disk(dir.path()), "the search finds what is there");
    drop(store);
    // From the journal, from a run, and without what was erased.
    let store = open(config()).await?;
    hidden(&store).await?;
    store.flush().await?;
    hidden(&store).await?;
    drop(store);
    let store = open(config()).await?;
    hidden(&store).await?;
    store.compact_with(at_once()).await?;
    hidden(&store).await?;
    assert!(!is_on_disk(dir.path()));
    // The history of other keys is as it was, and change feeds are told that this one was erased.
    assert_eq!((figure(&store, "run_rows"), figure(&store, "history_rows")), (1, 2));
    drop(store);
    hidden(&open(config()).await?).await
}

#[tokio::test]
async fn what_an_open_transaction_reads_is_erased_after_it() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).compression(kv_lance::Compression::None)).await?;
    let first = write(&store, &[("a", SECRET)]).await?;
    write(&store, &[("a", "2")]).await?;
    let old = store.begin(TransactionOptions::read()).await?;
    clear(&store, "a").await?;
    store.compact_with(at_once()).await?;
    assert_eq!(old.get(b"a", None).await?.as_deref(), Some(&b"2"[..]));
    assert_eq!(old.get(b"a", Some(first)).await?.as_deref(), Some(SECRET.as_bytes()));
    assert_eq!(all(&store, Some(first)).await?, rows(&[]));
    drop(old);
    store.compact_with(at_once()).await?;
    assert_eq!(all(&store, Some(first)).await?, rows(&[]));
    assert!(!is_on_disk(dir.path()));
    Ok(())
}

#[tokio::test]
async fn a_set_after_a_clear_is_one_write_that_erases() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    let first = write(&store, &[("a", "1")]).await?;
    let tx = store.begin(TransactionOptions::write()).await?;
    tx.clr("a".into()).await?;
    tx.new_save_point().await?;
    tx.set("a".into(), "2".into()).await?;
    tx.rollback_to_save_point().await?;
    tx.set("a".into(), "3".into()).await?;
    tx.commit().await?;
    let third = tx.commit_version().unwrap();
    for _ in 0..2 {
        assert_eq!(all(&store, Some(first)).await?, rows(&[]));
        assert_eq!(all(&store, Some(third)).await?, rows(&[("a", "3")]));
        store.compact().await?;
    }
    assert_eq!(figure(&store, "run_rows"), 1);
    Ok(())
}
