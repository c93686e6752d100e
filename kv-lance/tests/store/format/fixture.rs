//! The stored store: made, copied, and read by this build.

use super::super::*;
use super::script::{CLOSED, COMMITS, FLUSHED, MERGED, commit, state};
use kv_api::CounterSource;
use kv_lance::CompactOptions;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where it is. A file that has two names in a store has one here, that in `runs/`, and the lock is left out.
pub(super) fn stored() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/store-4")
}

fn config(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir)
        .memtable_bytes(64 << 10)
        .partition_bytes(64 << 10)
        .block_bytes(256)
        .background_optimize(false)
        .retention(Duration::ZERO)
        .version_source(Arc::new(CounterSource::new()))
}

fn copy_dir(from: &Path, to: &Path, leave_out: &[&str]) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        match entry.file_type().unwrap().is_dir() {
            _ if leave_out.iter().any(|left_out| name == *left_out) => {}
            true => copy_dir(&entry.path(), &target, leave_out),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// Makes a copy of it that is whole.
pub(super) fn copy(to: &Path) {
    copy_dir(&stored(), to, &[]);
    let record = std::fs::read_to_string(to.join("runs/RECORD")).unwrap();
    for (key, table) in [("kv-lance:runs=", "kv.lance"), ("kv-lance:history=", "history.lance")] {
        let names = record.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        std::fs::create_dir_all(to.join(table).join("data")).unwrap();
        for name in names.split([',', ';']).filter(|name| !name.is_empty()) {
            std::fs::hard_link(to.join("runs").join(name), to.join(table).join("data").join(name)).unwrap();
        }
    }
}

async fn check(store: &LanceDatastore) -> Result<()> {
    for version in 1..=COMMITS {
        assert!(all(store, Some(version)).await? == state(version), "at version {version}");
    }
    Ok(())
}

#[tokio::test]
async fn a_store_of_this_format_holds_at_each_version_what_was_written() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    copy(dir.path());
    let store = open(config(dir.path()).create(false)).await?;
    assert!(all(&store, None).await? == state(COMMITS));
    assert_eq!(store.current_version().await?, COMMITS);
    check(&store).await?;
    let levels: Vec<usize> = store.levels().iter().map(|level| level.runs.len()).collect();
    assert!(levels.iter().filter(|runs| **runs > 0).count() > 1, "runs on levels: {levels:?}");
    assert!(!store.history().is_empty());

    // It goes on from there.
    let version = write(&store, &[("later", "1")]).await?;
    assert_eq!(version, COMMITS + 1);
    store.flush().await?;
    check(&store).await?;
    store.compact().await?;
    store.shutdown().await?;
    let store = open(config(dir.path())).await?;
    check(&store).await?;
    let mut expected = state(COMMITS);
    expected.push(("later".into(), "1".into()));
    expected.sort();
    assert!(all(&store, None).await? == expected);
    Ok(())
}

#[tokio::test]
#[ignore = "writes the store that the others read"]
async fn write_a_store_of_this_format() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let mut at_once = CompactOptions::default();
    at_once.reader_grace = Some(Duration::ZERO);
    let mut store = open(config(dir.path())).await?;
    for i in 1..=COMMITS {
        commit(&store, i).await?;
        match i {
            MERGED => store.compact_with(at_once).await?,
            10 | 20 | 30 | 45 | FLUSHED => store.flush().await?,
            CLOSED => {
                store.shutdown().await?;
                drop(store);
                store = open(config(dir.path())).await?;
            }
            _ => {}
        }
    }
    if stored().exists() {
        std::fs::remove_dir_all(stored()).unwrap();
    }
    copy_dir(dir.path(), &stored(), &["LOCK", "data"]);
    Ok(())
}
