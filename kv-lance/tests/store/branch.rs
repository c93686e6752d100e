//! Branches: they begin with what the store has, and neither ever changes the other.

use super::*;
use futures::TryStreamExt;
use kv_api::{ChangeFilter, Error};
use kv_lance::{CompactOptions, Durability};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

type Model = BTreeMap<String, String>;

fn small(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir)
        .memtable_bytes(1 << 10)
        .partition_bytes(1 << 10)
        .block_bytes(256)
        .durability(Durability::Eventual)
}

async fn step(store: &LanceDatastore, random: &mut Random, model: &mut Model) {
    let tx = store.begin(TransactionOptions::write()).await.unwrap();
    for _ in 0..1 + random.below(8) {
        let key = format!("key{:03}", random.below(300));
        match random.below(6) {
            0 => {
                tx.del(key.clone().into()).await.unwrap();
                model.remove(&key);
            }
            1 => {
                tx.clr(key.clone().into()).await.unwrap();
                model.remove(&key);
            }
            _ => {
                let val = "v".repeat(1 + random.below(30) as usize);
                tx.set(key.clone().into(), val.clone().into()).await.unwrap();
                model.insert(key, val);
            }
        }
    }
    tx.commit().await.unwrap();
}

fn of(model: &Model) -> Rows {
    model.iter().map(|(key, val)| (key.clone(), val.clone())).collect()
}

/// What the two have otherwise, as a comparison of whole models finds it.
fn differing(ours: &Model, theirs: &Model) -> Vec<(String, Option<String>, Option<String>)> {
    let keys: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let pair = |key: &String| (key.clone(), ours.get(key).cloned(), theirs.get(key).cloned());
    keys.into_iter().map(pair).filter(|(_, old, new)| old != new).collect()
}

async fn diff(ours: &LanceDatastore, theirs: &LanceDatastore) -> Vec<(String, Option<String>, Option<String>)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let found: Vec<_> = ours.diff_with(theirs, KeyRange::all()).unwrap().try_collect().await.unwrap();
    found.into_iter().map(|d| (text(&d.key), d.old.map(|v| text(&v)), d.new.map(|v| text(&v)))).collect()
}

