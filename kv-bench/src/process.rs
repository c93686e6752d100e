//! What this process has used, as Linux tells it.

use crate::cpu;
use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Counters since the start of the process; `None` where the system does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// Bytes handed to the medium.
    pub bytes_written: Option<u64>,
    /// Seconds of processor time, user and system.
    pub cpu_s: Option<f64>,
}

impl Usage {
    /// The counters as of now.
    pub fn now() -> Self {
        let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
        Self { bytes_written: field(&io, "write_bytes:"), cpu_s: cpu::seconds() }
    }

    /// What was used since `before`.
    pub fn since(self, before: Self) -> Self {
        let bytes = |(now, before): (u64, u64)| now.saturating_sub(before);
        Self {
            bytes_written: self.bytes_written.zip(before.bytes_written).map(bytes),
            cpu_s: self.cpu_s.zip(before.cpu_s).map(|(now, before)| now - before),
        }
    }
}

/// Resident memory in MB.
pub fn resident_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    field(&status, "VmRSS:").map(|kib| kib as f64 * 1024.0 / 1e6)
}

/// How many files, sockets and the like this process has open.
pub fn open_handles() -> Option<u64> {
    // The listing is a handle of its own.
    let listed = std::fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    Some(listed.saturating_sub(1))
}

/// The number after `name` at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// The space that the files in `dir` take, which is not their length where a file has holes. A file that has several names
/// there takes its space once.
///
/// # Errors
/// What the system says, except of files that are gone meanwhile.
pub fn disk_bytes(dir: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    let mut linked = HashSet::new();
    for_each_file(dir, &mut |path| {
        let file = std::fs::metadata(path)?;
        if file.nlink() == 1 || linked.insert((file.dev(), file.ino())) {
            bytes += file.blocks() * 512;
        }
        Ok(())
    })?;
    Ok(bytes)
}

/// Writes the files in `dir` to the medium and drops them from the page cache.
///
/// # Errors
/// What the system says.
pub fn evict(dir: &Path) -> std::io::Result<()> {
    for_each_file(dir, &mut |path| {
        let file = std::fs::File::open(path)?;
        file.sync_all()?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        Ok(())
    })
}

fn for_each_file(dir: &Path, act: &mut impl FnMut(&Path) -> std::io::Result<()>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let done = match entry.file_type()? {
            kind if kind.is_dir() => for_each_file(&entry.path(), act),
            kind if kind.is_file() => act(&entry.path()),
            _ => Ok(()),
        };
        match done {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            done => done?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_are_read_as_the_system_writes_them() {
        assert_eq!(field("rchar: 1\nwrite_bytes: 4096\ncancelled_write_bytes: 7\n", "write_bytes:"), Some(4096));
        assert_eq!(field("VmRSS:\t    1234 kB\n", "VmRSS:"), Some(1234));
    }

    #[test]
    fn a_file_with_two_names_takes_its_space_once() -> std::io::Result<()> {
        let dir = tempfile::tempdir()?;
        std::fs::create_dir(dir.path().join("sub"))?;
        std::fs::write(dir.path().join("a"), vec![1; 1 << 16])?;
        let once = disk_bytes(dir.path())?;
        std::fs::hard_link(dir.path().join("a"), dir.path().join("sub/a"))?;
        assert_eq!(disk_bytes(dir.path())?, once);
        std::fs::write(dir.path().join("sub/b"), vec![1; 1 << 16])?;
        assert_eq!(disk_bytes(dir.path())?, 2 * once);
        Ok(())
    }

    #[test]
    fn an_open_file_is_counted() -> std::io::Result<()> {
        // Other tests of this process open and close files meanwhile.
        let files: Vec<_> = (0..200).map(|_| std::fs::File::open("/dev/null")).collect::<Result<_, _>>()?;
        let many = open_handles();
        drop(files);
        let few = open_handles();
        assert!(many.zip(few).is_some_and(|(many, few)| few > 0 && many > few + 100), "{many:?} {few:?}");
        Ok(())
    }

    #[test]
    fn disk_usage_counts_folders_too() -> std::io::Result<()> {
        let dir = tempfile::tempdir()?;
        std::fs::create_dir(dir.path().join("in"))?;
        std::fs::write(dir.path().join("in/file"), vec![1; 10_000])?;
        std::fs::File::open(dir.path().join("in/file"))?.sync_all()?;
        assert!(disk_bytes(dir.path())? >= 10_000);
        evict(dir.path())
    }
}
