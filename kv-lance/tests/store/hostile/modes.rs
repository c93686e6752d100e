//! Who may read a store.

use super::*;
use std::os::unix::fs::PermissionsExt;

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

/// Files were made as the umask said: for all to read.
#[tokio::test]
async fn what_a_store_makes_is_its_owners_alone() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("above/store");
    make(&path).await?;
    let own = ["", "journal", "runs", "kv.lance", "kv.lance/data", "history.lance", "history.lance/data"];
    for name in own.iter().chain(&["../../above"]) {
        assert_eq!(mode(&path.join(name)), 0o700, "{name}");
    }
    let mut files = 0;
    for (found, (bytes, ..)) in contents(&path) {
        let by_lance =
            ["_versions", "_transactions"].iter().any(|dir| found.components().any(|part| part.as_os_str() == *dir));
        if bytes.is_some() && !by_lance {
            files += 1;
            assert_eq!(mode(&found), 0o600, "{}", found.display());
        }
    }
    // LOCK, HEAD, RECORD, a segment, and runs by two names.
    assert!(files >= 4 + 2 * 2, "{files} files");
    Ok(())
}

#[tokio::test]
async fn a_directory_that_was_there_stays_as_it_is_and_what_is_in_it_is_closed() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    make(dir.path()).await?;
    assert_eq!(mode(dir.path()), 0o755);
    for entry in std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()) {
        assert_eq!(mode(&entry) & 0o077, 0, "{}", entry.display());
    }
    Ok(())
}
