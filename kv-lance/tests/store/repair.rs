//! Saving what can be saved of a damaged store. That nothing else is saved, whatever is damaged, `damage` tries.

use super::*;
use kv_api::{Error, ErrorKind, Key};
use kv_lance::{Loss, RepairOptions, Repaired, repair};
use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};
use std::path::PathBuf;

type Saved = BTreeMap<String, String>;

/// A store with small blocks that does nothing by itself.
fn config(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir).block_bytes(512).background_optimize(false)
}

/// What a repair saves, of which nothing stays.
async fn saved(dir: &Path, strict: bool) -> Result<(Repaired, Saved)> {
    let into = tempfile::tempdir().unwrap();
    let new = LanceConfig::new(into.path().join("new"));
    let before = super::hostile::contents(dir);
    let repaired = repair(&config(dir), &new, &RepairOptions::default().strict(strict), |_, _| ()).await?;
    assert!(super::hostile::contents(dir) == before, "the damaged store was written to");
    let store = open(new.create(false)).await?;
    let rows = all(&store, None).await?;
    store.shutdown().await?;
    assert_eq!(repaired.keys, rows.len() as u64);
    Ok((repaired, rows.into_iter().collect()))
}

async fn fill(store: &LanceDatastore, rows: &Saved) -> Result<()> {
    let tx = store.begin(TransactionOptions::write()).await?;
    for (key, val) in rows {
        tx.set(key.clone().into(), val.clone().into()).await?;
    }
    tx.commit().await?;
    store.flush().await
}

/// The runs of a store, in the order in which they were made.
fn runs(dir: &Path) -> Vec<PathBuf> {
    let mut runs: Vec<_> = std::fs::read_dir(dir.join("runs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    runs.retain(|path| path.extension().is_some_and(|e| e == "lance"));
    runs.sort_by_key(|path| path.metadata().unwrap().modified().unwrap());
    runs
}

/// Changes bytes of a file in place, as damage does: all its names have it.
fn harm(path: &Path, change: impl FnOnce(&mut [u8])) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    let file = std::fs::File::options().write(true).open(path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 0).unwrap();
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).rposition(|found| found == what).unwrap()
}

fn hides(losses: &[Loss], key: &str) -> bool {
    let key = Key::copy_from_slice(key.as_bytes());
    losses.iter().any(|loss| loss.keys.as_ref().is_some_and(|keys| keys.contains(&key)))
}

/// Keys and values that do not compress.
fn many(count: usize, seed: u64) -> Saved {
    let val = |n: usize| {
        let mut state = seed.wrapping_add(n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            format!("{state:016x}")
        };
        (0..4).map(|_| next()).collect::<String>()
    };
    (0..count).map(|n| (format!("key{n:05}"), val(n))).collect()
}

#[tokio::test]
async fn a_store_that_is_undamaged_is_copied() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    fill(&store, &many(500, 1)).await?;
    write(&store, &[("key00007", ""), ("key00008", "flushed")]).await?;
    store.flush().await?;
    write(&store, &[("key00009", ""), ("key00010", "in the journal")]).await?;
    let right: Saved = all(&store, None).await?.into_iter().collect();
    assert_eq!(right.len(), 498);
    store.shutdown().await?;
    for strict in [false, true] {
        let (repaired, found) = saved(dir.path(), strict).await?;
        assert_eq!((repaired.losses.as_slice(), repaired.doubtful, repaired.commits), (&[][..], 0, 1));
        assert_eq!(found, right);
        assert_eq!(repaired.bytes, right.iter().map(|(key, val)| (key.len() + val.len()) as u64).sum::<u64>());
    }
    Ok(())
}

#[tokio::test]
async fn a_damaged_block_costs_its_rows_and_makes_older_ones_doubtful() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    let (old, mut new) = (many(3000, 1), many(3000, 2));
    fill(&store, &old).await?;
    new.retain(|key, _| key.ends_with('0'));
    fill(&store, &new).await?;
    write(&store, &[("key00000", "newest"), ("key02990", "")]).await?;
    let mut right: Saved = all(&store, None).await?.into_iter().collect();
    store.shutdown().await?;
    let run = runs(dir.path()).pop().unwrap();
    harm(&run, |bytes| {
        let val = new["key01500"].as_bytes();
        let at = find(bytes, &val[20..40]);
        bytes[at] ^= 1;
    });
    let (repaired, found) = saved(dir.path(), false).await?;
    // Outside of the damage all is right, and inside there is what was before.
    let differing: Vec<&String> = right.keys().filter(|key| right.get(*key) != found.get(*key)).collect();
    assert!(differing.contains(&&"key01500".to_owned()), "{differing:?}");
    assert!((1..40).contains(&differing.len()), "{differing:?}");
    assert!(differing.iter().all(|key| found[*key] == old[*key] && hides(&repaired.losses, key)), "{differing:?}");
    assert_eq!((found.len(), repaired.doubtful), (right.len(), differing.len() as u64));
    let [loss] = repaired.losses.as_slice() else { panic!("{:#?}", repaired.losses) };
    assert_eq!((loss.path.file_name(), loss.rows), (run.file_name(), Some(differing.len() as u64)), "{loss:?}");
    assert!(loss.what.contains("checksum") && loss.doubtful == repaired.doubtful, "{loss:?}");
    let (repaired, found) = saved(dir.path(), true).await?;
    differing.into_iter().cloned().collect::<Vec<_>>().iter().for_each(|key| drop(right.remove(key)));
    assert_eq!((found, repaired.losses.len()), (right, 1));
    Ok(())
}

