//! One subscription: a snapshot, and then the commits after it.

use crate::catch_up::CatchUp;
use crate::events::events;
use crate::query::{Contents, LiveQuery};
use crate::queue::{Queue, Taken};
use crate::router::{Attachment, Router};
use crate::rows::ChangedRows;
use crate::snapshot::{Snapshot, was_overtaken};
use crate::update::Update;
use futures::Stream;
use kv_api::{Error, Result, Version};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// The updates of a [`LiveQuery`]. Dropping it unsubscribes.
pub struct Subscription {
    router: Arc<Router>,
    query: LiveQuery,
    /// Until all of it has been handed out.
    snapshot: Option<Snapshot>,
    queue: Arc<Queue>,
    attachment: Attachment,
    /// The queue has been ended; what comes after that is to be asked for.
    detached: bool,
    /// Commits between the position and what the queue has.
    catch_up: Option<CatchUp>,
    /// Has been read from a feed or from the queue.
    fetched: VecDeque<ChangedRows>,
    /// All commits up to this version have been handed out, or wrote nothing in the range.
    position: Version,
}

impl Subscription {
    pub(crate) async fn begin(router: Arc<Router>, query: LiveQuery) -> Result<Self> {
        let queue = Arc::new(Queue::new(&query));
        // Before the snapshot, which then has everything that the queue has not.
        let attachment = router.attach(&queue).await?;
        let (snapshot, position) = match query.after {
            Some(version) => (None, version),
            None => (Some(begin_snapshot(&router, &query).await?), 0),
        };
        let fetched = VecDeque::new();
        let mut subscription =
            Self { router, query, snapshot, queue, attachment, detached: false, catch_up: None, fetched, position };
        if subscription.snapshot.is_none() {
            subscription.look_behind().await?;
        }
        Ok(subscription)
    }

    /// The next update: first the rows of the snapshot, if any are asked for, and that it is complete, then a commit at a time. Waits
    /// where there is none yet.
    ///
    /// The future may be dropped at any time: what it would have handed out comes with the next call.
    ///
    /// # Errors
    /// The subscription does not go on after one, and the next call says it again. What has been handed out is right, and
    /// [`position`](Self::position) says up to where it is complete.
    ///
    /// [`StoreClosed`](Error::StoreClosed) once the store has been shut down, behind what was there until then, and
    /// [`StoreFailed`](Error::StoreFailed) once it has failed. Old values cannot be read from a store that is closed: a
    /// subscription with them ends where it is then, and so does one that is catching up.
    ///
    /// [`VersionNotRetained`](Error::VersionNotRetained) where it fell behind what the store retains, or the old values of what it
    /// has to hand out are not retained. Nothing is lost silently: it takes a new subscription, with a snapshot.
    pub async fn next(&mut self) -> Result<Update> {
        if self.snapshot.is_some() {
            return self.next_of_snapshot().await;
        }
        loop {
            if let Some(commit) = self.fetched.front() {
                // Of the snapshot, or handed out already.
                if commit.version > self.position {
                    let commit = events(&*self.router.store, commit, self.query.contents).await?;
                    self.position = commit.version;
                    self.fetched.pop_front();
                    return Ok(Update::Commit(commit));
                }
                self.fetched.pop_front();
            } else if self.detached {
                self.attachment = self.router.attach(&self.queue).await?;
                self.detached = false;
            } else if self.catch_up.is_some() || self.position < self.attachment.after {
                self.look_behind().await?;
            } else {
                self.next_of_queue().await?;
            }
        }
    }

    /// The updates as a stream, which ends with the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Update>> + Send {
        futures::stream::unfold(Some(self), async |subscription| {
            let mut subscription = subscription?;
            let next = subscription.next().await;
            let rest = next.is_ok().then_some(subscription);
            Some((next, rest))
        })
    }

    /// The version up to which everything has been handed out: another subscription goes on [after](LiveQuery::after) it. `None`
    /// until the snapshot is complete.
    pub fn position(&self) -> Option<Version> {
        if self.snapshot.is_some() {
            return None;
        }
        let up_to_date = !self.detached && self.fetched.is_empty() && self.position >= self.attachment.after;
        // In this order: what the router has done by now is in the queue, or has been taken.
        let done = self.attachment.done().filter(|_| up_to_date);
        Some(done.filter(|_| self.queue.is_empty()).unwrap_or_default().max(self.position))
    }

    async fn next_of_snapshot(&mut self) -> Result<Update> {
        loop {
            let Some(snapshot) = &mut self.snapshot else { return Err(Error::StoreClosed) };
            match snapshot.next().await {
                Ok(Some(rows)) => return Ok(Update::Rows(rows)),
                Ok(None) => {
                    let version = snapshot.version;
                    self.position = version;
                    self.snapshot = None;
                    return Ok(Update::Current { version });
                }
                Err(e) if snapshot.is_fresh() && was_overtaken(&e) => {
                    self.snapshot = Some(begin_snapshot(&self.router, &self.query).await?);
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Fetches commits that came before the queue was attached.
    async fn look_behind(&mut self) -> Result<()> {
        let Some(catch_up) = &mut self.catch_up else {
            if self.position < self.attachment.after {
                let (range, until) = (self.query.range.clone(), self.attachment.after);
                self.catch_up = Some(CatchUp::begin(&*self.router.store, range, self.position, until).await?);
            }
            return Ok(());
        };
        match catch_up.next().await? {
            Some(commits) => self.fetched.extend(commits),
            None => {
                self.position = self.position.max(catch_up.until);
                self.catch_up = None;
            }
        }
        Ok(())
    }

    /// Fetches a commit from the queue, or waits for one.
    async fn next_of_queue(&mut self) -> Result<()> {
        match self.queue.take() {
            Taken::Commit(commit) => self.fetched.push_back(commit),
            Taken::Nothing => self.queue.news.notified().await,
            Taken::End(end) => {
                self.position = self.position.max(end.after);
                self.detached = true;
                if let Some(reason) = end.reason {
                    return Err(shared(&reason));
                }
            }
        }
        Ok(())
    }
}

async fn begin_snapshot(router: &Router, query: &LiveQuery) -> Result<Snapshot> {
    Snapshot::begin(&*router.store, query.range.clone(), query.contents == Contents::Keys).await
}

/// An error that all subscriptions get.
fn shared(error: &Arc<Error>) -> Error {
    match &**error {
        Error::StoreClosed => Error::StoreClosed,
        Error::StoreFailed { reason } => Error::StoreFailed { reason: reason.clone() },
        _ => Error::backend("following the commits of the store", error.clone()),
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = self.position();
        f.debug_struct("Subscription").field("query", &self.query).field("position", &position).finish_non_exhaustive()
    }
}
