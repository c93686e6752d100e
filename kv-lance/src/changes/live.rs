//! What a feed hands out of the commits that are in memory.

use super::Budget;
use super::batch::Batch;
use crate::core::Group;
use arrow_array::RecordBatch;
use bytes::Bytes;
use kv_api::{Key, KeyRange, Result, Version};
use std::collections::HashMap;
use std::sync::Arc;

/// The changes of `range` after a version and up to `end`, and the version up to which they are all; `erasing` are the groups that erase
/// something, as far as they are later.
pub(super) fn batch(
    groups: &[Arc<Group>],
    erasing: &[Arc<Group>],
    (position, end): (Version, Version),
    range: &KeyRange,
) -> Result<(Option<RecordBatch>, Version)> {
    let erased = last_erasures(erasing, range);
    let (mut batch, mut until) = (Batch::default(), position);
    let records = groups.iter().flat_map(|group| &group.records);
    for record in records.skip_while(|record| record.version <= position) {
        if record.version > end {
            until = end;
            break;
        }
        if batch.bytes() >= Budget::USUAL.batch_bytes {
            break;
        }
        for (key, write) in record.writes().flatten() {
            let is_erased = || erased.get(&key).is_some_and(|erased| *erased > record.version);
            if range.contains(&key) && !is_erased() {
                batch.push(record.version, &key, write.val.as_deref())?;
            }
        }
        until = record.version;
    }
    Ok((batch.finish()?, until))
}

/// The version of the last commit that erased what was before, for each key that one did.
pub(super) fn last_erasures(erasing: &[Arc<Group>], range: &KeyRange) -> HashMap<Key, Version> {
    let mut erased = HashMap::new();
    for record in erasing.iter().flat_map(|group| &group.records) {
        let keys = record.writes().flatten().filter(|(key, write)| write.erases && range.contains(key));
        erased.extend(keys.map(|(key, _): (Bytes, _)| (key, record.version)));
    }
    erased
}
