//! What a transaction has read from the store, for the checks at commit.

use kv_api::{Key, KeyRange};

/// Ranges read; a key is the range that holds it alone. A rollback takes back writes, never reads.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// What an answer depended on.
    pub(crate) needed: Vec<KeyRange>,
    /// What a store that is not exact may check besides: the whole range of a scan that its limit cut short, keys
    /// answered from own writes, history.
    pub(crate) touched: Vec<KeyRange>,
    /// Keys read with `getu` in a scope that was rolled back since.
    pub(crate) once_checked: Vec<Key>,
}

impl Reads {
    pub(crate) fn need(&mut self, range: KeyRange) {
        self.touch(range.clone());
        self.needed.push(range);
    }

    pub(crate) fn need_key(&mut self, key: &[u8]) {
        self.need(KeyRange::single(key.to_vec()));
    }

    pub(crate) fn touch(&mut self, range: KeyRange) {
        self.touched.push(range);
    }

    pub(crate) fn touch_key(&mut self, key: &[u8]) {
        self.touch(KeyRange::single(key.to_vec()));
    }
}
