//! A block that a cursor is in. Its values are read when one of its rows is handed out, and not before.

use super::{Span, Visible};
use crate::table::{KeyBlock, Run, ValBlock};
use kv_api::Result;
use std::sync::Arc;
use tokio::task::coop::consume_budget;

pub(super) struct Loaded {
    pub(super) block: usize,
    pub(super) keys: Arc<KeyBlock>,
    pub(super) vals: Option<Arc<ValBlock>>,
}

impl Loaded {
    /// Reads the keys.
    pub(super) async fn read(run: &Run, block: usize, span: &Span) -> Result<Self> {
        consume_budget().await;
        let keys = match span.visible {
            Visible::At(_) => run.keys(block).await?,
            Visible::All => run.keys_uncached(block).await?,
        };
        Ok(Self { block, keys, vals: None })
    }

    /// Whether the span wants values that are not there.
    pub(super) fn lacks_vals(&self, span: &Span) -> bool {
        span.vals && self.vals.is_none()
    }

    pub(super) async fn read_vals(&mut self, run: &Run, span: &Span) -> Result<()> {
        let vals = match span.visible {
            Visible::At(_) => run.vals(self.block).await?,
            Visible::All => run.vals_uncached(self.block).await?,
        };
        self.vals = Some(vals);
        Ok(())
    }
}
