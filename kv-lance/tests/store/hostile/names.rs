//! Names of files that lead out of the store: in the record and in the table's configuration.

use super::*;
use kv_api::ErrorKind;
use lance::Dataset;

/// Gives the record other values and the right checksum.
pub(super) fn change_record(store: &Path, key: &str, val: &str) {
    let path = store.join("runs/RECORD");
    let record = std::fs::read_to_string(&path).unwrap();
    let lines = record.lines().filter(|line| line.contains('=')).map(|line| match line.split_once('=').unwrap() {
        (found, _) if found == key => format!("{key}={val}\n"),
        _ => format!("{line}\n"),
    });
    let lines: String = lines.collect();
    std::fs::write(&path, format!("{lines}{}\n", crc32c::crc32c(lines.as_bytes()))).unwrap();
}

/// The same in the table, as another tool can.
pub(super) async fn change_table(store: &Path, key: &str, val: &str) {
    let mut table = Dataset::open(store.join("kv.lance").to_str().unwrap()).await.unwrap();
    table.update_config([(key, val)]).await.unwrap();
}

/// The file that a record named was linked into the table, read, and removed by the next compaction.
#[tokio::test]
async fn names_that_lead_out_of_the_store_are_not_followed() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, outside) = (dir.path().join("store"), dir.path().join("outside"));
    make(&store).await?;
    make(&outside).await?;
    let secret = file(&outside.join("runs"), ".lance");
    let relative = format!("../../outside/runs/{}", secret.file_name().unwrap().to_str().unwrap());
    let good = std::fs::read_to_string(store.join("runs/RECORD")).unwrap();
    let names =
        [secret.to_str().unwrap(), &relative, "..", ".lance", "x.lance/../../LOCK", "runs/x.lance", "x\\.lance"];
    for key in ["kv-lance:runs", "kv-lance:history"] {
        for name in names {
            let before = contents(&outside);
            // The record alone: the table knows better.
            std::fs::write(store.join("runs/RECORD"), &good).unwrap();
            change_record(&store, key, name);
            let store_opened = open(LanceConfig::new(&store)).await?;
            assert_eq!(all(&store_opened, None).await?.len(), 4, "{name}");
            store_opened.shutdown().await?;
            assert!(contents(&outside) == before, "{name}");
        }
    }
    for (key, name) in [("kv-lance:runs", names[0]), ("kv-lance:history", names[1])] {
        let before = contents(&outside);
        std::fs::remove_file(store.join("runs/RECORD")).unwrap();
        change_table(&store, key, name).await;
        // An older version has what the engine wrote.
        assert_eq!(use_it(&store).await?.len(), 4 + usize::from(key == "kv-lance:history"));
        assert!(contents(&outside) == before, "{name}");
    }
    // No version has.
    std::fs::remove_file(store.join("runs/RECORD")).unwrap();
    change_table(&store, "kv-lance:runs", names[0]).await;
    let table = Dataset::open(store.join("kv.lance").to_str().unwrap()).await.unwrap();
    table.cleanup_old_versions(chrono::TimeDelta::zero(), None, Some(false)).await.unwrap();
    let before = contents(&outside);
    let error = use_it(&store).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corruption, "{error}");
    assert!(contents(&outside) == before);
    Ok(())
}
