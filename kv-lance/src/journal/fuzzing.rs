//! Journals of any bytes: what is read of them, and what is saved.

use super::record::{ALIGNMENT, HEADER};
use super::segment::SEGMENT_HEADER;
use super::{JournalDir, Piece, replay, salvage, sector, segment, verify};
use crate::files::MemoryFiles;
use crate::table::FORMAT_VERSION;
use std::path::Path;
use std::sync::Arc;

/// What to make right before it is read: no fuzzer finds a checksum.
const HEADERS: u8 = 1;
const RECORDS: u8 = 2;
const HEAD: u8 = 4;

const DIR: &str = "journal";

/// Flags, the length of `HEAD`, `HEAD`, and for each segment its length and its bytes. Lengths are of two bytes.
pub(crate) fn journal(data: &[u8]) {
    let Some((flags, mut rest)) = data.split_first() else { return };
    let files = MemoryFiles::default();
    let dir = JournalDir::new(Arc::new(files.clone()), DIR);
    let mut head = take(&mut rest).to_vec();
    if flags & HEAD != 0 {
        for (at, magic) in [(0, b"kvlanceH"), (512, b"kvlanceM")] {
            seal_sector(&mut head, at, magic);
        }
    }
    if !head.is_empty() {
        files.put(dir.head(), &head);
    }
    for number in 1..=4 {
        let mut bytes = take(&mut rest).to_vec();
        if flags & HEADERS != 0 && bytes.len() >= SEGMENT_HEADER {
            bytes.splice(..SEGMENT_HEADER, segment::header(number, FORMAT_VERSION));
        }
        if flags & RECORDS != 0 {
            seal_records(&mut bytes, number);
        }
        if !bytes.is_empty() {
            files.put(dir.segment(number), &bytes);
        }
    }
    read(&files, &dir);
}

/// Looking changes nothing; what opening takes, looking finds; and opening twice gives the same.
fn read(files: &MemoryFiles, dir: &JournalDir) {
    let before = files.contents();
    let sound = verify(dir, Some((0, 0))).damage.is_empty();
    let saved: Option<Vec<_>> = salvage(dir, Some((0, 0))).ok().map(|pieces| {
        let commit = |piece: &Piece| match piece {
            Piece::Commit(record) => Some(record.version),
            _ => None,
        };
        pieces.iter().filter_map(commit).collect()
    });
    assert!(files.contents() == before, "looking has changed it");
    let ascend = |versions: &[u64]| versions.windows(2).all(|pair| pair.first() < pair.last());
    assert!(saved.iter().all(|saved| ascend(saved)));
    let opened = versions(dir);
    match opened {
        // Versions that do not ascend are no commits that are saved; opening takes a journal at its word.
        Ok(opened) if ascend(&opened) && !opened.contains(&0) => assert_eq!(Some(&opened), saved.as_ref()),
        Ok(_) => {}
        Err(_) => return assert!(!sound, "it is sound, and does not open"),
    }
    let again = versions(dir).ok();
    assert_eq!(again, versions(dir).ok());
}

/// What opening finds.
fn versions(dir: &JournalDir) -> kv_api::Result<Vec<u64>> {
    let mut versions = Vec::new();
    replay(dir, 0, |segment| {
        for record in &segment.records {
            versions.extend((record.writes().count() > 0).then_some(record.version));
        }
        Ok(())
    })?;
    Ok(versions)
}

fn take<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let Some((len, behind)) = rest.split_at_checked(2) else { return &[] };
    let len = len.iter().rev().fold(0, |len, byte| len << 8 | usize::from(*byte));
    let (taken, behind) = behind.split_at_checked(len).unwrap_or((behind, &[]));
    *rest = behind;
    taken
}

fn seal_sector(bytes: &mut [u8], at: usize, magic: &sector::Magic) {
    let Some(place) = bytes.get_mut(at..at + sector::LEN as usize) else { return };
    let numbers = [8, 16].map(|at| place.get(at..at + 8).and_then(|n| n.try_into().ok()).map_or(0, u64::from_le_bytes));
    place.copy_from_slice(&sector::encode(magic, numbers));
}

/// Gives what lies where records do their magic, number and checksums, as far as it goes.
fn seal_records(bytes: &mut [u8], number: u64) {
    let mut at = SEGMENT_HEADER;
    while let Some((header, payload)) = bytes.get_mut(at..).and_then(|rest| rest.split_at_mut_checked(HEADER)) {
        let Some(len) = header.get(8..12).and_then(|len| len.try_into().ok()).map(u32::from_le_bytes) else { return };
        let Some(payload) = payload.get(..len as usize) else { return };
        let checked = [
            &len.to_le_bytes()[..],
            &crc32c::crc32c(payload).to_le_bytes(),
            header.get(16..24).unwrap_or_default(),
            &number.to_le_bytes(),
            header.get(32..40).unwrap_or_default(),
        ];
        let checked = checked.concat();
        let sealed = [b"kvlJ", &crc32c::crc32c(&checked).to_le_bytes()[..], &checked].concat();
        header.copy_from_slice(&sealed);
        at += (HEADER + len as usize).next_multiple_of(ALIGNMENT);
    }
}

/// Where the files of a journal go in an input.
#[cfg(test)]
fn input(flags: u8, files: &MemoryFiles) -> Vec<u8> {
    let (contents, mut data) = (files.contents(), vec![flags]);
    let names = ["HEAD".to_owned()].into_iter().chain((1..=4).map(|number| format!("{number:010}.log")));
    for name in names {
        let bytes = contents.get(&Path::new(DIR).join(name)).map_or(&[][..], Vec::as_slice);
        // Zeros are made ahead, more of them than an input can have.
        let len = bytes.len().min(2000);
        data.extend((len as u16).to_le_bytes());
        data.extend(bytes.iter().take(len));
    }
    data
}

#[cfg(test)]
mod tests {
    use super::super::{Journal, RecordBuilder};
    use super::*;
    use crate::write::{Write, Writes};

    /// A journal of some segments, closed or not.
    fn seed(commits: u64, closed: bool) -> kv_api::Result<MemoryFiles> {
        let files = MemoryFiles::default();
        let mut journal = Journal::create(&JournalDir::new(Arc::new(files.clone()), DIR), 1)?;
        for version in 1..=commits {
            let erasing = Write { erases: true, ..Write::set("new".into()) };
            let writes = Writes::from([
                (format!("key {version}").into(), Write::set("val".into())),
                ("deleted".into(), Write::delete()),
                ("erased".into(), if version % 2 == 0 { Write::erase() } else { erasing }),
            ]);
            let builder = RecordBuilder::new(writes.iter(), RecordBuilder::size_of(writes.iter()));
            journal.append(&[builder.finish(version, journal.segment(), journal.synced())])?;
            journal.sync()?;
            if version % 3 == 0 {
                journal.rotate()?;
            }
        }
        if closed {
            journal.close()?;
        }
        Ok(files)
    }

    #[test]
    fn any_journal_is_read_or_refused() -> kv_api::Result<()> {
        let mut seeds = Vec::new();
        for (commits, closed) in [(0, true), (1, false), (2, true), (4, false), (8, true)] {
            for flags in [0, HEADERS | RECORDS, HEADERS | RECORDS | HEAD] {
                seeds.push(input(flags, &seed(commits, closed)?));
            }
        }
        crate::fuzzing::run("journal", &seeds, journal);
        Ok(())
    }
}
