//! What of a damaged journal can be read. Nothing is changed.
//!
//! A record has one checksum, so a commit is here whole or not at all. Behind a damaged record the next one is looked for:
//! where the header of the damaged one is intact, at the end that it names, else at every place where one may begin.

use super::JournalDir;
use super::dir::Listed;
use super::head::Head;
use super::intact::{check_header, is_seal};
use super::mark::Mark;
use super::reading::{Uncovered, missing};
use super::record::{ALIGNMENT, Record};
use super::segment::{self, SEGMENT_HEADER};
use bytes::Bytes;
use kv_api::{Error, Result, Version};
use std::path::Path;

/// The version of the record at the end of a segment.
const SEAL: Version = 0;

/// A piece of the journal, in the order in which it was written.
#[derive(Debug)]
pub(crate) enum Piece {
    Commit(Record),
    /// Commits that cannot be read.
    Gap(Error),
    /// Something is wrong that no commit is lost by.
    Note(Error),
}

/// Reads what can be read of the segments after `covered`; of all there are where it is not known what the table covers.
///
/// # Errors
/// `UnsupportedFormat`, and `Io` where the directory cannot be listed.
pub(crate) fn salvage(dir: &JournalDir, covered: Option<(u64, Version)>) -> Result<Vec<Piece>> {
    let (through, version) = covered.unwrap_or_default();
    let mut reader = Reader { dir, pieces: Vec::new(), version };
    let uncovered = reader.find(through)?;
    let first = uncovered.segments.first().map_or(1, |(number, _)| *number);
    let mut expected = if covered.is_some() { through + 1 } else { first };
    for (number, path) in &uncovered.segments {
        for gone in expected..*number {
            reader.pieces.push(Piece::Gap(missing(dir, gone, &format!("segment {number} follows"))));
        }
        expected = number + 1;
        reader.segment(&uncovered, *number, path)?;
    }
    reader.pieces.extend(uncovered.check_newest(dir, through).err().map(Piece::Gap));
    Ok(reader.pieces)
}

struct Reader<'a> {
    dir: &'a JournalDir,
    pieces: Vec<Piece>,
    /// Of the last commit.
    version: Version,
}

impl Reader<'_> {
    fn find(&mut self, through: u64) -> Result<Uncovered> {
        let Listed { mut segments, strangers } = self.dir.files()?;
        let note = |path| Piece::Note(Error::corruption(path, "it is in the journal's directory and is no segment"));
        self.pieces.extend(strangers.into_iter().map(note));
        let (head, mark) = (Head::read(self.dir).unwrap_or_default(), Mark::read(self.dir).unwrap_or_default());
        if head.is_none() {
            let what = "it is missing or damaged: whether the journal's end is missing cannot be told";
            self.pieces.push(Piece::Note(Error::corruption(self.dir.head(), what)));
        }
        let last = segments.last().map_or(0, |(number, _)| *number);
        segments.retain(|(number, _)| *number > through);
        Ok(Uncovered { segments, last, head, mark })
    }

    fn segment(&mut self, uncovered: &Uncovered, number: u64, path: &Path) -> Result<()> {
        match uncovered.read(self.dir, number, path) {
            Ok(segment) => segment.into_iter().flat_map(|segment| segment.records).for_each(|r| self.take(r, path)),
            Err(e @ Error::UnsupportedFormat { .. }) => return Err(e),
            Err(damage) => match segment::read(self.dir, path) {
                Ok(bytes) => {
                    let known_end = uncovered.known_end(number);
                    self.scan(&bytes, number, path, known_end, damage);
                }
                Err(unreadable) => self.pieces.push(Piece::Gap(unreadable)),
            },
        }
        Ok(())
    }

    /// Looks for records in a segment that is damaged, and was known to be durable up to `known_end`.
    fn scan(&mut self, bytes: &Bytes, number: u64, path: &Path, known_end: Option<u64>, damage: Error) {
        let (mut at, mut gap, mut sealed, before) = (SEGMENT_HEADER, None, false, self.pieces.len());
        while at < bytes.len() {
            match Record::at(bytes, at, number) {
                Some(record) => {
                    self.close_gap(gap.take(), at, path);
                    at += record.as_bytes().len();
                    sealed = is_seal(&record);
                    self.take(record, path);
                }
                None if gap.is_some() || !is_zero(bytes, at) => {
                    gap = gap.or(Some((at, None)));
                    match Record::header_at(bytes, at, number) {
                        Some((version, end)) => {
                            self.close_gap(gap.take().filter(|(from, _)| *from < at), at, path);
                            self.close_gap(Some((at, Some(version))), end, path);
                            (at, sealed) = (end, version == SEAL);
                        }
                        None => at += ALIGNMENT,
                    }
                }
                None => break,
            }
        }
        let is_short = known_end.is_none_or(|known_end| known_end > at.min(bytes.len()) as u64) && !sealed;
        match gap {
            // What a torn write leaves is no damage, but which of both it is nobody can tell any more.
            Some(gap) => self.close_gap(Some(gap), bytes.len(), path),
            None if is_short => self.pieces.push(Piece::Gap(damage)),
            None if self.pieces.iter().skip(before).any(|piece| !matches!(piece, Piece::Commit(_))) => {}
            // Of the segment's own header alone, say.
            None if check_header(bytes, number, path).is_ok_and(|intact| !intact) => {
                self.pieces.push(Piece::Note(damage));
            }
            None => self.pieces.push(Piece::Gap(damage)),
        }
    }

    /// Notes that commits are lost between two places.
    fn close_gap(&mut self, gap: Option<(usize, Option<Version>)>, end: usize, path: &Path) {
        let what = match gap {
            None => return,
            Some((from, Some(SEAL))) => {
                let what = format!("the end of the segment, at byte {from}, is damaged: no commit is lost by that");
                return self.pieces.push(Piece::Note(Error::corruption(path, what)));
            }
            Some((from, Some(version))) => {
                format!(
                    "the commit of version {version}, at byte {from}, is damaged: none of its writes can be trusted"
                )
            }
            Some((from, None)) => format!(
                "bytes {from} to {end} are damaged: the commits that were there, after version {}, are lost",
                self.version
            ),
        };
        self.pieces.push(Piece::Gap(Error::corruption(path, what)));
    }

    /// Takes a commit that can be read to its end, and is where the order of versions has it.
    fn take(&mut self, record: Record, path: &Path) {
        if is_seal(&record) {
            return;
        }
        let wrong = match record.writes().all(|write| write.is_some()) {
            false => Some("malformed"),
            true => (record.version <= self.version).then_some("not newer than the one before"),
        };
        match wrong {
            Some(what) => {
                let what = format!("the commit of version {} is {what}", record.version);
                self.pieces.push(Piece::Gap(Error::corruption(path, what)));
            }
            None => {
                self.version = record.version;
                self.pieces.push(Piece::Commit(record));
            }
        }
    }
}

/// Whether nothing was written from a place on.
fn is_zero(bytes: &Bytes, from: usize) -> bool {
    bytes.iter().skip(from).all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests;
