//! Figures over the rows of a run.

use super::NewRow;
use crate::codec::Reader;
use kv_api::Version;

/// Figures over the rows of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RunStatistics {
    pub(crate) rows: u64,
    pub(crate) tombstones: u64,
    /// Distinct keys.
    pub(crate) keys: u64,
    pub(crate) min_version: Version,
    pub(crate) max_version: Version,
    /// The greatest version of a row that erases what was before; 0 where there is none.
    pub(crate) max_erasing: Version,
    /// Of history: the least and the greatest version at which a row was superseded; 0 in other runs.
    pub(crate) min_superseded: Version,
    pub(crate) max_superseded: Version,
    /// 0 for a flushed memtable, more for each compaction; of history how often it has been merged.
    pub(crate) level: u32,
    /// The last journal segment that this run, or what it was compacted from, covers.
    pub(crate) journal_through: u64,
}

impl RunStatistics {
    /// Takes in a row; `new_key` where it is the first of its key.
    pub(super) fn push(&mut self, row: &NewRow<'_>, new_key: bool) {
        let (version, superseded) = (row.version, row.superseded.unwrap_or(0));
        let least = |known: Version, new: Version| if self.rows == 0 { new } else { known.min(new) };
        self.min_version = least(self.min_version, version);
        self.min_superseded = least(self.min_superseded, superseded);
        self.max_version = self.max_version.max(version);
        self.max_superseded = self.max_superseded.max(superseded);
        self.rows += 1;
        self.tombstones += u64::from(row.val.is_none());
        self.keys += u64::from(new_key);
        if row.erases {
            self.max_erasing = self.max_erasing.max(version);
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let Self { rows, tombstones, keys, journal_through, level, .. } = self;
        let versions = [self.min_version, self.max_version, self.max_erasing, self.min_superseded, self.max_superseded];
        for figure in [rows, tombstones, keys].into_iter().chain(&versions).chain([journal_through]) {
            out.extend(figure.to_le_bytes());
        }
        out.extend(level.to_le_bytes());
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            rows: r.u64()?,
            tombstones: r.u64()?,
            keys: r.u64()?,
            min_version: r.u64()?,
            max_version: r.u64()?,
            max_erasing: r.u64()?,
            min_superseded: r.u64()?,
            max_superseded: r.u64()?,
            journal_through: r.u64()?,
            level: r.u32()?,
        })
    }
}
