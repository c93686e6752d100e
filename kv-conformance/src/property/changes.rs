//! Compares what feeds of both stores give.

use super::step::Twins;
use crate::fixture::{Feed, Mismatch, Next};
use kv_api::{Error, KeyRange};

impl Twins {
    /// Compares all commits so far, where the backend has them.
    pub(super) async fn compare_changes(&self) -> Result<(), Mismatch> {
        if !self.tested.declared().change_feed {
            return Ok(());
        }
        let mut tested = match self.tested.changes(0, ..).await {
            Err(Error::VersionNotRetained { .. }) if self.pruned => return Ok(()),
            begun => begun?,
        };
        let mut model = Feed::begin(&self.model, 0, KeyRange::all()).await?;
        for (version, model_version) in &self.commits {
            match (tested.next().await?, model.next().await?) {
                (Next::Commit(answer), Next::Commit(expected))
                    if answer.rows == expected.rows
                        && (answer.version, expected.version) == (*version, *model_version) => {}
                (Next::NotRetained(_), _) if self.pruned => return Ok(()),
                (answer, Next::Commit(expected)) => {
                    return Err(Mismatch(format!(
                        "the feed gives {answer:?} instead of {:?} of version {version}",
                        expected.rows
                    )));
                }
                (_, other) => return Err(Mismatch(format!("the feed of the reference gives {other:?}"))),
            }
        }
        Ok(())
    }
}
