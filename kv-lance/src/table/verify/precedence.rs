//! What runs say of each other: those of a sorted level have no keys in common, of one key the rows of a level are newer
//! than those of any below, and what is history was superseded by a row that is there.

use crate::table::levels::Levels;
use crate::table::run::{KeyBlock, Run};
use kv_api::{Error, Result, Version};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;
use std::sync::Arc;

/// Runs whose keys ascend from one to the next: a run of level 0, a sorted level, or a run of history.
struct Source {
    runs: Vec<Arc<Run>>,
    is_history: bool,
    run: usize,
    block: usize,
    row: usize,
    keys: Option<Arc<KeyBlock>>,
}

/// The rows of a key in a source.
struct Group {
    key: Vec<u8>,
    /// Descending.
    versions: Vec<Version>,
    superseded: Version,
    run: Arc<Run>,
}

/// # Errors
/// `Corruption` with the first that is wrong; what reading gives.
pub(super) async fn check(levels: &Levels, dir: &Path) -> Result<()> {
    let wrong = |run: &Run, what: String| Err(Error::corruption(dir.join(run.name()), what));
    levels.check_order()?;
    let flushed = levels.flushed().iter().map(|run| (vec![run.clone()], false));
    let sorted = levels.sorted().map(|runs| (runs.to_vec(), false));
    let history = levels.history().runs().iter().map(|run| (vec![run.clone()], true));
    let sources = flushed.chain(sorted).chain(history);
    let mut sources: Vec<Source> =
        sources.map(|(runs, is_history)| Source { runs, is_history, run: 0, block: 0, row: 0, keys: None }).collect();
    let mut next: Vec<Option<Group>> = Vec::new();
    let mut heap = BinaryHeap::new();
    for (index, source) in sources.iter_mut().enumerate() {
        let group = source.next().await?;
        heap.extend(group.as_ref().map(|group| Reverse((group.key.clone(), index))));
        next.push(group);
    }
    // Of one key the sources come in their order, history last.
    let mut above: Vec<Group> = Vec::new();
    while let Some(Reverse((key, index))) = heap.pop() {
        let Some((source, place)) = sources.get_mut(index).zip(next.get_mut(index)) else { continue };
        let Some(group) = place.take() else { continue };
        if above.first().is_some_and(|above| above.key != key) {
            above.clear();
        }
        if source.is_history {
            let newest = above.first().and_then(Group::newest);
            if newest.is_some_and(|newest| group.superseded > newest || group.newest() > Some(newest)) {
                return wrong(&group.run, "it has rows that are newer than the newest of their key".into());
            }
        } else {
            if let Some(other) = hiding(&group, &above) {
                let what = format!("it has rows that are newer than those of {}, above it", other.run.name());
                return wrong(&group.run, what);
            }
            above.push(group);
        }
        *place = source.next().await?;
        heap.extend(place.as_ref().map(|group| Reverse((group.key.clone(), index))));
    }
    Ok(())
}

/// The source above in which a read at the version of one of these rows finds an older one. A row that lies above that as
/// well, as a compaction between the two has not gone through all keys, is found there.
fn hiding<'a>(group: &Group, above: &'a [Group]) -> Option<&'a Group> {
    group.versions.iter().find_map(|version| {
        let finds = |other: &&Group| other.versions.iter().any(|found| found <= version);
        above.iter().find(finds).filter(|other| !other.versions.contains(version))
    })
}

impl Group {
    fn newest(&self) -> Option<Version> {
        self.versions.first().copied()
    }
}

impl Source {
    /// The rows of the next key.
    async fn next(&mut self) -> Result<Option<Group>> {
        let mut group: Option<Group> = None;
        while let Some(run) = self.runs.get(self.run).cloned() {
            let keys = match &self.keys {
                Some(keys) => keys.clone(),
                None if self.block < run.blocks() => run.keys_uncached(self.block).await?,
                None => {
                    (self.run, self.block) = (self.run + 1, 0);
                    continue;
                }
            };
            while self.row < keys.len() {
                let (key, version) = (keys.key(self.row), keys.version(self.row));
                let superseded = keys.superseded(self.row).unwrap_or(0);
                match &mut group {
                    None => {
                        let (key, run) = (key.to_vec(), run.clone());
                        group = Some(Group { key, versions: vec![version], superseded, run });
                    }
                    Some(group) if group.key == key => {
                        group.versions.push(version);
                        group.superseded = group.superseded.max(superseded);
                    }
                    Some(_) => {
                        self.keys = Some(keys);
                        return Ok(group);
                    }
                }
                self.row += 1;
            }
            (self.keys, self.block, self.row) = (None, self.block + 1, 0);
        }
        Ok(group)
    }
}
