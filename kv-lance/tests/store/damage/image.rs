//! The files of a folder, kept in memory: what is put back before each trial.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file under all its names, which are relative to the folder.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) names: Vec<PathBuf>,
    pub(super) bytes: Vec<u8>,
}

/// A folder as it was.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Image {
    dirs: Vec<PathBuf>,
    pub(super) files: Vec<Member>,
}

impl Image {
    pub(super) fn take(root: &Path) -> Self {
        let (mut dirs, mut files) = (vec![PathBuf::new()], BTreeMap::new());
        let mut next = 0;
        while next < dirs.len() {
            for entry in std::fs::read_dir(root.join(&dirs[next])).unwrap() {
                let entry = entry.unwrap();
                let name = dirs[next].join(entry.file_name());
                let metadata = entry.metadata().unwrap();
                match metadata.is_dir() {
                    true => dirs.push(name),
                    false => files.entry(metadata.ino()).or_insert_with(Vec::new).push(name),
                }
            }
            next += 1;
        }
        let member = |mut names: Vec<PathBuf>| {
            names.sort();
            Member { bytes: std::fs::read(root.join(&names[0])).unwrap(), names }
        };
        let mut files: Vec<_> = files.into_values().map(member).collect();
        files.sort_by(|a, b| a.names.cmp(&b.names));
        Self { dirs, files }
    }

    /// Makes `root` this folder and nothing else.
    pub(super) fn put(&self, root: &Path) {
        if root.exists() {
            std::fs::remove_dir_all(root).unwrap();
        }
        self.dirs.iter().for_each(|dir| std::fs::create_dir(root.join(dir)).unwrap());
        for file in &self.files {
            let (first, others) = file.names.split_first().unwrap();
            std::fs::write(root.join(first), &file.bytes).unwrap();
            others.iter().for_each(|name| std::fs::hard_link(root.join(first), root.join(name)).unwrap());
        }
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, name: &Path) -> Option<&[u8]> {
        self.files.iter().find(|file| file.names.iter().any(|n| n == name)).map(|file| &file.bytes[..])
    }
}
