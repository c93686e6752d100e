//! A row on its way into a run.

use kv_api::Version;

/// A row to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewRow<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) version: Version,
    /// `None` is a tombstone.
    pub(crate) val: Option<&'a [u8]>,
    /// Whether it erases what was before.
    pub(crate) erases: bool,
    /// When a row of history was superseded; `None` in other runs.
    pub(crate) superseded: Option<Version>,
}

impl NewRow<'_> {
    /// Of the key and the value.
    pub(super) fn bytes(&self) -> usize {
        self.key.len() + self.val.map_or(0, <[u8]>::len)
    }
}
