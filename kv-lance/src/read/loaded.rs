//! A block that a cursor is in. Its values are read when one of its rows is handed out, and not before.

use super::Span;
use crate::table::{KeyBlock, ReadAhead, Run, ValBlock};
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
    pub(super) async fn read(run: &Run, block: usize) -> Result<Self> {
        consume_budget().await;
        Ok(Self { block, keys: run.keys(block).await?, vals: None })
    }

    /// Whether the span wants values that are not there.
    pub(super) fn lacks_vals(&self, span: &Span) -> bool {
        span.vals && self.vals.is_none()
    }

    pub(super) async fn read_vals(&mut self, run: &Run, ahead: &mut ReadAhead) -> Result<()> {
        self.vals = Some(run.vals_ahead(self.block, ahead).await?);
        Ok(())
    }
}
