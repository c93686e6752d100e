//! Blocks that are read before they are needed, by who reads each row of a run: they are never cached.

use super::loaded::Loaded;
use crate::table::Run;
use kv_api::{Error, Result};
use std::collections::VecDeque;
use tokio::task::coop::consume_budget;

/// What has been read, the next block first.
#[derive(Default)]
pub(super) struct Ahead {
    blocks: VecDeque<Loaded>,
    /// So many blocks were asked for: more each time, as a short range needs few.
    asked: usize,
}

impl Ahead {
    /// A block with its values, where those are wanted, and from the file together with some that follow it.
    pub(super) async fn read(&mut self, run: &Run, block: usize, vals: bool) -> Result<Loaded> {
        if self.blocks.front().is_none_or(|next| next.block != block) {
            consume_budget().await;
            self.asked = self.asked.saturating_mul(2).max(1);
            let stretch = run.stretch(block, self.asked, vals).await?;
            self.blocks = (block..).zip(stretch).map(|(block, (keys, vals))| Loaded { block, keys, vals }).collect();
        }
        self.blocks.pop_front().ok_or_else(|| Error::backend("reading a run", "a block that was read is not there"))
    }
}
