//! A tag of the newest version is a tag of the Lance dataset as well.

use super::*;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use futures::TryStreamExt;
use kv_api::Error;
use lance::Dataset;

async fn table(dir: &Path) -> Dataset {
    Dataset::open(dir.join("kv.lance").to_str().unwrap()).await.unwrap()
}

/// What a reader from outside finds under a tag: of each key the row with the greatest version, unless it is a tombstone.
async fn shown(dir: &Path, tag: &str) -> lance::Result<Rows> {
    let tagged = table(dir).await.checkout_version(tag).await?;
    let batches: Vec<RecordBatch> = tagged.scan().try_into_stream().await?.try_collect().await?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut newest: BTreeMap<String, (Version, Option<String>)> = BTreeMap::new();
    for batch in batches {
        let column = |name: &str| batch.column_by_name(name).unwrap();
        let (keys, vals) = (column("key").as_binary::<i32>(), column("val").as_binary::<i32>());
        let versions = column("version").as_primitive::<UInt64Type>();
        for row in 0..batch.num_rows() {
            let found = (versions.value(row), vals.is_valid(row).then(|| text(vals.value(row))));
            let known = newest.entry(text(keys.value(row))).or_default();
            if known.0 <= found.0 {
                *known = found;
            }
        }
    }
    Ok(newest.into_iter().filter_map(|(key, (_, val))| Some((key, val?))).collect())
}

async fn lance_tags(dir: &Path) -> Vec<String> {
    let mut tags: Vec<_> = table(dir).await.tags().list().await.unwrap().into_keys().collect();
    tags.sort();
    tags
}

#[tokio::test]
async fn other_readers_find_the_store_as_it_was_under_its_tag() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(forgetful(dir.path())).await?;
    let (mut random, mut model) = (Random(5), Model::new());
    let mut tagged = Vec::new();
    for number in 0..100 {
        step(&store, &mut random, &mut model, number).await?;
        if number % 30 == 17 {
            let name = format!("night-{number}");
            store.tag(&name, None).await?;
            assert_eq!(shown(dir.path(), &name).await.unwrap(), of_model(&model), "{name}");
            tagged.push((name, model.clone()));
        }
        if number % 40 == 29 {
            store.compact_with(CompactOptions::no_history()).await?;
        }
    }
    for (name, model) in &tagged {
        assert_eq!(shown(dir.path(), name).await.unwrap(), of_model(model), "{name}");
    }
    assert_eq!(lance_tags(dir.path()).await.len(), tagged.len());

    // Their files take space, which is said, and is free once the tags are gone. What else has been replaced goes at once.
    store.compact_with(CompactOptions::no_history()).await?;
    let (data, runs) = (dir.path().join("kv.lance/data"), figure(&store, "runs"));
    assert!(figure(&store, "tagged_disk_bytes") > 0 && run_files(&data) > runs);
    let size = |path: std::path::PathBuf| std::fs::metadata(path).unwrap().len();
    let bytes: u64 = std::fs::read_dir(&data).unwrap().map(|entry| size(entry.unwrap().path())).sum();
    assert_eq!(bytes, figure(&store, "tagged_disk_bytes") + figure(&store, "run_disk_bytes"));
    let said = figure(&store, "tagged_disk_bytes");
    drop(store);
    let store = open(forgetful(dir.path())).await?;
    assert_eq!(figure(&store, "tagged_disk_bytes"), said, "after opening");
    for (name, _) in &tagged {
        store.untag(name).await?;
    }
    store.compact_with(at_once()).await?;
    assert_eq!(figure(&store, "tagged_disk_bytes"), 0);
    assert_eq!(run_files(&data), figure(&store, "runs"));
    assert_eq!(lance_tags(dir.path()).await, [""; 0]);
    assert!(shown(dir.path(), &tagged[0].0).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_tag_of_an_older_version_is_none_of_the_dataset() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    let first = write(&store, &[("a", "1")]).await?;
    let second = write(&store, &[("a", "2")]).await?;
    store.tag("first", Some(first)).await?;
    store.tag("second", Some(second)).await?;
    assert_eq!(
        (names(&store).await?, lance_tags(dir.path()).await),
        (vec!["first".into(), "second".into()], vec!["second".into()])
    );
    assert_eq!(shown(dir.path(), "second").await.unwrap(), rows(&[("a", "2")]));
    assert_eq!(all(&store, Some(first)).await?, rows(&[("a", "1")]));
    store.untag("first").await?;
    Ok(())
}

