//! Cursors over keys, and over keys with their values.

use crate::walk::Walk;
use std::ops::ControlFlow::Continue;
use surrealdb_kvs::Result;
use surrealdb_kvs::api::{
    BoxFut, KeySpan, KeyValSpan, KeyVisitor, KeysBatch, ScanChunkStats, ScanCursorKeys, ScanCursorVals, ValVisitor,
    ValsBatch,
};

/// Walks over keys. Its buffers live as long as it does.
pub(crate) struct KeysCursor<'a> {
    walk: Walk<'a>,
    bytes: Vec<u8>,
    spans: Vec<KeySpan>,
}

impl<'a> KeysCursor<'a> {
    pub(crate) fn new(walk: Walk<'a>) -> Self {
        Self { walk, bytes: Vec::new(), spans: Vec::new() }
    }
}

impl ScanCursorKeys for KeysCursor<'_> {
    fn next_batch<'s>(&'s mut self, limit: u32) -> BoxFut<'s, Result<KeysBatch<'s>>> {
        Box::pin(async move {
            let Self { walk, bytes, spans } = self;
            bytes.clear();
            spans.clear();
            let mut gather = |key: &[u8]| {
                spans.push(KeySpan { offset: bytes.len(), len: key.len() });
                bytes.extend_from_slice(key);
                Ok(Continue(()))
            };
            let stats = walk.keys(limit, &mut gather).await?;
            Ok(KeysBatch::from_parts(bytes, spans, stats.key_bytes))
        })
    }

    fn for_each<'s>(&'s mut self, limit: u32, f: &'s mut dyn KeyVisitor) -> BoxFut<'s, Result<ScanChunkStats>> {
        Box::pin(self.walk.keys(limit, f))
    }
}

/// Walks over keys and values. Its buffers live as long as it does.
pub(crate) struct ValsCursor<'a> {
    walk: Walk<'a>,
    keys: Vec<u8>,
    vals: Vec<u8>,
    spans: Vec<KeyValSpan>,
}

impl<'a> ValsCursor<'a> {
    pub(crate) fn new(walk: Walk<'a>) -> Self {
        Self { walk, keys: Vec::new(), vals: Vec::new(), spans: Vec::new() }
    }
}

impl ScanCursorVals for ValsCursor<'_> {
    fn next_batch<'s>(&'s mut self, limit: u32) -> BoxFut<'s, Result<ValsBatch<'s>>> {
        Box::pin(async move {
            let Self { walk, keys, vals, spans } = self;
            keys.clear();
            vals.clear();
            spans.clear();
            let mut gather = |key: &[u8], val: &[u8]| {
                spans.push(KeyValSpan {
                    key_offset: keys.len(),
                    key_len: key.len(),
                    val_offset: vals.len(),
                    val_len: val.len(),
                });
                keys.extend_from_slice(key);
                vals.extend_from_slice(val);
                Ok(Continue(()))
            };
            let stats = walk.vals(limit, &mut gather).await?;
            Ok(ValsBatch::from_parts(keys, vals, spans, stats.key_bytes, stats.value_bytes))
        })
    }

    fn for_each<'s>(&'s mut self, limit: u32, f: &'s mut dyn ValVisitor) -> BoxFut<'s, Result<ScanChunkStats>> {
        Box::pin(self.walk.vals(limit, f))
    }
}