#[tokio::test]
async fn a_damaged_block_of_keys_may_hide_a_deletion() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    let old = many(2000, 1);
    fill(&store, &old).await?;
    let tx = store.begin(TransactionOptions::write()).await?;
    for key in old.keys() {
        tx.del(key.clone().into()).await?;
    }
    tx.commit().await?;
    store.flush().await?;
    write(&store, &[("key01000", "again")]).await?;
    store.shutdown().await?;
    harm(&runs(dir.path()).pop().unwrap(), |bytes| {
        let at = bytes.windows(8).position(|found| found == b"key01500").unwrap();
        bytes[at + 7] ^= 1;
    });
    let (repaired, found) = saved(dir.path(), false).await?;
    assert!(repaired.doubtful > 0 && repaired.doubtful < 2000, "{repaired:?}");
    assert_eq!(found.len() as u64, repaired.doubtful + 1);
    assert!(found.iter().all(|(key, val)| key == "key01000" && val == "again" || old[key] == *val));
    assert!(found.keys().all(|key| key == "key01000" || hides(&repaired.losses, key)));
    let (_, found) = saved(dir.path(), true).await?;
    assert_eq!(found, Saved::from([("key01000".into(), "again".into())]));
    Ok(())
}

#[tokio::test]
async fn a_damaged_index_costs_nothing() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    let right = many(6000, 1);
    fill(&store, &right).await?;
    store.shutdown().await?;
    let run = runs(dir.path()).pop().unwrap();
    let good = std::fs::read(&run).unwrap();
    let index = find(&good, b"kvlanceR");
    // Of the index itself its magic, figures, and what says where the parts are; of the last part its filter, and all of it.
    for at in [index, index + 13, index + 90, index + 200, index - 90] {
        harm(&run, |bytes| bytes[at] ^= 4);
        assert!(kv_lance::verify(&config(dir.path())).await?.damage.iter().any(|damage| damage.what.contains("index")));
        let (repaired, found) = saved(dir.path(), true).await?;
        assert_eq!(found, right, "byte {at}");
        assert!(!repaired.losses.is_empty() && repaired.losses.iter().all(|loss| loss.keys.is_none()), "{repaired:?}");
        harm(&run, |bytes| bytes.copy_from_slice(&good));
    }
    // With the index and what is before it, the blocks of a part are lost, and those of the others are not.
    harm(&run, |bytes| bytes[index - 2000..index + 100].fill(0));
    let (repaired, found) = saved(dir.path(), true).await?;
    assert!(found.len() > 1000 && found.len() < 6000, "{}", found.len());
    assert!(found.iter().all(|(key, val)| right[key] == *val));
    assert!(right.keys().all(|key| found.contains_key(key) || hides(&repaired.losses, key)));
    let lost: u64 = repaired.losses.iter().filter_map(|loss| loss.rows).sum();
    assert_eq!(found.len() as u64 + lost, 6000, "{:#?}", repaired.losses);
    Ok(())
}