#[tokio::test]
async fn a_name_that_another_tool_has_given_is_refused() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1")]).await?;
    store.flush().await?;
    table(dir.path()).await.tags().create("theirs", 1).await.unwrap();
    for name in ["theirs", "foreign-1"] {
        let refused = store.tag(name, None).await;
        assert!(matches!(&refused, Err(Error::InvalidTagName { name: of, .. }) if of == name), "{refused:?}");
    }
    assert_eq!(names(&store).await?, [""; 0]);
    assert_eq!(table(dir.path()).await.tags().get("theirs").await.unwrap().version, 1);
    assert!(matches!(store.untag("theirs").await, Err(Error::TagNotFound { .. })));
    store.tag("ours", None).await?;
    store.untag("ours").await?;
    assert_eq!(lance_tags(dir.path()).await, ["theirs"]);
    Ok(())
}

/// As after a crash between the commit of a tag and its file, or a removal by another tool.
#[tokio::test]
async fn a_tag_that_is_not_shown_is_shown_again() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1"), ("b", "1")]).await?;
    store.tag("ours", None).await?;
    write(&store, &[("a", "2"), ("b", "")]).await?;
    let file = dir.path().join("kv.lance/_refs/tags/ours.json");
    for harm in ["", "{", "moved"] {
        store.compact_with(CompactOptions::default()).await?;
        drop(store);
        match harm {
            "" => std::fs::remove_file(&file).unwrap(),
            "moved" => table(dir.path()).await.tags().update("ours", 1).await.unwrap(),
            bytes => std::fs::write(&file, bytes).unwrap(),
        }
        store = open(LanceConfig::new(dir.path())).await?;
        assert_eq!(shown(dir.path(), "ours").await.unwrap(), rows(&[("a", "1"), ("b", "1")]), "'{harm}'");
    }
    // While it is open, before anything is cleaned up.
    std::fs::remove_file(&file).unwrap();
    store.compact_with(CompactOptions::no_history()).await?;
    assert_eq!(shown(dir.path(), "ours").await.unwrap(), rows(&[("a", "1"), ("b", "1")]));
    Ok(())
}

/// The new table counts its versions anew: another one could have been shown under the tag.
#[tokio::test]
async fn a_tag_of_a_table_that_was_removed_is_one_of_the_store_alone() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    for val in ["one", "two", "1"] {
        write(&store, &[("a", val)]).await?;
        store.flush().await?;
    }
    let version = store.tag("ours", None).await?;
    store.shutdown().await?;
    drop(store);
    std::fs::remove_dir_all(dir.path().join("kv.lance")).unwrap();
    for round in 0..5 {
        let store = open(LanceConfig::new(dir.path())).await?;
        assert_eq!(all(&store, Some(store.tagged("ours").await?)).await?, rows(&[("a", "1")]));
        write(&store, &[("a", &format!("later {round}"))]).await?;
        store.flush().await?;
        match shown(dir.path(), "ours").await {
            Ok(found) => assert_eq!(found, rows(&[("a", "1")]), "round {round}"),
            Err(_) => assert_eq!(lance_tags(dir.path()).await, [""; 0]),
        }
    }
    let store = open(LanceConfig::new(dir.path())).await?;
    assert_eq!(store.untag("ours").await?, version);
    Ok(())
}
