//! Looking at a whole journal, which stays as it is.

use super::JournalDir;
use super::intact::is_seal;
use super::reading::{Segment, Uncovered, missing};
use kv_api::{Error, Result, Version};
use std::path::Path;

/// What a journal holds, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct JournalReport {
    /// Segments that the table does not cover.
    pub(crate) segments: u64,
    pub(crate) commits: u64,
    pub(crate) damage: Vec<Error>,
}

/// Reads the segments after `covered`, up to which versions went to `last_version`. All there are where it is not known
/// what the table covers.
pub(crate) fn verify(dir: &JournalDir, covered: Option<(u64, Version)>) -> JournalReport {
    let mut report = JournalReport::default();
    if let Err(e) = report.read(dir, covered) {
        report.damage.push(e);
    }
    report
}

impl JournalReport {
    fn read(&mut self, dir: &JournalDir, covered: Option<(u64, Version)>) -> Result<()> {
        let (through, mut version) = covered.unwrap_or_default();
        let uncovered = Uncovered::find(dir, through)?;
        if !uncovered.has_head() {
            let what = "it is missing or damaged: whether the journal's end is missing cannot be told";
            self.damage.push(Error::corruption(dir.head(), what));
        }
        let newest = uncovered.check_newest(dir, through);
        self.damage.extend(newest.err());
        let first = uncovered.segments.first().map_or(1, |(number, _)| *number);
        let mut expected = if covered.is_some() { through + 1 } else { first };
        for (number, path) in &uncovered.segments {
            for gone in expected..*number {
                self.damage.push(missing(dir, gone, &format!("segment {number} follows")));
            }
            expected = number + 1;
            self.segments += 1;
            match uncovered.read(dir, *number, path) {
                Ok(segment) => self.take(segment, path, &mut version),
                Err(e) => self.damage.push(e),
            }
        }
        Ok(())
    }

    /// Counts the commits, which are in the order of their versions.
    fn take(&mut self, segment: Option<Segment>, path: &Path, last: &mut Version) {
        for record in segment.iter().flat_map(|segment| &segment.records).filter(|record| !is_seal(record)) {
            self.commits += 1;
            if record.version <= *last {
                let what = format!("version {} comes after version {last}", record.version);
                self.damage.push(Error::corruption(path, what));
            }
            *last = record.version.max(*last);
        }
    }
}
