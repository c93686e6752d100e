//! Whatever is done to the journal's files, the store says so or gives the right answer.

use super::*;
use kv_api::ErrorKind;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The files of a folder, by their paths.
type Files = BTreeMap<PathBuf, Vec<u8>>;

fn read_folder(dir: &Path) -> Files {
    let paths = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn write_folder(dir: &Path, files: &Files) {
    std::fs::remove_dir_all(dir).unwrap();
    std::fs::create_dir(dir).unwrap();
    files.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
}

/// A copy of the files of a running store is what a kill leaves.
fn copy_store(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy_store(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// Makes a store with `flushes` flushes and a commit behind each, closed or as a kill leaves it,
/// and what is in it.
async fn make(dir: &Path, flushes: usize, closed: bool) -> Result<Rows> {
    let live = dir.join("live");
    let store = open(LanceConfig::new(&live)).await?;
    let mut expected = vec![];
    for i in 0..=flushes {
        let (key, val) = numbered(i);
        write(&store, &[(&key, &val)]).await?;
        expected.push((key, val));
        if i < flushes {
            store.flush().await?;
        }
    }
    if closed {
        store.shutdown().await?;
    }
    copy_store(&live, &dir.join("store"));
    Ok(expected)
}

async fn read_back(dir: &Path) -> Result<Rows> {
    let store = open(LanceConfig::new(dir).create(false)).await?;
    let found = all(&store, None).await;
    store.shutdown().await?;
    found
}

/// The store opened without its last commits, and said nothing.
#[tokio::test]
async fn a_newest_segment_that_was_removed_or_cut_is_noticed() -> Result<()> {
    for (flushes, closed) in [(0, true), (0, false), (1, true), (1, false), (3, true)] {
        let dir = tempfile::tempdir().unwrap();
        let expected = make(dir.path(), flushes, closed).await?;
        let (store, journal) = (dir.path().join("store"), dir.path().join("store/journal"));
        let good = read_folder(&journal);
        let newest = good.keys().rfind(|path| path.extension().is_some()).unwrap();
        let case = format!("{flushes} flushes, closed: {closed}");
        for cut in [None, Some(0), Some(10), Some(24), Some(good[newest].len() - 48), Some(good[newest].len() - 1)] {
            write_folder(&journal, &good);
            match cut {
                None => std::fs::remove_file(newest).unwrap(),
                Some(len) => std::fs::write(newest, &good[newest][..len]).unwrap(),
            }
            let refused = read_back(&store).await;
            match refused {
                Err(e) => {
                    assert_eq!(e.kind(), ErrorKind::Corruption, "{case}, {cut:?}: {e}");
                    let name = newest.file_name().unwrap().to_string_lossy();
                    assert!(e.to_string().contains(&*name), "{case}, {cut:?}: {e}");
                }
                // A running store has zeros there.
                Ok(found) => assert!(!closed && found == expected, "{case}, {cut:?}: opened with {found:?}"),
            }
        }
        write_folder(&journal, &good);
        assert_eq!(read_back(&store).await?, expected, "{case}");
    }
    Ok(())
}

#[tokio::test]
async fn every_damage_to_a_closed_journal_gives_an_error_or_the_right_answer() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().to_path_buf();
    let mut expected = vec![];
    // Four openings: as many segments.
    for i in 0..4 {
        let (key, val) = numbered(i);
        let opened = open(LanceConfig::new(&store)).await?;
        write(&opened, &[(&key, &val)]).await?;
        write(&opened, &[(&format!("{key} too"), &val)]).await?;
        expected.extend([(key.clone(), val.clone()), (format!("{key} too"), val)]);
        opened.shutdown().await?;
    }
    let journal = store.join("journal");
    let good = read_folder(&journal);
    let mut errors = 0;
    for (path, bytes) in &good {
        let cuts = (0..bytes.len()).step_by(7).map(|len| bytes[..len].to_vec());
        let flips = (0..bytes.len()).step_by(5).map(|at| {
            let mut bad = bytes.clone();
            bad[at] ^= 0x20;
            bad
        });
        let longer = [[bytes.as_slice(), b"\0\0\0\0\0\0\0\x01"].concat()];
        for (i, damage) in std::iter::once(None).chain(cuts.chain(flips).chain(longer).map(Some)).enumerate() {
            write_folder(&journal, &good);
            match damage {
                None => std::fs::remove_file(path).unwrap(),
                Some(bad) => std::fs::write(path, bad).unwrap(),
            }
            match read_back(&store).await {
                Ok(found) => assert_eq!(found, expected, "damage {i} of {}", path.display()),
                Err(e) => {
                    assert_eq!(e.kind(), ErrorKind::Corruption, "damage {i} of {}: {e}", path.display());
                    errors += 1;
                }
            }
        }
    }
    assert!(errors > 100, "only {errors} errors");
    Ok(())
}

/// Stores of the same format that were made before there was a `HEAD` open, and have one from then
/// on.
#[tokio::test]
async fn a_journal_without_a_head_opens_and_gets_one() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let expected = make(dir.path(), 1, false).await?;
    let store = dir.path().join("store");
    std::fs::remove_file(store.join("journal/HEAD")).unwrap();
    assert_eq!(read_back(&store).await?, expected);
    let newest = read_folder(&store.join("journal")).into_keys().rfind(|path| path.extension().is_some()).unwrap();
    assert_eq!(read_back(&store).await?, expected);
    std::fs::remove_file(newest).unwrap();
    assert_eq!(read_back(&store).await.unwrap_err().kind(), ErrorKind::Corruption);
    Ok(())
}

/// Without the record of the table nothing says that the journal's commits are all that there was.
#[tokio::test]
async fn a_creation_cut_off_before_the_table_is_completed_but_commits_without_a_table_are_refused() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    for (empty, record) in [(true, true), (true, false), (false, true), (false, false)] {
        let path = dir.path().join(format!("empty {empty} record {record}"));
        let store = open(LanceConfig::new(&path)).await?;
        if !empty {
            write(&store, &[("a", "1")]).await?;
        }
        store.shutdown().await?;
        std::fs::remove_dir_all(path.join("kv.lance")).unwrap();
        if !record {
            std::fs::remove_file(path.join("runs/RECORD")).unwrap();
        }
        match open(LanceConfig::new(&path)).await {
            Ok(store) if empty => assert!(all(&store, None).await?.is_empty()),
            Ok(store) => assert!(record && all(&store, None).await? == rows(&[("a", "1")])),
            Err(e) => assert!(!empty && !record && e.kind() == ErrorKind::CannotOpen, "{e}"),
        }
    }
    Ok(())
}
