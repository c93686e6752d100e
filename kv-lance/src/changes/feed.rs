//! A feed: where it is, and what it does next.

use super::backlog::Backlog;
use super::catch_up::{self, Caught};
use super::{Budget, live};
use crate::committer::Committer;
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
    /// What was committed later is not handed out.
    end: Version,
    /// What is being looked for. It goes on where a `next` was dropped: one that is given little time comes to an end too.
    search: Option<BoxFuture<'static, Result<Caught>>>,
    backlog: Option<Backlog>,
    /// What the next search looks for.
    budget: Budget,
}

impl LanceFeed {
    /// Begins one after a version and up to another.
    ///
    /// # Errors
    /// `Unsupported` without versions, `StoreClosed`, and `VersionNotRetained`.
    pub(crate) fn begin(
        core: &Arc<Core>,
        committer: &Committer,
        (since, end): (Version, Version),
        range: KeyRange,
    ) -> Result<Self> {
        if !core.config.versioned {
            return Err(Error::Unsupported { operation: "changes" });
        }
        if core.health.is_closed() {
            return Err(Error::StoreClosed);
        }
        // Before it is looked whether that is retained.
        let listener = committer.listen(since);
        core.feeds.check_retained(&core.views.guard(), since)?;
        let core = core.clone();
        Ok(Self { core, listener, range, position: since, end, search: None, backlog: None, budget: Budget::USUAL })
    }

    /// Whether nothing after a version is to be handed out. There may be something after the greatest: the end of the store.
    fn ends_at(&self, version: Version) -> bool {
        version >= self.end && self.end < Version::MAX
    }

    fn move_to(&mut self, position: Version) {
        self.position = position;
        self.listener.moved_to(position);
    }

    /// Hands out the next that is not in the tail; `None` where that is nothing of the range.
    async fn catch_up(&mut self) -> Result<Option<RecordBatch>> {
        let Self { core, range, position, end, backlog, budget, .. } = self;
        let search = self.search.get_or_insert_with(|| {
            Box::pin(catch_up::next(core.clone(), range.clone(), (*position, *end), backlog.take(), *budget))
        });
        let caught = search.await;
        self.search = None;
        let mut caught = caught?;
        self.backlog = caught.backlog.take();
        // Some of it may have been erased since, perhaps before this call.
        let Some(erasing) = self.core.feeds.erasing_after(caught.seen) else {
            // Nobody knows what. There is less time for that where less is looked for.
            self.budget = self.budget.halved();
            return Ok(None);
        };
        caught.leave_out(&live::last_erasures(&erasing, &self.range));
        self.budget = Budget::USUAL;
        self.move_to(caught.until);
        caught.finish()
    }
}

#[async_trait]
impl ChangeFeed for LanceFeed {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let core = self.core.clone();
        while !self.ends_at(self.position) {
            let mut news = std::pin::pin!(core.feeds.news.notified());
            // It may come before this waits.
            news.as_mut().enable();
            let batch = match core.feeds.look(self.position, Budget::USUAL.batch_bytes) {
                Look::Groups { groups, erasing } => {
                    let (batch, until) = live::batch(&groups, &erasing, (self.position, self.end), &self.range)?;
                    self.move_to(until);
                    batch
                }
                Look::Behind => self.catch_up().await?,
                Look::End => return Ok(None),
                Look::Nothing(newest) if self.ends_at(newest) => return Ok(None),
                Look::Nothing(_) => {
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
        Ok(None)
    }
}
