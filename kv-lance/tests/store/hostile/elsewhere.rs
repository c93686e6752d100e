//! A manifest that refers to files outside of the table's directory.

use super::*;
use futures::TryStreamExt;
use kv_api::Error;
use kv_lance::{ChangedTable, restore};
use lance::Dataset;
use lance::dataset::transaction::{Operation, TransactionBuilder};
use lance::dataset::write::CommitBuilder;
use lance_table::format::{BasePath, Fragment};
use std::sync::Arc;

/// Has another tool append a file by another base.
async fn append(store: &Path, secret: &Path) {
    let table = Dataset::open(store.join("kv.lance").to_str().unwrap()).await.unwrap();
    let path = secret.parent().unwrap().to_str().unwrap().to_owned();
    let base = BasePath { id: 1, name: Some("elsewhere".into()), is_dataset_root: false, path };
    let table = Arc::new(table).add_bases(vec![base], None).await.unwrap();
    let mut fragment: Fragment = table.manifest().fragments.first().unwrap().clone();
    (fragment.id, fragment.physical_rows) = (0, Some(1));
    fragment.files[0].file_size_bytes = Default::default();
    fragment.files[0].path = secret.file_name().unwrap().to_str().unwrap().into();
    fragment.files[0].base_id = Some(1);
    let operation = Operation::Append { fragments: vec![fragment] };
    let append = TransactionBuilder::new(table.manifest().version, operation).build();
    CommitBuilder::new(Arc::new(table)).execute(append).await.unwrap();
}

/// Puts a path that leads out into the newest manifest, in the place of a file's name of the same length.
async fn lead_out(store: &Path, path: &str) {
    let table = Dataset::open(store.join("kv.lance").to_str().unwrap()).await.unwrap();
    let name = table.manifest().fragments[0].files[0].path.clone();
    assert_eq!(name.len(), path.len());
    // Lance's names count down.
    let manifest = store.join(format!("kv.lance/_versions/{:020}.manifest", u64::MAX - table.manifest().version));
    let mut bytes = std::fs::read(&manifest).unwrap();
    let field = [&[10, name.len() as u8], name.as_bytes()].concat();
    for at in 0..bytes.len() - field.len() {
        if bytes[at..].starts_with(&field) {
            bytes[at + 2..at + field.len()].copy_from_slice(path.as_bytes());
        }
    }
    std::fs::write(&manifest, bytes).unwrap();
    let table = Dataset::open(store.join("kv.lance").to_str().unwrap()).await.unwrap();
    assert_eq!(table.manifest().fragments[0].files[0].path, path);
}

/// `kv restore --export` wrote the rows of the other table to its file.
#[tokio::test]
async fn files_outside_of_the_table_are_named_and_not_read() -> Result<()> {
    for by_base in [false, true] {
        for cleaned in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let (store, outside) = (dir.path().join("store"), dir.path().join("outside"));
            let expected = make(&store).await?;
            let opened = open(LanceConfig::new(&outside)).await?;
            write(&opened, &[("secret", "of another table")]).await?;
            opened.flush().await?;
            opened.shutdown().await?;
            let secret = file(&outside.join("kv.lance/data"), ".lance");
            if by_base {
                append(&store, &secret).await;
            } else {
                std::fs::copy(&secret, outside.join("secret-secret-x.lance")).unwrap();
                lead_out(&store, "../../../outside/secret-secret-x.lance").await;
            }
            if cleaned {
                // Without its versions, rows would have to tell.
                let table = Dataset::open(store.join("kv.lance").to_str().unwrap()).await.unwrap();
                table.cleanup_old_versions(chrono::TimeDelta::zero(), None, Some(false)).await.unwrap();
            }
            let before = contents(&outside);
            match use_it(&store).await {
                Err(Error::TableChanged { reason, .. }) => {
                    assert!(reason.contains("not in the table's directory"), "{reason}");
                }
                other => panic!("{other:?}"),
            }
            let config = LanceConfig::new(&store);
            let changed = ChangedTable::find(&config).await?.unwrap();
            let read = match changed.foreign_rows().await {
                Ok(batches) => batches.try_collect::<Vec<_>>().await.map(drop),
                Err(e) => Err(e),
            };
            assert!(read.is_err_and(|e| e.to_string().contains("not in the table's directory")));
            drop(changed);
            assert!(restore(&config).await?.is_some());
            assert_eq!(use_it(&store).await?, expected);
            assert!(contents(&outside) == before);
        }
    }
    Ok(())
}
