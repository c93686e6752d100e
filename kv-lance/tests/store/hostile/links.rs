//! Symbolic links, hard links and pipes in the place of a store's files.

use super::*;
use kv_api::Error;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::os::unix::fs::symlink;

async fn refused(dir: &Path) -> Error {
    match use_it(dir).await {
        Err(e) => e,
        Ok(_) => panic!("the store opened"),
    }
}

/// Files were removed from the directory that `runs` was a link to, and written to through `RECORD.draft`.
#[tokio::test]
async fn a_symbolic_link_in_a_store_is_refused_and_nothing_behind_it_is_touched() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, outside) = (dir.path().join("store"), dir.path().join("outside"));
    let expected = make(&store).await?;
    std::fs::create_dir(&outside).unwrap();
    let mut paths: Vec<PathBuf> = ["kv.lance", "history.lance", "runs", "journal", "LOCK", "kv.lance/data"]
        .iter()
        .chain(&["kv.lance/_versions", "history.lance/data", "journal/HEAD", "runs/RECORD"])
        .map(|name| store.join(name))
        .collect();
    paths.extend(
        [(store.join("runs"), ".lance"), (store.join("kv.lance/_versions"), ".manifest")].map(|(d, s)| file(&d, s)),
    );
    paths.push(file(&store.join("journal"), ".log"));
    for path in paths {
        let moved = outside.join("moved");
        std::fs::rename(&path, &moved).unwrap();
        // What a clean-up would remove.
        let bait = if moved.is_dir() { moved.join("bait.lance") } else { outside.join("bait.lance") };
        std::fs::write(&bait, "bait").unwrap();
        symlink(&moved, &path).unwrap();
        let before = contents(&outside);
        let text = refused(&store).await.to_string();
        let name = path.strip_prefix(&store).unwrap().to_str().unwrap();
        assert!(text.contains(name) && text.contains("symbolic link"), "{name}: {text}");
        assert!(kv_lance::restore(&LanceConfig::new(&store)).await.is_err(), "{name}");
        assert!(contents(&outside) == before, "{name}");
        std::fs::remove_file(&path).unwrap();
        std::fs::remove_file(&bait).unwrap();
        std::fs::rename(&moved, &path).unwrap();
    }
    // Names that are not there yet.
    for name in ["runs/RECORD.draft", "runs/more", "journal/0000000009.log", "kv.lance/_transactions/x"] {
        std::fs::write(outside.join("victim"), "all of it").unwrap();
        symlink(outside.join("victim"), store.join(name)).unwrap();
        let text = refused(&store).await.to_string();
        assert!(text.contains(name) && text.contains("symbolic link"), "{name}: {text}");
        assert_eq!(std::fs::read(outside.join("victim")).unwrap(), b"all of it");
        std::fs::remove_file(store.join(name)).unwrap();
    }
    assert_eq!(use_it(&store).await?, expected);
    Ok(())
}

#[tokio::test]
async fn the_path_to_a_store_may_have_links_in_it() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let expected = make(&dir.path().join("store")).await?;
    symlink(dir.path().join("store"), dir.path().join("link")).unwrap();
    assert_eq!(use_it(&dir.path().join("link")).await?, expected);
    Ok(())
}

/// A link that comes while the store is open is not followed either.
#[tokio::test]
async fn a_link_that_comes_later_is_not_written_through() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim");
    std::fs::write(&victim, "all of it").unwrap();
    let store = open(LanceConfig::new(dir.path().join("store"))).await?;
    write(&store, &[("a", "1")]).await?;
    symlink(&victim, dir.path().join("store/journal/0000000002.log")).unwrap();
    symlink(&victim, dir.path().join("store/runs/RECORD.draft")).unwrap();
    // It begins a segment. Where the record cannot be written, that is told in the log.
    let flushed = store.flush().await;
    assert!(flushed.is_err_and(|e| e.to_string().contains("0000000002.log: it is a symbolic link")));
    assert_eq!(std::fs::read(&victim).unwrap(), b"all of it");
    Ok(())
}

/// A copy made of hard links (`cp -al`) shared its journal with the store: each saw the other's commits, and damage.
#[tokio::test]
async fn a_file_with_other_names_is_not_written_to() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (store, outside) = (dir.path().join("store"), dir.path().join("outside"));
    let expected = make(&store).await?;
    std::fs::create_dir(&outside).unwrap();
    // An empty segment, which is begun anew.
    open(LanceConfig::new(&store)).await?.flush().await?;
    let segment = file(&store.join("journal"), ".log");
    for path in [store.join("LOCK"), store.join("journal/HEAD"), segment] {
        let other = outside.join("other");
        std::fs::hard_link(&path, &other).unwrap();
        let before = contents(&outside);
        let text = refused(&store).await.to_string();
        assert!(text.contains(path.to_str().unwrap()) && text.contains("hard links"), "{text}");
        assert!(contents(&outside) == before, "{}", path.display());
        std::fs::remove_file(&other).unwrap();
    }
    // Runs are never written to.
    let run = file(&store.join("runs"), ".lance");
    std::fs::hard_link(&run, outside.join("other")).unwrap();
    let before = contents(&outside);
    assert_eq!(use_it(&store).await?, expected);
    assert!(!run.exists() && contents(&outside) == before);
    Ok(())
}

/// Whoever opened such a store waited for the other end of the pipe.
#[tokio::test]
async fn a_pipe_in_the_place_of_a_file_keeps_nobody_waiting() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let expected = make(dir.path()).await?;
    let segment = file(&dir.path().join("journal"), ".log");
    let run = file(&dir.path().join("runs"), ".lance");
    for path in [dir.path().join("LOCK"), dir.path().join("journal/HEAD"), dir.path().join("runs/RECORD"), segment, run]
    {
        let kept = dir.path().join("runs/kept");
        std::fs::rename(&path, &kept).unwrap();
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let text = refused(dir.path()).await.to_string();
        assert!(text.contains(path.to_str().unwrap()), "{text}");
        std::fs::rename(&kept, &path).unwrap();
    }
    assert_eq!(use_it(dir.path()).await?, expected);
    Ok(())
}
