//! The merge of a step: rows in order, each put where it belongs.

use super::pass::Step;
use super::split::{Split, SplitWriter};
use crate::core::Brake;
use crate::read::{Merge, Rows};
use crate::table::NewRow;
use kv_api::Result;

/// So many bytes of rows are merged between two looks at the brake.
const STRIDE: u64 = 64 << 10;

/// Hands the rows of all inputs to `writer`.
///
/// # Errors
/// Those of the files; `StoreClosed` where it was told to stop.
pub(super) async fn merge(step: &Step, mut writer: SplitWriter, brake: &Brake) -> Result<Split> {
    let mut merge = Merge::of_levels(&step.plan.inputs, step.range.clone());
    let mut bytes = 0;
    brake.pass(0)?;
    while merge.advance().await? {
        if bytes >= STRIDE {
            brake.pass(bytes)?;
            bytes = 0;
        }
        for row in merge.rows().iter().flat_map(Rows::iter) {
            let val = (!row.is_tombstone()).then(|| row.val());
            let (key, version, erases, superseded) = (row.key(), row.version(), row.erases(), row.superseded());
            bytes += (key.len() + val.map_or(0, <[u8]>::len)) as u64;
            writer.push(NewRow { key, version, val, erases, superseded }).await?;
        }
    }
    brake.pass(bytes)?;
    writer.finish().await
}
