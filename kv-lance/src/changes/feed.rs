//! A feed: where it is, and what it does next.

use super::backlog::Backlog;
use super::catch_up::{self, Caught};
use super::{BATCH_BYTES, live};
use crate::core::{Core, Listener, Look};
use arrow_array::RecordBatch;
use async_trait::async_trait;
use futures::future::BoxFuture;
use kv_api::{ChangeFeed, Error, KeyRange, Result, Version};
use std::sync::Arc;
use tokio::task::coop::consume_budget;

/// A change feed of a store.
pub(crate) struct LanceFeed {
    core: Arc<Core>,
    listener: Listener,
    range: KeyRange,
    /// What was committed up to here has been handed out, or is not of the range.
    position: Version,
    /// What is being looked for. It goes on where a `next` was dropped: one that is given little time comes to an end too.
    search: Option<BoxFuture<'static, Result<Caught>>>,
    backlog: Option<Backlog>,
}

impl LanceFeed {
    /// Begins after a version; `listener` has listened since before it was looked whether that is retained.
    pub(crate) fn new(core: Arc<Core>, listener: Listener, since: Version, range: KeyRange) -> Self {
        Self { core, listener, range, position: since, search: None, backlog: None }
    }

    fn move_to(&mut self, position: Version) {
        self.position = position;
        self.listener.moved_to(position);
    }

    /// Hands out the next that is not in the tail; `None` where that is nothing of the range.
    async fn catch_up(&mut self) -> Result<Option<RecordBatch>> {
        let Self { core, range, position, backlog, .. } = self;
        let search = self
            .search
            .get_or_insert_with(|| Box::pin(catch_up::next(core.clone(), range.clone(), *position, backlog.take())));
        let caught = search.await;
        self.search = None;
        let mut caught = caught?;
        if self.core.feeds.last_erasing() > caught.seen {
            // Some of it may have been erased since, perhaps before this call.
            return Ok(None);
        }
        self.backlog = caught.backlog.take();
        self.move_to(caught.until);
        caught.finish()
    }
}

#[async_trait]
impl ChangeFeed for LanceFeed {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let core = self.core.clone();
        loop {
            let mut news = std::pin::pin!(core.feeds.news.notified());
            // It may come before this waits.
            news.as_mut().enable();
            let batch = match core.feeds.look(self.position, BATCH_BYTES) {
                Look::Groups { groups, erasing } => {
                    let (batch, until) = live::batch(&groups, &erasing, self.position, &self.range)?;
                    self.move_to(until);
                    batch
                }
                Look::Behind => self.catch_up().await?,
                Look::End => return Ok(None),
                Look::Nothing => {
                    if let Some(reason) = core.health.failure() {
                        return Err(Error::StoreFailed { reason });
                    }
                    news.await;
                    None
                }
            };
            if batch.is_some() {
                return Ok(batch);
            }
            consume_budget().await;
        }
    }
}
