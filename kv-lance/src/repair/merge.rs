//! Goes through all that is left in the order of the keys, and finds of each the newest value.

use super::cursor::{Cursor, FoundRow};
use super::losses::Losses;
use super::sources::{Journaled, Sources};
use super::target::Target;
use super::{RepairOptions, Repaired};
use crate::table::Rank;
use crate::write::Write;
use kv_api::{Key, Result, Val, Version};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Rows between two calls of `progress`.
const STEP: u64 = 4096;

/// A row of a key.
struct Candidate {
    version: Version,
    rank: Rank,
    origin: Origin,
}

/// Where it was found.
enum Origin {
    Journal(Write),
    Run(usize, FoundRow),
}

/// What is known of a key.
enum Newest {
    /// It has none, or was deleted.
    Nothing,
    Value(Val),
    /// A value, or a deletion, that may not be the newest, because of this loss.
    Doubtful(usize, Option<Val>),
}

/// Writes what is found to `target`.
pub(super) async fn merge(
    sources: Sources,
    losses: Losses,
    options: &RepairOptions,
    target: &mut Target,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<Repaired> {
    let Sources { runs, journal, commits } = sources;
    let mut merge = Merge { runs, heap: BinaryHeap::new(), losses, lost_vals: HashMap::new() };
    let rows = merge.runs.iter().map(Cursor::rows).sum();
    let mut repaired = Repaired { commits, ..Repaired::default() };
    // All losses at the beginning of a run must be known before the first key is looked at.
    for number in 0..merge.runs.len() {
        merge.settle(number).await;
    }
    let (mut journal, mut told) = (journal.into_iter().peekable(), 0);
    while let Some(key) = merge.next_key(journal.peek().map(|(key, _)| key)) {
        let journaled = journal.next_if(|(journaled, _)| *journaled == key).map(|(_, journaled)| journaled);
        let val = match merge.newest(&key, journaled).await {
            Newest::Nothing => None,
            Newest::Value(val) => Some(val),
            Newest::Doubtful(_, None) => None,
            Newest::Doubtful(loss, Some(val)) => {
                merge.losses.doubt(loss);
                repaired.doubtful += 1;
                (!options.strict).then_some(val)
            }
        };
        if let Some(val) = val {
            repaired.keys += 1;
            repaired.bytes += (key.len() + val.len()) as u64;
            target.set(key, val).await?;
        }
        let passed = merge.runs.iter().map(|run| run.passed).sum();
        if passed >= told + STEP {
            told = passed;
            progress(passed, rows);
        }
    }
    progress(rows, rows);
    repaired.losses = merge.losses.into_found();
    Ok(repaired)
}

struct Merge {
    runs: Vec<Cursor>,
    heap: BinaryHeap<Reverse<(Key, usize)>>,
    losses: Losses,
    /// The losses of values, by run and block.
    lost_vals: HashMap<(usize, usize), usize>,
}

impl Merge {
    /// Puts a run in the place of its next key.
    async fn settle(&mut self, number: usize) {
        if let Some(run) = self.runs.get_mut(number) {
            run.settle(&mut self.losses).await;
            self.heap.extend(run.key().map(|key| Reverse((key, number))));
        }
    }

    fn next_key(&self, journal: Option<&Key>) -> Option<Key> {
        let run = self.heap.peek().map(|Reverse((key, _))| key);
        run.into_iter().chain(journal).min().cloned()
    }

    async fn newest(&mut self, key: &Key, journaled: Option<Journaled>) -> Newest {
        let mut candidates: Vec<Candidate> = journaled
            .map(|Journaled { version, rank, write }| Candidate { version, rank, origin: Origin::Journal(write) })
            .into_iter()
            .collect();
        while let Some(Reverse((_, number))) = self.pop(key) {
            let Some(run) = self.runs.get_mut(number) else { continue };
            let (rank, rows) = (run.rank, run.take(key, &mut self.losses).await);
            let rows = rows.into_iter();
            candidates.extend(rows.map(|row| Candidate {
                version: row.version,
                rank,
                origin: Origin::Run(number, row),
            }));
            self.settle(number).await;
        }
        // Of one version there may be two rows where it is not known which files count; one of history says less.
        candidates.sort_by_key(|candidate| (Reverse(candidate.version), Reverse(candidate.rank)));
        let mut lost = None;
        for candidate in candidates {
            lost = lost.or_else(|| self.losses.hiding(key, candidate.rank));
            let val = match &candidate.origin {
                // Something newer is there, or was: a deletion that has been compacted away, unless it may have been lost.
                Origin::Run(_, row) if row.is_superseded && lost.is_none() => return Newest::Nothing,
                Origin::Run(_, row) if row.is_tombstone => None,
                Origin::Run(number, row) => match self.val(key, *number, row).await {
                    Ok(val) => Some(val),
                    Err(loss) => {
                        lost = lost.or(Some(loss));
                        continue;
                    }
                },
                Origin::Journal(write) => write.val.clone(),
            };
            return match (lost, val) {
                (Some(loss), val) => Newest::Doubtful(loss, val),
                (None, Some(val)) => Newest::Value(val),
                (None, None) => Newest::Nothing,
            };
        }
        Newest::Nothing
    }

    /// The next of the runs that are at this key.
    fn pop(&mut self, key: &Key) -> Option<Reverse<(Key, usize)>> {
        self.heap.peek().is_some_and(|Reverse((next, _))| next == key).then(|| self.heap.pop()).flatten()
    }

    /// The value of a row; where it cannot be read, the loss.
    async fn val(&mut self, key: &Key, number: usize, row: &FoundRow) -> Result<Val, usize> {
        let Some(run) = self.runs.get_mut(number) else { return Err(usize::MAX) };
        let error = match run.val(row).await {
            Ok(val) => return Ok(val),
            Err(error) => error,
        };
        let place = (number, row.block);
        match self.lost_vals.get(&place).copied() {
            Some(loss) => {
                self.losses.another_val(loss, key);
                Err(loss)
            }
            None => {
                let loss = self.losses.val(error, key);
                self.lost_vals.insert(place, loss);
                Err(loss)
            }
        }
    }
}
