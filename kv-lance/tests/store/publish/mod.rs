//! Publications: exactly one row for each key, as of one version, whatever the levels are like, whatever others do to the
//! dataset, and whatever fails on the way.

mod adopted;
mod faults;
mod figures;
mod others;
mod shown;

use super::*;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use futures::TryStreamExt;
use kv_api::Error;
use kv_lance::Publication;
use lance::Dataset;
use std::collections::BTreeMap;

async fn dataset(dir: &Path) -> Dataset {
    Dataset::open(dir.join("published.lance").to_str().unwrap()).await.unwrap()
}

/// What any reader of Lance finds in a version of the dataset. Each key is there once, with a value, and none is newer than `newest`.
async fn shown_by(dataset: &Dataset, newest: Version) -> Rows {
    let batches: Vec<RecordBatch> = dataset.scan().try_into_stream().await.unwrap().try_collect().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for batch in batches {
        let column = |name: &str| batch.column_by_name(name).unwrap();
        let (keys, vals) = (column("key").as_binary::<i32>(), column("val").as_binary::<i32>());
        let versions = column("version").as_primitive::<UInt64Type>();
        let tombstones = column("tombstone").as_boolean();
        for row in 0..batch.num_rows() {
            let key = text(keys.value(row));
            assert!(vals.is_valid(row) && !tombstones.value(row), "{key} is a deletion");
            assert!(versions.value(row) <= newest, "{key} is of {}, after {newest}", versions.value(row));
            assert_eq!(found.insert(key.clone(), text(vals.value(row))), None, "{key} is there twice");
        }
    }
    assert_eq!(dataset.count_rows(None).await.unwrap(), found.len());
    found.into_iter().collect()
}

/// What the newest version of the dataset shows, which has to be what was published.
async fn shown(dir: &Path, published: &Publication) -> Rows {
    let dataset = dataset(dir).await;
    assert_eq!(dataset.manifest().version, published.dataset_version);
    assert_eq!(published.path, dir.canonicalize().unwrap().join("published.lance"));
    let rows = shown_by(&dataset, published.version).await;
    assert_eq!(rows.len() as u64, published.rows);
    rows
}
