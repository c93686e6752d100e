//! A flipped byte anywhere in a run or a segment gives an error or the right answer.

use super::super::*;
use kv_api::ErrorKind;
use std::path::{Path, PathBuf};

fn files(dir: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    found.retain(|path| path.to_string_lossy().ends_with(suffix));
    found
}

/// Opens a store and reads all of it, forgetting nothing that goes wrong on the way.
async fn read_back(dir: &Path) -> Result<Rows> {
    let store = open(LanceConfig::new(dir).create(false).block_bytes(512)).await?;
    all(&store, None).await
}

#[tokio::test]
async fn a_flipped_byte_anywhere_in_a_run_gives_an_error_or_the_right_answer() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).block_bytes(512)).await?;
    let expected: Rows = (0..60).map(numbered).collect();
    let tx = store.begin(TransactionOptions::write()).await?;
    for (key, val) in &expected {
        tx.set(key.clone().into(), val.clone().into()).await?;
    }
    tx.commit().await?;
    store.flush().await?;
    store.shutdown().await?;
    let run = files(&dir.path().join("kv.lance/data"), ".lance").pop().unwrap();
    let good = std::fs::read(&run).unwrap();
    let mut errors = 0;
    // Decoders may panic on damage, which is caught and told; the messages would fill the log.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut at = 0;
    while at < good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x41;
        std::fs::write(&run, &bad).unwrap();
        match read_back(dir.path()).await {
            Ok(found) => assert_eq!(found, expected, "byte {at} of {}", good.len()),
            Err(_) => errors += 1,
        }
        at += 41;
    }
    std::panic::set_hook(hook);
    assert!(errors > 50, "only {errors} errors: is anything checked?");
    std::fs::write(&run, &good).unwrap();
    assert_eq!(read_back(dir.path()).await?, expected);
    std::fs::write(&run, &good[..good.len() - 1]).unwrap();
    assert_eq!(read_back(dir.path()).await.unwrap_err().kind(), ErrorKind::Corruption);
    std::fs::write(&run, &good).unwrap();
    // The store has a name of its own for the file, and puts back what another tool has removed.
    std::fs::remove_file(&run).unwrap();
    assert_eq!(read_back(dir.path()).await?, expected);
    std::fs::remove_file(&run).unwrap();
    std::fs::remove_file(dir.path().join("runs").join(run.file_name().unwrap())).unwrap();
    assert!(read_back(dir.path()).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_flipped_byte_in_the_journal_is_corruption_unless_it_is_the_torn_tail() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1")]).await?;
    write(&store, &[("b", "2")]).await?;
    store.shutdown().await?;
    let expected = rows(&[("a", "1"), ("b", "2")]);
    let segment = dir.path().join("journal/0000000001.log");
    let good = std::fs::read(&segment).unwrap();
    let head = std::fs::read(dir.path().join("journal/HEAD")).unwrap();
    let mut errors = 0;
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x80;
        std::fs::write(&segment, &bad).unwrap();
        match read_back(dir.path()).await {
            Ok(found) => assert_eq!(found, expected, "byte {at}"),
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::Corruption, "byte {at}: {e}");
                errors += 1;
            }
        }
        for extra in files(&dir.path().join("journal"), ".log") {
            std::fs::remove_file(extra).unwrap();
        }
        std::fs::write(dir.path().join("journal/HEAD"), &head).unwrap();
    }
    assert!(errors > 100, "only {errors} errors");
    Ok(())
}
