//! What a folder's file system does, tried out with a file that is gone afterwards.

use super::facts::Medium;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// As much as a small commit writes to the journal.
const WRITE: [u8; 4096] = [0; 4096];

/// How many syncs are measured, unless they take longer than [`LIMIT`].
const SYNCS: usize = 101;

const LIMIT: Duration = Duration::from_secs(3);

/// Removes a file when it is dropped.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // It may never have been there; that it stays is seen by its name.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes and syncs as the journal does: within space that the file has already.
pub(super) fn measure(folder: &Path) -> io::Result<Medium> {
    let name = |what: &str| Removed(folder.join(format!(".kv-doctor-{}{what}", std::process::id())));
    let (path, link) = (name(""), name("-link"));
    let mut file = File::options().read(true).write(true).create_new(true).open(&path.0)?;
    let hard_links = fs::hard_link(&path.0, &link.0).is_ok();
    for _ in 0..SYNCS {
        file.write_all(&WRITE)?;
    }
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;

    let begun = Instant::now();
    let mut times = Vec::with_capacity(SYNCS);
    while times.len() < SYNCS && begun.elapsed() < LIMIT {
        let start = Instant::now();
        file.write_all(&WRITE)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    times.sort();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let slowest = times.last().copied().unwrap_or_default();
    Ok(Medium { hard_links, syncs: times.len(), median, slowest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let medium = measure(folder.path())?;
        assert!(medium.hard_links && medium.syncs > 0 && medium.median > Duration::ZERO, "{medium:?}");
        assert!(medium.slowest >= medium.median);
        assert_eq!(fs::read_dir(folder.path())?.count(), 0);
        Ok(())
    }
}
