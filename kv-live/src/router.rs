//! What hands the rows of one feed to the subscriptions that they are for.
//!
//! The router is a task that follows all commits of the store, from the first subscription that is attached until none is.
//! It never waits for one: a queue without room is ended, and its subscription catches up by itself.

use crate::intervals::{Intervals, Ticket};
use crate::queue::Queue;
use crate::rows::{ChangedRow, Columns};
use arrow_array::RecordBatch;
use kv_api::{ChangeFeed, ChangeFilter, Datastore, Error, Result, Version};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::coop::consume_budget;

/// Rows that are looked up before other tasks get a turn.
const STRIDE: usize = 256;

/// How often a feed is begun whose version is pruned meanwhile.
const ATTEMPTS: usize = 100;

/// One for all live queries of a store.
pub(crate) struct Router {
    pub(crate) store: Arc<dyn Datastore>,
    state: Mutex<State>,
    /// The last subscription may have gone.
    idle: Notify,
}

#[derive(Default)]
struct State {
    ranges: Intervals,
    queues: HashMap<Ticket, Arc<Queue>>,
    /// Which task follows the feed, where one does.
    running: Option<u64>,
    /// The number of the last task.
    last_task: u64,
    last_ticket: Ticket,
    /// The last commit that is being handed out: who comes now gets those after it.
    begun: Version,
    /// The last that has been.
    done: Version,
}

/// A queue's place with the router, until this is dropped.
pub(crate) struct Attachment {
    router: Arc<Router>,
    ticket: Ticket,
    /// The queue gets every commit after this version.
    pub(crate) after: Version,
}

impl Router {
    pub(crate) fn new(store: Arc<dyn Datastore>) -> Self {
        Self { store, state: Mutex::default(), idle: Notify::new() }
    }

    /// How many queues are attached.
    pub(crate) fn attached(&self) -> usize {
        self.state.lock().queues.len()
    }

    /// Has a queue get what comes from now on, and begins to follow the store where nobody did.
    ///
    /// # Errors
    /// Those of [`Datastore::changes`]; [`Error::Backend`] outside of a tokio runtime.
    pub(crate) async fn attach(self: &Arc<Self>, queue: &Arc<Queue>) -> Result<Attachment> {
        {
            let mut state = self.state.lock();
            if state.running.is_some() {
                return Ok(self.add(&mut state, queue));
            }
        }
        let runtime = Handle::try_current().map_err(|e| Error::backend("starting the router of live queries", e))?;
        let (since, feed) = self.follow().await?;
        let mut state = self.state.lock();
        // Another may have been faster.
        if state.running.is_none() {
            state.last_task += 1;
            state.running = Some(state.last_task);
            (state.begun, state.done) = (since, since);
            let task = Task { router: self.clone(), number: state.last_task };
            runtime.spawn(task.run(feed));
        }
        Ok(self.add(&mut state, queue))
    }

    /// A feed of all commits from now on.
    async fn follow(&self) -> Result<(Version, Box<dyn ChangeFeed>)> {
        let mut attempts = 0;
        loop {
            let since = self.store.current_version().await?;
            match self.store.changes(since, ChangeFilter::default()).await {
                // There have been commits and a compaction since.
                Err(Error::VersionNotRetained { .. }) if attempts < ATTEMPTS => attempts += 1,
                followed => return Ok((since, followed?)),
            }
        }
    }

    fn add(self: &Arc<Self>, state: &mut State, queue: &Arc<Queue>) -> Attachment {
        state.last_ticket += 1;
        let ticket = state.last_ticket;
        state.ranges.insert(queue.range.clone(), ticket);
        state.queues.insert(ticket, queue.clone());
        Attachment { router: self.clone(), ticket, after: state.begun }
    }

