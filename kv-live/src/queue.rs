//! What the router has found for a subscription, and the subscription has not read.

use crate::query::LiveQuery;
use crate::rows::{ChangedRow, ChangedRows};
use kv_api::{Error, KeyRange, Version};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;

/// Between the router and one subscription.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) range: KeyRange,
    most_rows: usize,
    most_bytes: usize,
    waiting: Mutex<Waiting>,
    /// There is something to take.
    pub(crate) news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    commits: VecDeque<ChangedRows>,
    rows: usize,
    bytes: usize,
    end: Option<End>,
}

/// Why the router adds nothing more.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// Everything up to this version has been added.
    pub(crate) after: Version,
    /// What ended all subscriptions; `None` where this one can go on from a feed of its own.
    pub(crate) reason: Option<Arc<Error>>,
}

/// What a queue has.
pub(crate) enum Taken {
    Commit(ChangedRows),
    Nothing,
    End(End),
}

impl Queue {
    pub(crate) fn new(query: &LiveQuery) -> Self {
        Self {
            range: query.range.clone(),
            most_rows: query.queue_rows,
            most_bytes: query.queue_bytes,
            waiting: Mutex::default(),
            news: Notify::new(),
        }
    }

    /// Adds the rows of a commit. The answer is false where there is no room for them.
    pub(crate) fn push(&self, version: Version, rows: Vec<ChangedRow>) -> bool {
        let bytes = rows.iter().map(ChangedRow::bytes).sum::<usize>();
        {
            let mut waiting = self.waiting.lock();
            let fits = waiting.rows + rows.len() <= self.most_rows && waiting.bytes + bytes <= self.most_bytes;
            if !fits && !waiting.commits.is_empty() {
                return false;
            }
            waiting.rows += rows.len();
            waiting.bytes += bytes;
            waiting.commits.push_back(ChangedRows { version, rows });
        }
        self.news.notify_one();
        true
    }

    /// Says that nothing more will be added.
    pub(crate) fn end(&self, after: Version, reason: Option<Arc<Error>>) {
        self.waiting.lock().end = Some(End { after, reason });
        self.news.notify_one();
    }

    /// Takes what is next. The end is there once, and then the queue can be used again.
    pub(crate) fn take(&self) -> Taken {
        let mut waiting = self.waiting.lock();
        if let Some(commit) = waiting.commits.pop_front() {
            waiting.rows -= commit.rows.len();
            waiting.bytes -= commit.rows.iter().map(ChangedRow::bytes).sum::<usize>();
            return Taken::Commit(commit);
        }
        waiting.end.take().map_or(Taken::Nothing, Taken::End)
    }

    pub(crate) fn is_empty(&self) -> bool {
        let waiting = self.waiting.lock();
        waiting.commits.is_empty() && waiting.end.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize) -> Vec<ChangedRow> {
        (0..count).map(|n| ChangedRow { key: vec![n as u8].into(), val: Some("123456789".into()) }).collect()
    }

    fn version(taken: Taken) -> Option<Version> {
        match taken {
            Taken::Commit(commit) => Some(commit.version),
            _ => None,
        }
    }

    #[test]
    fn it_takes_what_there_is_room_for_and_one_commit_whatever_its_size() {
        let queue = Queue::new(&LiveQuery::range(..).queue(5, 40));
        assert!(queue.push(1, rows(3)));
        assert!(!queue.push(2, rows(3)), "six rows");
        assert!(!queue.push(2, rows(2)), "fifty bytes");
        assert!(queue.push(2, rows(1)));
        assert!(!queue.push(3, rows(1)));
        assert_eq!(version(queue.take()), Some(1));
        assert!(queue.push(3, rows(1)), "there is room again");
        assert_eq!((version(queue.take()), version(queue.take())), (Some(2), Some(3)));
        assert!(queue.is_empty());
        assert!(queue.push(4, rows(100)));
        assert!(!queue.push(5, rows(1)));
        queue.end(4, None);
        assert_eq!(version(queue.take()), Some(4));
        assert!(!queue.is_empty(), "the end is still to be taken");
        assert!(matches!(queue.take(), Taken::End(End { after: 4, reason: None })));
        assert!(matches!(queue.take(), Taken::Nothing));
        assert!(queue.push(6, rows(1)), "it can be used again");
    }
}
