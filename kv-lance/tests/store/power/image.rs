//! What is on a disk after its power was cut.

use super::disk::{Entry, State};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Result;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What becomes of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// All of it is lost. Twice as often as the others: a sync that is missing shows here.
    Everything,
    EverythingAgain,
    /// All of it is there: a crash of the process alone.
    Nothing,
    /// Each file and each name of a directory is as it was or as it is.
    Some,
    /// So is each sector of each file, of 512 bytes.
    Sectors,
    /// Or each of 4 KiB.
    Pages,
}

impl Loss {
    pub(crate) const ALL: [Self; 6] =
        [Self::Everything, Self::EverythingAgain, Self::Nothing, Self::Some, Self::Sectors, Self::Pages];

    /// Whether something that was not synced is there.
    fn keeps(self, state: &mut State) -> bool {
        match self {
            Self::Everything | Self::EverythingAgain => false,
            Self::Nothing => true,
            Self::Some | Self::Sectors | Self::Pages => state.below(2) == 0,
        }
    }
}

/// Writes what is left of `root` below `image`.
pub(crate) fn take(state: &mut State, root: &Path, image: &Path, loss: Loss) -> Result<()> {
    std::fs::create_dir_all(image)?;
    dir(state, root, image, loss, &mut HashMap::new())
}

/// A directory with what is in it. `written` are the files of the image, by the numbers of their
/// inodes.
fn dir(state: &mut State, from: &Path, to: &Path, loss: Loss, written: &mut HashMap<u64, PathBuf>) -> Result<()> {
    let durable = state.dirs.get(from).cloned().unwrap_or_default();
    let current = state.entries(from)?;
    let names: BTreeSet<_> = durable.keys().chain(current.keys()).cloned().collect();
    let mut names: Vec<_> = names.into_iter().collect();
    // Names of runs are random, and what is drawn for each of them is to follow from the seed.
    names.sort_by_cached_key(|name| match current.get(name).or(durable.get(name)) {
        Some(Entry::File(number)) if name.as_encoded_bytes().ends_with(b".lance") => {
            (state.inodes.get(number).map(|inode| inode.order), name.clone())
        }
        _ => (None, name.clone()),
    });
    for name in names {
        let (before, now) = (durable.get(&name), current.get(&name));
        let left = if before == now || loss.keeps(state) { now } else { before };
        let (source, target) = (from.join(&name), to.join(&name));
        match left {
            None => {}
            Some(Entry::Dir) => {
                std::fs::create_dir(&target)?;
                dir(state, &source, &target, loss, written)?;
            }
            Some(Entry::File(number)) => match written.get(number) {
                Some(other) => std::fs::hard_link(other, &target)?,
                None => {
                    write(&target, &content(state, *number, loss)?)?;
                    written.insert(*number, target);
                }
            },
        }
    }
    Ok(())
}

/// What is left of a file.
fn content(state: &mut State, number: u64, loss: Loss) -> Result<Vec<u8>> {
    let Some(inode) = state.inodes.get(&number) else { return Ok(vec![]) };
    let (before, now) = (inode.durable.clone().unwrap_or_default(), inode.current()?);
    let sector = match loss {
        _ if before == now => return Ok(now),
        Loss::Sectors => 512,
        Loss::Pages => 4096,
        _ => return Ok(if loss.keeps(state) { now } else { before }),
    };
    let len = if loss.keeps(state) { now.len() } else { before.len() };
    let mut left = vec![0; len];
    for (index, target) in left.chunks_mut(sector).enumerate() {
        let source = if loss.keeps(state) { &now } else { &before };
        let source = source.get(index * sector..).unwrap_or_default();
        let len = source.len().min(target.len());
        target[..len].copy_from_slice(&source[..len]);
    }
    Ok(left)
}

/// Writes a file, with holes for zeros.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = File::create_new(path)?;
    file.set_len(bytes.len() as u64)?;
    for (index, page) in bytes.chunks(4096).enumerate() {
        if page.iter().any(|byte| *byte != 0) {
            file.write_all_at(page, index as u64 * 4096)?;
        }
    }
    Ok(())
}
