//! The folder of the tour's store: only one that a tour made is removed.

use crate::failure::{Failure, Outcome};
use std::fs;
use std::path::Path;

const MARK: &str = "TOUR.txt";
const TEXT: &str = "Made by `kv tour`. The next tour removes this folder with all that is in it.\n";

/// Removes what an earlier tour made.
pub(super) fn remove_earlier(folder: &Path) -> Outcome {
    let failed = |e| Failure::File(format!("removing {}: {e}", folder.display()));
    if !fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir()) {
        return match fs::symlink_metadata(folder) {
            Ok(_) => Err(not_ours(folder)),
            Err(_) => Ok(()),
        };
    }
    let empty = fs::read_dir(folder).map_err(failed)?.next().is_none();
    match folder.join(MARK).is_file() {
        true => fs::remove_dir_all(folder).map_err(failed),
        false if empty => Ok(()),
        false => Err(not_ours(folder)),
    }
}

/// Says that a tour made the folder.
pub(super) fn mark(folder: &Path) -> Outcome {
    let path = folder.join(MARK);
    fs::write(&path, TEXT).map_err(|e| Failure::File(format!("writing {}: {e}", path.display())))
}

/// The size of all files below a folder; what cannot be read counts nothing.
pub(super) fn bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .filter_map(|entry| entry.ok())
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

fn not_ours(folder: &Path) -> Failure {
    Failure::Usage(format!(
        "{} is there and no tour made it: remove it, or give another folder with --into",
        folder.display()
    ))
}
