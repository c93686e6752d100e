//! A full disk, for real: a small file system in memory. Needs the right to mount one; without it the test says so and
//! passes.

use super::*;
use kv_api::{Error, ErrorKind};
use std::path::Path;
use std::process::Command;

struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path, bytes: u64) -> Option<Self> {
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]).arg(at).output();
        mount.is_ok_and(|out| out.status.success()).then_some(Self(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_told_loses_nothing_and_is_survived() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let Some(_disk) = SmallDisk::mount(dir.path(), 3 << 20) else {
        eprintln!("skipped: no right to mount a small file system");
        return Ok(());
    };
    let path = dir.path().join("store");
    let store = open(LanceConfig::new(&path)).await?;
    let mut acknowledged = vec![];
    let failure = loop {
        let (key, val) = (format!("{:05}", acknowledged.len()), "x".repeat(50_000));
        match write(&store, &[(&key, &val)]).await {
            Ok(_) => acknowledged.push((key, val)),
            Err(e) => break e,
        }
        assert!(acknowledged.len() < 1000, "the disk is never full");
    };
    assert_eq!(failure.kind(), ErrorKind::UnknownOutcome);
    assert!(failure.to_string().contains("No space left"), "{failure}");
    // No more writes, but reads go on.
    assert!(matches!(write(&store, &[("more", "1")]).await, Err(Error::StoreFailed { .. })));
    assert_eq!(all(&store, None).await?, acknowledged);
    // A flush needs space too.
    assert!(store.flush().await.is_err());
    drop(store);
    // Still full: the store says so rather than open by half.
    std::fs::write(dir.path().join("filler"), vec![0; 4 << 20]).unwrap_err();
    match open(LanceConfig::new(&path)).await {
        Ok(store) => assert!(all(&store, None).await?.starts_with(&acknowledged)),
        Err(e) => assert_eq!(e.kind(), ErrorKind::Io, "{e}"),
    }
    // With space again, everything acknowledged is there; the commit that failed is whole or absent.
    std::fs::remove_file(dir.path().join("filler")).unwrap();
    let remounted = Command::new("mount").args(["-o", "remount,size=64M"]).arg(dir.path()).status();
    assert!(remounted.is_ok_and(|status| status.success()));
    let store = open(LanceConfig::new(&path)).await?;
    let found = all(&store, None).await?;
    assert!(found.starts_with(&acknowledged), "{} of {}", found.len(), acknowledged.len());
    assert!(found.len() <= acknowledged.len() + 1);
    write(&store, &[("more", "1")]).await?;
    store.flush().await?;
    Ok(())
}
