//! Tagged versions are exact while everything around them is pruned, and nothing else is kept.

use super::*;
use kv_api::Error;
use std::collections::BTreeMap;

type Tagged = BTreeMap<String, (Version, Model)>;

async fn are_exact(store: &LanceDatastore, tagged: &Tagged) -> Result<()> {
    assert_eq!(names(store).await?, tagged.keys().cloned().collect::<Vec<_>>());
    for (name, (version, model)) in tagged {
        assert_eq!(store.tagged(name).await?, *version);
        assert_eq!(all(store, Some(*version)).await?, of_model(model), "{name} at {version}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tagged_versions_are_exact_while_everything_else_is_pruned() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(forgetful(dir.path())).await?;
    let (mut random, mut model) = (Random(11), Model::new());
    let (mut tagged, mut recent) = (Tagged::new(), Vec::new());
    let mut late = 0;
    for number in 0..240 {
        recent.push((step(&store, &mut random, &mut model, number).await?, model.clone()));
        match number % 12 {
            3 => {
                let version = store.tag(&format!("t{number}"), None).await?;
                tagged.insert(format!("t{number}"), (version, model.clone()));
            }
            // One of a few commits ago, where it is not gone already.
            9 => {
                let (version, model) = recent[recent.len() - 3].clone();
                match store.tag(&format!("t{number}"), Some(version)).await {
                    Ok(of) => {
                        assert_eq!(of, version);
                        tagged.insert(format!("t{number}"), (version, model));
                        late += 1;
                    }
                    Err(Error::VersionNotRetained { requested, oldest }) => {
                        assert!(requested == version && version < oldest)
                    }
                    Err(other) => return Err(other),
                }
            }
            11 if number % 24 == 11 => {
                let name = tagged.keys().nth(random.below(tagged.len() as u64) as usize).unwrap().clone();
                assert_eq!(store.untag(&name).await?, tagged.remove(&name).unwrap().0);
            }
            _ => {}
        }
        match number % 80 {
            30 => store.compact_with(at_once()).await?,
            50 => store.compact_with(CompactOptions::no_history()).await?,
            65 => {
                drop(store);
                store = open(forgetful(dir.path())).await?;
            }
            79 => are_exact(&store, &tagged).await?,
            _ => {}
        }
    }
    assert!(tagged.len() > 8 && late > 0, "{} tags, {late} of a version from before", tagged.len());
    store.compact_with(CompactOptions::no_history()).await?;
    are_exact(&store, &tagged).await?;
    let (first, _) = recent[0];
    assert!(matches!(all(&store, Some(first)).await, Err(Error::VersionNotRetained { .. })));

    // What one tag kept is free once it is gone, and what the others keep is not.
    let mut kept = figure(&store, "history_rows");
    while let Some((name, (version, _))) = tagged.pop_first() {
        store.untag(&name).await?;
        if !tagged.values().any(|(other, _)| *other == version) && tagged.len().is_multiple_of(5) {
            store.compact_with(CompactOptions::no_history()).await?;
            are_exact(&store, &tagged).await?;
            assert!(
                figure(&store, "history_rows") < kept,
                "{} rows of history, {kept} before",
                figure(&store, "history_rows")
            );
            kept = figure(&store, "history_rows");
            assert!(matches!(all(&store, Some(version)).await, Err(Error::VersionNotRetained { .. })), "{version}");
        }
    }
    store.compact_with(CompactOptions::no_history()).await?;
    assert_eq!((figure(&store, "history_rows"), figure(&store, "tags")), (0, 0));
    assert_eq!(all(&store, None).await?, of_model(&model));
    store.shutdown().await?;
    drop(store);
    assert_eq!(kv_lance::verify(&forgetful(dir.path())).await?.damage, []);
    Ok(())
}

/// A run of which a tag keeps all that is in it is not written again by each compaction.
#[tokio::test]
async fn what_a_tag_keeps_is_left_alone_by_compactions() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1"), ("b", "1"), ("c", "1")]).await?;
    let tagged = store.tag("kept", None).await?;
    write(&store, &[("a", "2"), ("b", "")]).await?;
    write(&store, &[("a", "3")]).await?;
    store.compact_with(CompactOptions::no_history()).await?;
    let files = |store: &LanceDatastore| store.history().into_iter().map(|run| run.file).collect::<Vec<_>>();
    let before = files(&store);
    assert_eq!((before.len(), figure(&store, "history_rows")), (1, 2));
    for _ in 0..3 {
        store.compact_with(CompactOptions::no_history()).await?;
    }
    assert_eq!(files(&store), before);
    assert_eq!(all(&store, Some(tagged)).await?, rows(&[("a", "1"), ("b", "1"), ("c", "1")]));
    // It goes as a whole with the tag, without a compaction.
    store.untag("kept").await?;
    assert_eq!(figure(&store, "history_runs"), 0);
    Ok(())
}

/// What another tool did to the table, and `restore`, leave the tags.
#[tokio::test]
async fn restoring_a_store_keeps_its_tags() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(forgetful(dir.path())).await?;
    write(&store, &[("a", "1"), ("b", "1")]).await?;
    let version = store.tag("kept", None).await?;
    write(&store, &[("a", "2"), ("b", "")]).await?;
    store.compact_with(CompactOptions::no_history()).await?;
    store.shutdown().await?;
    drop(store);
    let mut outside = lance::Dataset::open(dir.path().join("kv.lance").to_str().unwrap()).await.unwrap();
    outside.delete("true").await.unwrap();
    assert!(matches!(open(forgetful(dir.path())).await, Err(Error::TableChanged { .. })));
    kv_lance::restore(&forgetful(dir.path())).await?.unwrap();
    let store = open(forgetful(dir.path())).await?;
    assert_eq!(all(&store, None).await?, rows(&[("a", "2")]));
    assert_eq!(store.tagged("kept").await?, version);
    assert_eq!(all(&store, Some(version)).await?, rows(&[("a", "1"), ("b", "1")]));
    Ok(())
}

#[tokio::test]
async fn a_store_that_is_opened_without_versions_keeps_what_is_tagged() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1")]).await?;
    let version = store.tag("kept", None).await?;
    drop(store);
    let store = open(LanceConfig::new(dir.path()).versioned(false)).await?;
    assert!(matches!(store.tags().await, Err(Error::Unsupported { .. })));
    for val in ["2", "3"] {
        let tx = store.begin(TransactionOptions::write()).await?;
        tx.set("a".into(), val.into()).await?;
        tx.commit().await?;
        store.compact().await?;
    }
    drop(store);
    let store = open(LanceConfig::new(dir.path())).await?;
    assert_eq!(all(&store, Some(store.tagged("kept").await?)).await?, rows(&[("a", "1")]));
    assert_eq!((all(&store, None).await?, store.tagged("kept").await?), (rows(&[("a", "3")]), version));
    Ok(())
}