/// Both are written to, flushed, compacted with and without history, opened again, and branched again.
#[tokio::test]
async fn a_branch_and_its_origin_go_their_own_ways() -> Result<()> {
    for seed in 1..5 {
        let dir = tempfile::tempdir().unwrap();
        let path = |number: usize| dir.path().join(format!("store{number}"));
        let mut random = Random(seed * 7);
        let mut stores: Vec<(LanceDatastore, Model)> = vec![(open(small(&path(0))).await?, Model::new())];
        for number in 0..200 {
            let chosen = random.below(stores.len() as u64) as usize;
            let made = stores.len();
            let (store, model) = &mut stores[chosen];
            step(store, &mut random, model).await;
            match random.below(30) {
                0 => store.flush().await?,
                1 => store.compact().await?,
                2 => store.compact_with(CompactOptions::no_history()).await?,
                3 => {
                    store.shutdown().await?;
                    *store = open(small(&path(chosen))).await?;
                }
                4 | 5 if made < 5 => {
                    let version = store.make_branch(path(made), None).await?;
                    assert_eq!(version, store.current_version().await?);
                    let branch = open(small(&path(made))).await?;
                    assert_eq!(branch.current_version().await?, version);
                    let model = model.clone();
                    stores.push((branch, model));
                }
                _ => {}
            }
            for (store, model) in &stores {
                if number % 20 == 19 {
                    assert_eq!(all(store, None).await?, of(model), "seed {seed}, {number}");
                    let (first, ours) = &stores[0];
                    assert_eq!(diff(first, store).await, differing(ours, model), "seed {seed}, {number}");
                    assert_eq!(diff(store, first).await, differing(model, ours), "seed {seed}, {number}");
                }
            }
        }
        assert!(stores.len() > 1, "seed {seed}");
        // The origin goes; nothing of the others goes with it.
        let (origin, _) = stores.remove(0);
        origin.shutdown().await?;
        assert!(kv_lance::verify(&small(&path(0))).await?.damage.is_empty());
        drop(origin);
        std::fs::remove_dir_all(path(0)).unwrap();
        for (number, (store, model)) in stores.into_iter().enumerate() {
            assert_eq!(all(&store, None).await?, of(&model), "seed {seed}");
            store.shutdown().await?;
            let verified = kv_lance::verify(&small(&path(number + 1))).await?;
            assert!(verified.damage.is_empty(), "seed {seed}: {:?}", verified.damage);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_branch_has_the_history_and_shares_the_files() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (origin, branch) = (dir.path().join("origin"), dir.path().join("branch"));
    let store = open(LanceConfig::new(&origin)).await?;
    let first = write(&store, &[("a", "1"), ("b", "1")]).await?;
    store.flush().await?;
    let second = write(&store, &[("a", "2")]).await?;
    store.tag("ours", None).await?;
    store.compact().await?;
    let third = write(&store, &[("b", "")]).await?;
    assert_eq!(store.make_branch(&branch, None).await?, third);
    let files = |dir: &Path| -> Vec<u64> {
        let runs = std::fs::read_dir(dir.join("runs")).unwrap().map(|file| file.unwrap().path());
        let runs = runs.filter(|path| path.extension().is_some_and(|e| e == "lance"));
        let mut files: Vec<_> = runs.map(|path| std::fs::metadata(path).unwrap().ino()).collect();
        files.sort_unstable();
        files
    };
    assert!(files(&branch).len() > 1 && files(&branch).iter().all(|file| files(&origin).contains(file)));
    let branched = open(LanceConfig::new(&branch)).await?;
    for store in [&store, &branched] {
        assert_eq!(all(store, Some(first)).await?, rows(&[("a", "1"), ("b", "1")]));
        assert_eq!(all(store, Some(second)).await?, rows(&[("a", "2"), ("b", "1")]));
        assert_eq!(all(store, None).await?, rows(&[("a", "2")]));
    }
    assert_eq!(branched.tags().await?, []);
    // Its feed goes on from what it began with.
    let mut feed = branched.changes(third, ChangeFilter::default()).await?;
    let fourth = write(&branched, &[("c", "4")]).await?;
    assert!(fourth > third);
    assert_eq!(feed.next().await?.unwrap().num_rows(), 1);
    assert_eq!(all(&store, None).await?, rows(&[("a", "2")]));
    // Other readers find it as well.
    branched.flush().await?;
    let table = lance::Dataset::open(branch.join("kv.lance").to_str().unwrap()).await.unwrap();
    assert!(table.count_rows(None).await.unwrap() >= 2);
    Ok(())
}

#[tokio::test]
async fn a_branch_begins_at_a_tag() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(small(&dir.path().join("store"))).await?;
    let (mut random, mut model) = (Random(11), Model::new());
    for _ in 0..60 {
        step(&store, &mut random, &mut model).await;
    }
    let tagged = store.tag("then", None).await?;
    let then = model.clone();
    for _ in 0..60 {
        step(&store, &mut random, &mut model).await;
    }
    store.compact_with(CompactOptions::no_history()).await?;
    let into = dir.path().join("then");
    assert_eq!(store.make_branch(&into, Some("then")).await?, tagged);
    let branch = open(small(&into)).await?;
    assert_eq!(all(&branch, None).await?, of(&then));
    assert_eq!(all(&branch, Some(tagged)).await?, of(&then));
    let before = branch.begin(TransactionOptions::read()).await?.get(b"key000", Some(tagged - 1)).await;
    assert!(matches!(before, Err(Error::VersionNotRetained { .. })), "{before:?}");
    // Where the tag goes, the branch stays.
    store.untag("then").await?;
    store.compact_with(CompactOptions::no_history()).await?;
    let mut of_branch = then.clone();
    for _ in 0..60 {
        step(&branch, &mut random, &mut of_branch).await;
    }
    branch.compact().await?;
    assert_eq!((all(&branch, None).await?, all(&store, None).await?), (of(&of_branch), of(&model)));
    assert_eq!(diff(&branch, &store).await, differing(&of_branch, &model));
    branch.shutdown().await?;
    assert!(kv_lance::verify(&small(&into)).await?.damage.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_store_without_a_commit_can_be_branched() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (origin, into) = (dir.path().join("origin"), dir.path().join("branch"));
    for versioned in [true, false] {
        let store = open(LanceConfig::new(&origin).versioned(versioned)).await?;
        store.make_branch(&into, None).await?;
        let branch = open(LanceConfig::new(&into).versioned(versioned)).await?;
        assert_eq!(all(&branch, None).await?, []);
        let tx = branch.begin(TransactionOptions::write()).await?;
        tx.set("a".into(), "1".into()).await?;
        tx.commit().await?;
        assert_eq!((all(&branch, None).await?.len(), all(&store, None).await?.len()), (1, 0));
        drop((branch, store));
        std::fs::remove_dir_all(&origin).unwrap();
        assert_eq!(all(&open(LanceConfig::new(&into).versioned(versioned)).await?, None).await?, rows(&[("a", "1")]));
        std::fs::remove_dir_all(&into).unwrap();
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_branched_is_named_and_leaves_nothing() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (origin, into) = (dir.path().join("origin"), dir.path().join("branch"));
    let store = open(LanceConfig::new(&origin)).await?;
    let first = write(&store, &[("a", "1")]).await?;
    write(&store, &[("a", "2")]).await?;
    store.tag("older", Some(first)).await?;
    let missing = store.make_branch(&into, Some("missing")).await;
    assert!(matches!(&missing, Err(Error::TagNotFound { name }) if name == "missing"), "{missing:?}");
    let older = store.make_branch(&into, Some("older")).await;
    assert!(matches!(&older, Err(Error::Unsupported { .. })), "{older:?}");
    assert!(!into.exists());
    for (place, said) in [(origin.join("branch"), "lies in the store"), (origin.clone(), "lies in the store")] {
        let refused = store.make_branch(&place, None).await;
        assert!(matches!(&refused, Err(Error::NotAStore { reason, .. }) if reason.contains(said)), "{refused:?}");
    }
    std::fs::create_dir(&into).unwrap();
    std::fs::write(into.join("file"), b"theirs").unwrap();
    let refused = store.make_branch(&into, None).await;
    assert!(
        matches!(&refused, Err(Error::NotAStore { reason, .. }) if reason.contains("holds something")),
        "{refused:?}"
    );
    assert_eq!(std::fs::read(into.join("file")).unwrap(), b"theirs");
    // Another file system has no names of these files.
    if std::fs::metadata("/dev/shm").is_ok_and(|other| other.dev() != std::fs::metadata(&origin).unwrap().dev()) {
        let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap().path().join("branch");
        let refused = store.make_branch(&elsewhere, None).await;
        assert!(matches!(&refused, Err(Error::Io { .. })), "{refused:?}");
        assert!(!elsewhere.exists());
    }
    let reader = LanceDatastore::open_read_only(LanceConfig::new(&origin)).await?;
    assert!(matches!(reader.make_branch(dir.path().join("other"), None).await, Err(Error::StoreReadonly { .. })));
    store.shutdown().await?;
    assert!(matches!(store.make_branch(dir.path().join("other"), None).await, Err(Error::StoreClosed)));
    assert!(!dir.path().join("other").exists());
    assert_eq!(all(&open(LanceConfig::new(&origin)).await?, None).await?, rows(&[("a", "2")]));
    Ok(())
}
