//! The engine's newest commit a second time, beside its files: for the table that another tool has
//! taken away, or taken back to a state from before and cleaned up.
//!
//! `runs/RECORD` has the lines of the table's configuration, the format among them, and their
//! CRC-32C. It is written after each commit, before the files and the journal go that the commit
//! has replaced, and replaced as a whole. After a crash it may be one commit behind the table; the
//! next open mends that. Without an intact one (in stores made before there was one) the table
//! alone counts.

use super::FORMAT_VERSION;
use super::links::Links;
use super::schema::FORMAT_KEY;
use super::state::Record;
use crate::files::{self, Files, OpenMode};
use kv_api::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const RECORD: &str = "RECORD";
const DRAFT: &str = "RECORD.draft";

/// More than the names of a million runs take.
const MOST_BYTES: u64 = 64 << 20;

impl Links {
    /// Keeps `record`, durably.
    pub(super) fn keep(&self, record: &Record) -> Result<()> {
        let (path, draft) = (self.runs.join(RECORD), self.runs.join(DRAFT));
        self.prepare()?;
        let write = || {
            let file = self.files.open(&draft, OpenMode::Replace)?;
            file.write_all_at(encode(record).as_bytes(), 0)?;
            file.sync_all()?;
            self.files.rename(&draft, &path)
        };
        write().map_err(|e| Error::io("writing", &path, e))?;
        self.sync_dir(&self.runs)
    }

    /// Where the record is kept.
    pub(super) fn record(&self) -> PathBuf {
        self.runs.join(RECORD)
    }

    /// What was kept; `None` where there is nothing, or nothing intact.
    ///
    /// # Errors
    /// `UnsupportedFormat`, `Io`.
    pub(super) fn kept(&self) -> Result<Option<Record>> {
        let path = self.runs.join(RECORD);
        let kept = match files::read(&*self.files, &path, MOST_BYTES) {
            Ok(bytes) => decode(&bytes, &path)?,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) if e.kind() == ErrorKind::FileTooLarge => None,
            Err(e) => return Err(Error::io("reading", &path, e)),
        };
        if kept.is_none() {
            tracing::warn!(path = %path.display(), "damaged: a table that is taken away could not be put back");
        }
        Ok(kept)
    }
}

/// Whether a store keeps a record in the directory `runs`.
pub(crate) fn is_kept(files: &dyn Files, runs: &Path) -> Result<bool> {
    let path = runs.join(RECORD);
    files.exists(&path).map_err(|e| Error::io("looking for", &path, e))
}

fn encode(record: &Record) -> String {
    let mut config = HashMap::from([(FORMAT_KEY.to_owned(), FORMAT_VERSION.to_string())]);
    record.write(&mut config);
    let lines: String = BTreeMap::from_iter(config).iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    format!("{lines}{}\n", crc32c::crc32c(lines.as_bytes()))
}

fn decode(bytes: &[u8], path: &Path) -> Result<Option<Record>> {
    let intact = || {
        let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
        let (lines, checksum) = text.split_at(text.rfind('\n')? + 1);
        let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config: HashMap<_, _> = lines.lines().map(pair).collect::<Option<_>>()?;
        (checksum.parse() == Ok(crc32c::crc32c(lines.as_bytes()))).then_some(config)
    };
    let Some(config) = intact() else { return Ok(None) };
    match config.get(FORMAT_KEY) {
        Some(format) if *format == FORMAT_VERSION.to_string() => Ok(Record::read(&config)),
        Some(found) => {
            let (found, supported) = (found.clone(), FORMAT_VERSION.to_string());
            Err(Error::UnsupportedFormat { path: path.into(), found, supported })
        }
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::super::{TableState, Tags};
    use super::*;

    #[test]
    fn a_record_is_kept_whole_or_not_at_all() {
        let state = TableState { journal_through: 3, last_version: u64::MAX, history_floor: 7, changes_floor: 5 };
        for levels in [vec![], vec![vec!["b.lance".to_owned()], vec!["a.lance".to_owned()]]] {
            let history = vec!["h.lance".to_owned()];
            let tags = Tags::decode("a:1:2:3").unwrap_or_default();
            let record = Record { state, levels, history, tags, sequence: 9, table_version: 12 };
            let kept = encode(&record);
            let read = |bytes: &[u8]| decode(bytes, Path::new("RECORD"));
            assert!(matches!(read(kept.as_bytes()), Ok(Some(read)) if read == record), "{kept}");
            for at in 0..kept.len() {
                assert!(matches!(read(&kept.as_bytes()[..at]), Ok(None)), "cut at {at}: {kept}");
                let mut damaged = kept.clone().into_bytes();
                damaged[at] ^= 1;
                assert!(matches!(read(&damaged), Ok(None)), "damaged at {at}: {kept}");
            }
        }
    }

    #[test]
    fn another_format_is_refused() {
        let lines = format!("{FORMAT_KEY}=4000\n");
        let kept = format!("{lines}{}\n", crc32c::crc32c(lines.as_bytes()));
        let read = decode(kept.as_bytes(), Path::new("RECORD"));
        assert!(matches!(read, Err(Error::UnsupportedFormat { found, .. }) if found == "4000"));
    }
}