    /// Hands the commits of a batch to the queues that they are for.
    async fn dispatch(&self, batch: &RecordBatch) -> Result<()> {
        let columns = Columns::of(batch)?;
        for (version, rows) in columns.commits() {
            // Who comes from now on may get a part of this commit, and passes it over: it begins after it.
            self.state.lock().begun = version;
            let found = self.find(&columns, rows).await;
            self.hand_out(version, found);
        }
        Ok(())
    }

    /// The rows of a commit by whom they are for.
    async fn find(&self, columns: &Columns<'_>, mut rows: Range<usize>) -> HashMap<Ticket, Vec<ChangedRow>> {
        let mut found: HashMap<Ticket, Vec<ChangedRow>> = HashMap::new();
        while !rows.is_empty() {
            let stride = rows.start..rows.end.min(rows.start + STRIDE);
            rows.start = stride.end;
            {
                let state = self.state.lock();
                for row in stride {
                    let mut copied = None;
                    state.ranges.holding(columns.key(row), |ticket| {
                        let row = copied.get_or_insert_with(|| columns.row(row)).clone();
                        found.entry(ticket).or_default().push(row);
                    });
                }
            }
            consume_budget().await;
        }
        found
    }

    fn hand_out(&self, version: Version, found: HashMap<Ticket, Vec<ChangedRow>>) {
        let mut state = self.state.lock();
        for (ticket, rows) in found {
            let Some(queue) = state.queues.get(&ticket).filter(|queue| !queue.push(version, rows)).cloned() else {
                continue;
            };
            state.remove(ticket);
            queue.end(version.saturating_sub(1), None);
        }
        state.done = version;
    }

    /// Ends a task that follows the store, and all queues with it.
    fn stop(&self, task: u64, reason: Option<Arc<Error>>) {
        let mut state = self.state.lock();
        if state.running != Some(task) {
            return;
        }
        state.running = None;
        state.ranges.clear();
        let done = state.done;
        for (_, queue) in state.queues.drain() {
            queue.end(done, reason.clone());
        }
    }

    /// Ends a task that follows the store where nobody is there for whom it would.
    fn stop_if_idle(&self, task: u64) -> bool {
        let mut state = self.state.lock();
        let idle = state.queues.is_empty() && state.running == Some(task);
        if idle {
            state.running = None;
        }
        idle
    }
}

impl State {
    fn remove(&mut self, ticket: Ticket) {
        if let Some(queue) = self.queues.remove(&ticket) {
            self.ranges.remove(&queue.range.start, ticket);
        }
    }
}

impl Attachment {
    /// The version up to which everything has been put into the queue; `None` where that has been ended.
    pub(crate) fn done(&self) -> Option<Version> {
        let state = self.router.state.lock();
        state.queues.contains_key(&self.ticket).then_some(state.done.max(self.after))
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let mut state = self.router.state.lock();
        state.remove(self.ticket);
        if state.queues.is_empty() {
            self.router.idle.notify_one();
        }
    }
}

/// Follows the store, until this is dropped.
struct Task {
    router: Arc<Router>,
    number: u64,
}

impl Task {
    async fn run(self, mut feed: Box<dyn ChangeFeed>) {
        let router = &self.router;
        let reason = loop {
            let next = tokio::select! {
                () = router.idle.notified() => match router.stop_if_idle(self.number) {
                    true => return,
                    false => continue,
                },
                next = feed.next() => next,
            };
            match next {
                Ok(Some(batch)) => {
                    if let Err(e) = router.dispatch(&batch).await {
                        break Some(e);
                    }
                }
                Ok(None) => break Some(Error::StoreClosed),
                // It fell behind what the store retains. Each subscription sees for itself whether it has, too.
                Err(Error::VersionNotRetained { .. }) => break None,
                Err(e) => break Some(e),
            }
        };
        router.stop(self.number, reason.map(Arc::new));
    }
}

/// Also where its runtime ends while others go on: then a subscription starts another.
impl Drop for Task {
    fn drop(&mut self) {
        self.router.stop(self.number, None);
    }
}
