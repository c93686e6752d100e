//! What is refused when a store is opened, by which error.

use super::*;
use kv_api::Error;
use std::path::Path;

async fn refused(config: LanceConfig) -> Error {
    match open(config).await {
        Err(e) => e,
        Ok(_) => panic!("the store opened"),
    }
}

fn entries(dir: &Path) -> Vec<String> {
    std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_second_open_is_refused_and_names_the_holder() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    match refused(LanceConfig::new(dir.path())).await {
        Error::StoreLocked { holder, .. } => assert!(holder.contains(&std::process::id().to_string()), "{holder}"),
        e => panic!("{e}"),
    }
    store.shutdown().await?;
    open(LanceConfig::new(dir.path())).await?;
    Ok(())
}

#[tokio::test]
async fn what_is_no_store_is_refused_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("thesis.txt"), "all of it").unwrap();
    match refused(LanceConfig::new(dir.path())).await {
        Error::NotAStore { reason, .. } => assert!(reason.contains("thesis.txt"), "{reason}"),
        e => panic!("{e}"),
    }
    let file = dir.path().join("thesis.txt");
    assert!(matches!(refused(LanceConfig::new(&file)).await, Error::NotAStore { .. }));
    let none = dir.path().join("none");
    assert!(matches!(refused(LanceConfig::new(&none).create(false)).await, Error::NotAStore { .. }));
    assert_eq!(entries(dir.path()), ["thesis.txt"]);
}

#[tokio::test]
async fn a_lance_table_of_another_origin_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("kv.lance/_versions")).unwrap();
    std::fs::write(dir.path().join("kv.lance/_versions/1.manifest"), "no manifest").unwrap();
    assert!(!matches!(refused(LanceConfig::new(dir.path())).await, Error::StoreLocked { .. }));
}

#[tokio::test]
async fn a_journal_of_another_format_is_refused_by_its_number() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1")]).await?;
    store.shutdown().await?;
    // magic | format | checksum of magic, format and number | number
    let segment = dir.path().join("journal/0000000001.log");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[8..12].copy_from_slice(&99u32.to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[16..24]);
    bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(&segment, &bytes).unwrap();
    match refused(LanceConfig::new(dir.path())).await {
        Error::UnsupportedFormat { found, supported, .. } => {
            assert_eq!((found.as_str(), supported.as_str()), ("99", "4"))
        }
        e => panic!("{e}"),
    }
    Ok(())
}

#[tokio::test]
async fn a_store_stands_beside_other_tables_of_a_database_directory() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("documents.lance")).unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1")]).await?;
    Ok(())
}

#[tokio::test]
async fn a_lost_journal_is_corruption() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1")]).await?;
    store.flush().await?;
    drop(store);
    std::fs::remove_dir_all(dir.path().join("journal")).unwrap();
    assert!(matches!(refused(LanceConfig::new(dir.path())).await, Error::Corruption { .. }));
    Ok(())
}

#[tokio::test]
async fn closing_is_final_and_may_be_repeated() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    store.shutdown().await?;
    store.shutdown().await?;
    assert!(matches!(store.begin(TransactionOptions::read()).await, Err(Error::StoreClosed)));
    assert!(matches!(store.flush().await, Err(Error::StoreClosed)));
    assert!(matches!(store.compact().await, Err(Error::StoreClosed)));
    Ok(())
}

/// A process that is being started has, for a moment, every file that is open: also the lock of a store that is closed just then.
#[tokio::test]
async fn processes_started_meanwhile_do_not_keep_a_closed_store_locked() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let starter = std::thread::spawn({
        let done = done.clone();
        move || {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                std::process::Command::new("true").status().unwrap();
            }
        }
    });
    let mut result = Ok(());
    for _ in 0..30 {
        match open(LanceConfig::new(dir.path())).await {
            Ok(store) => store.shutdown().await?,
            Err(e) => result = Err(e),
        }
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    starter.join().unwrap();
    result
}
