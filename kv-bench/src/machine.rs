//! Where a comparison ran.

use serde::{Deserialize, Serialize};
use std::path::Path;

/// What a reader needs to judge the figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's model.
    pub cpu: String,
    /// How many of them this process may use.
    pub cpus: usize,
    /// Memory in MB.
    pub memory_mb: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The file system that the stores were on.
    pub filesystem: String,
    /// The load average before the first run.
    pub load_before: f64,
}

impl Machine {
    /// This machine, with stores in `dir`.
    pub fn here(dir: &Path) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        Self {
            cpu: after(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".into()),
            cpus: std::thread::available_parallelism().map_or(1, Into::into),
            memory_mb: kib(&read("/proc/meminfo"), "MemTotal").unwrap_or_default() * 1024 / 1_000_000,
            kernel: read("/proc/sys/kernel/osrelease").trim().into(),
            filesystem: filesystem(&read("/proc/mounts"), &dir).unwrap_or_else(|| "unknown".into()),
            load_before: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
        }
    }
}

fn after(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kib(text: &str, name: &str) -> Option<u64> {
    after(text, name)?.split(' ').next()?.parse().ok()
}

/// The type of the innermost mount that holds `dir`.
fn filesystem(mounts: &str, dir: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    mounts.filter(|(at, _)| dir.starts_with(at)).max_by_key(|(at, _)| at.len()).map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_counts() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n";
        assert_eq!(filesystem(mounts, Path::new("/tmp/x")).as_deref(), Some("tmpfs"));
        assert_eq!(filesystem(mounts, Path::new("/srv")).as_deref(), Some("ext4"));
        assert_eq!(filesystem("", Path::new("/srv")), None);
    }

    #[test]
    fn fields_are_found() {
        assert_eq!(after("processor\t: 0\nmodel name\t: A B\n", "model name").as_deref(), Some("A B"));
        assert_eq!(kib("MemTotal:       1000 kB\n", "MemTotal"), Some(1000));
    }
}
