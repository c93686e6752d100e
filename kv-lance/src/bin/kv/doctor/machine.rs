//! What the system says of itself. Where it has no `/proc`, some of it is not known.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// As in `ext4`.
    pub(super) kind: String,
    pub(super) point: PathBuf,
}

/// The file system that an absolute path is on.
pub(super) fn mount_of(path: &Path) -> Option<Mount> {
    find_mount(&fs::read_to_string("/proc/self/mountinfo").ok()?, path)
}

/// Of the mounts that a path is below the deepest, and of several in one place the last.
fn find_mount(mountinfo: &str, path: &Path) -> Option<Mount> {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (place, device) = line.split_once(" - ")?;
        let point = PathBuf::from(unescape(place.split(' ').nth(4)?));
        Some(Mount { kind: device.split(' ').next()?.to_owned(), point })
    });
    mounts.filter(|mount| path.starts_with(&mount.point)).max_by_key(|mount| mount.point.components().count())
}

/// A path as the kernel writes it, with `\040` for a space.
fn unescape(text: &str) -> OsString {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        let (byte, length) = match octal {
            Some(byte) if *first == b'\\' => (byte, 3),
            _ => (*first, 0),
        };
        bytes.push(byte);
        rest = after.get(length..).unwrap_or_default();
    }
    OsString::from_vec(bytes)
}

/// What an ordinary user may still write to a file system.
pub(super) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let space = rustix::fs::statvfs(folder)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

pub(super) fn memory_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The soft limit; `None` also where there is none.
pub(super) fn open_files() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_and_last_mount_is_found() {
        let mountinfo = "\
            21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
            30 21 0:26 / /srv rw - xfs /dev/sdb1 rw\n\
            31 21 0:27 / /srv rw - btrfs /dev/sdc1 rw\n\
            32 21 0:28 / /srv/with\\040space rw master:3 - tmpfs tmpfs rw\n";
        let found = |path: &str| find_mount(mountinfo, Path::new(path)).map(|mount| mount.kind);
        assert_eq!(found("/home/kv").as_deref(), Some("ext4"));
        assert_eq!(found("/srv/kv").as_deref(), Some("btrfs"));
        assert_eq!(found("/srvother").as_deref(), Some("ext4"));
        assert_eq!(found("/srv/with space/kv").as_deref(), Some("tmpfs"));
    }
}
