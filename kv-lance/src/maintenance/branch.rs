//! Branches: made by the thread that owns the table, between two commits of others, so that no file goes meanwhile.

use super::{Worker, told};
use crate::core::Core;
use crate::layout::Layout;
use kv_api::{Result, Version};

impl Worker {
    /// Has another store begin with what this one has once what is frozen has been flushed, or had when it was tagged.
    pub(super) async fn branch(&mut self, core: &Core, into: &Layout, tag: Option<&str>) -> Result<Version> {
        self.flush_frozen(core, usize::MAX).await?;
        let begin = |through| into.journal.begin_after(through);
        self.table.branch(&into.table, tag, begin).await.map_err(|e| told(core, e))
    }
}
