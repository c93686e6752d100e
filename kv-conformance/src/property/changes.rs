//! Compares what feeds of both stores give.

use super::step::Twins;
use crate::fixture::{Feed, Mismatch, Next};
use kv_api::{Datastore, Error, KeyRange};

impl Twins {
    /// Shuts both stores down, with a feed of each that has read nothing. After that a feed ends: a commit that is missing there is
    /// not waited for.
    pub(super) async fn shut_down(&self) -> Result<(), Mismatch> {
        let feeds = match self.tested.declared().change_feed {
            true => self.feeds().await?,
            false => None,
        };
        self.tested.db().shutdown().await?;
        self.model.shutdown().await?;
        match feeds {
            Some((tested, model)) => self.compare_changes(tested, model).await,
            None => Ok(()),
        }
    }

    /// Feeds of all commits; `None` where the backend has pruned them.
    async fn feeds(&self) -> Result<Option<(Feed, Feed)>, Mismatch> {
        match self.tested.changes(0, ..).await {
            Err(Error::VersionNotRetained { .. }) if self.pruned => Ok(None),
            begun => Ok(Some((begun?, Feed::begin(&self.model, 0, KeyRange::all()).await?))),
        }
    }

    /// What a feed gives next. Whether an erased range writes the keys that have nothing but deletions is left open, and with
    /// that whether earlier deletions are erased: where there was one, deletions are not compared.
    async fn next_of(&self, feed: &mut Feed) -> Result<Next, Mismatch> {
        loop {
            match feed.next().await? {
                Next::Commit(mut commit) if self.cleared => {
                    commit.rows.retain(|(_, val)| val.is_some());
                    if !commit.rows.is_empty() {
                        return Ok(Next::Commit(commit));
                    }
                }
                next => return Ok(next),
            }
        }
    }

    async fn compare_changes(&self, mut tested: Feed, mut model: Feed) -> Result<(), Mismatch> {
        let mut commits = self.commits.iter();
        loop {
            let (answer, expected) = (self.next_of(&mut tested).await?, self.next_of(&mut model).await?);
            // Commits of which all has been erased are passed over.
            let commit = match &expected {
                Next::Commit(expected) => commits.find(|(_, model_version)| *model_version == expected.version),
                _ => None,
            };
            match (&answer, &expected, commit) {
                (Next::Commit(answer), Next::Commit(expected), Some((version, model_version)))
                    if answer.rows == expected.rows
                        && (answer.version, expected.version) == (*version, *model_version) => {}
                (Next::End, Next::End, None) => return Ok(()),
                (Next::NotRetained(_), _, _) if self.pruned => return Ok(()),
                _ => return Err(Mismatch(format!("the feed gives {answer:?} instead of {expected:?}"))),
            }
        }
    }
}
