//! The mark: how far the newest segment is known to be durable, in the second sector of `HEAD`.
//!
//! Records say that those before them are durable; of the last ones nothing would, so that damage to
//! them would pass for a write that a crash has torn. The mark is written when a sync has returned and
//! is not synced itself: after the death of the process it is exact, after a loss of power it may
//! be behind, or torn, and never says too much.
//!
//! `magic | segment u64 | synced u64 | CRC-32C of all before u32`

use super::JournalDir;
use super::head::{HeadFile, read_part};
use super::sector::{self, Magic};
use kv_api::{Error, Result};
use std::io::ErrorKind;

const MAGIC: &Magic = b"kvlanceM";
/// In a sector of its own: what is torn here leaves the head as it is.
const PLACE: u64 = 512;

/// What the mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) segment: u64,
    /// So many bytes of it are durable.
    pub(super) synced: u64,
}

impl Mark {
    /// `None` where there is none that is intact, as in stores made before there was one.
    pub(super) fn read(dir: &JournalDir) -> Result<Option<Self>> {
        let path = dir.head();
        match read_part(&*dir.files, &path, PLACE, sector::LEN) {
            Ok(bytes) => Ok(Self::decode(&bytes)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("reading", &path, e)),
        }
    }

    /// Not durable when this returns.
    pub(super) fn write(self, head: &HeadFile) -> Result<()> {
        head.write_at(&self.encode(), PLACE)
    }

    fn encode(self) -> Vec<u8> {
        sector::encode(MAGIC, [self.segment, self.synced])
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let [segment, synced] = sector::decode(MAGIC, bytes)?;
        Some(Self { segment, synced })
    }
}