#[tokio::test]
async fn commits_around_a_damaged_one_are_saved() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    write(&store, &[("a", "old"), ("b", "old"), ("c", "old"), ("d", "old")]).await?;
    store.flush().await?;
    write(&store, &[("a", "before")]).await?;
    let lost = write(&store, &[("b", "the lost value"), ("x", "lost with it")]).await?;
    write(&store, &[("c", "behind")]).await?;
    store.shutdown().await?;
    let segment = dir.path().join("journal/0000000002.log");
    let good = std::fs::read(&segment).unwrap();
    let at = find(&good, b"the lost value");
    // Of its payload, and of its header, which says where the next one begins.
    for (byte, named) in [(at, true), (at - 30, false)] {
        harm(&segment, |bytes| bytes[byte] ^= 1);
        let (repaired, found) = saved(dir.path(), false).await?;
        let expected = [("a", "before"), ("b", "old"), ("c", "behind"), ("d", "old")];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), rows(&expected));
        let [loss] = repaired.losses.as_slice() else { panic!("{:#?}", repaired.losses) };
        assert_eq!((repaired.commits, repaired.doubtful, loss.doubtful), (2, 3, 3), "{loss:?}");
        assert_eq!(loss.keys, Some((Bound::Unbounded, Bound::Unbounded)));
        assert!(loss.path.ends_with("0000000002.log"), "{loss:?}");
        assert_eq!(loss.what.contains(&format!("version {lost},")), named, "{loss:?}");
        // What was written behind it is certain.
        let (_, found) = saved(dir.path(), true).await?;
        assert_eq!(found.into_iter().collect::<Vec<_>>(), rows(&[("c", "behind")]));
        harm(&segment, |bytes| bytes.copy_from_slice(&good));
    }
    // A segment that is gone may have held anything.
    std::fs::remove_file(&segment).unwrap();
    let (repaired, found) = saved(dir.path(), false).await?;
    assert_eq!((found.len() as u64, repaired.doubtful, repaired.commits), (4, 4, 0));
    assert!(repaired.losses[0].what.contains("missing"), "{repaired:?}");
    assert_eq!(saved(dir.path(), true).await?.1, Saved::new());
    Ok(())
}

#[tokio::test]
async fn without_a_state_all_runs_are_read_and_doubtful() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    write(&store, &[("a", "1"), ("b", "1")]).await?;
    store.flush().await?;
    write(&store, &[("a", "2")]).await?;
    store.flush().await?;
    write(&store, &[("c", "3")]).await?;
    store.shutdown().await?;
    std::fs::remove_file(dir.path().join("runs/RECORD")).unwrap();
    std::fs::remove_dir_all(dir.path().join("kv.lance/_versions")).unwrap();
    let (repaired, found) = saved(dir.path(), false).await?;
    assert_eq!(found.into_iter().collect::<Vec<_>>(), rows(&[("a", "2"), ("b", "1"), ("c", "3")]));
    assert_eq!((repaired.doubtful, repaired.commits), (2, 1));
    assert!(repaired.losses.iter().any(|loss| loss.what.contains("nothing says which")), "{repaired:?}");
    assert_eq!(saved(dir.path(), true).await?.1.into_iter().collect::<Vec<_>>(), rows(&[("c", "3")]));
    Ok(())
}

#[tokio::test]
async fn what_was_deleted_does_not_come_back_from_history() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    write(&store, &[("a", "1"), ("b", "1")]).await?;
    store.flush().await?;
    write(&store, &[("a", "")]).await?;
    store.flush().await?;
    store.compact().await?;
    let right: Saved = all(&store, None).await?.into_iter().collect();
    store.shutdown().await?;
    assert_eq!(saved(dir.path(), false).await?.1, right);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_repaired_is_refused() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let store = open(config(&path("store"))).await?;
    write(&store, &[("a", "1")]).await?;
    let into = async |from: &str, into: PathBuf| -> Error {
        let into = LanceConfig::new(into);
        repair(&config(&path(from)), &into, &RepairOptions::default(), |_, _| ()).await.unwrap_err()
    };
    let open_elsewhere = into("store", path("new")).await;
    assert!(matches!(open_elsewhere, Error::StoreLocked { .. }), "{open_elsewhere}");
    store.shutdown().await?;
    std::fs::create_dir_all(path("full/of")).unwrap();
    std::fs::write(path("file"), "").unwrap();
    std::fs::create_dir_all(path("none")).unwrap();
    std::os::unix::fs::symlink(path("store"), path("link")).unwrap();
    for (from, to, why) in [
        ("store", path("full"), "it holds something"),
        ("store", path("store"), "lies in the store"),
        ("store", path("store/new"), "lies in the store"),
        ("store", path("link/a/b"), "lies in the store"),
        ("store", path("full/../store/runs/new"), "lies in the store"),
        ("store", path("file"), "is a file"),
        ("none", path("new"), "it holds none of 'kv.lance'"),
        ("nowhere", path("new"), "there is nothing"),
        ("file", path("new"), "it is a file"),
    ] {
        let e = into(from, to.clone()).await;
        assert!(e.kind() == ErrorKind::CannotOpen && e.to_string().contains(why), "{from} {}: {e}", to.display());
        assert!(!path("new").exists());
    }
    assert_eq!(into("store", path("nowhere/../new")).await.kind(), ErrorKind::Io);
    // Of another format: the header of the first segment, with its checksum.
    let segment = path("store/journal/0000000001.log");
    harm(&segment, |bytes| {
        bytes[8..12].copy_from_slice(&5u32.to_le_bytes());
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[16..24]);
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
    });
    let e = into("store", path("new")).await;
    assert!(matches!(&e, Error::UnsupportedFormat { found, .. } if found == "5"), "{e}");
    assert!(!path("new").exists());
    Ok(())
}
