//! Branches: stores that begin with a copy of this one's history.

use super::history::History;
use super::mutant::Mutant;
use super::reference::Reference;
use kv_api::{CounterSource, Error, Result, Version};
use parking_lot::Mutex;
use std::sync::Arc;

impl Reference {
    /// A store that begins with what this one holds, or held at a tag.
    pub(super) fn branched(&self, tag: Option<&str>) -> Result<Self> {
        let bug = |mutant: Mutant| self.shared().is(mutant);
        let history = self.shared().history.lock();
        let at = match tag {
            Some(name) => Some(history.version_of(name)?),
            None => None,
        };
        let mut branch = (*history).clone();
        let newest = branch.newest();
        drop(history);
        match at.filter(|_| !bug(Mutant::BranchOfNow)) {
            Some(version) => branch.cut_back(version),
            None if bug(Mutant::BranchWithoutLast) => branch.lose_last(),
            None => {}
        }
        if at.is_some() || bug(Mutant::BranchWithoutPast) {
            branch.prune();
        }
        if bug(Mutant::BranchOfDeleted) {
            branch.resurrect();
        }
        if !bug(Mutant::BranchWithTags) {
            branch.forget_tags();
        }
        let begun = branch.newest();
        let shared_history = bug(Mutant::SharedBranch).then(|| self.shared().history.clone());
        let history = shared_history.unwrap_or_else(|| Arc::new(Mutex::new(branch)));
        let source = Arc::new(CounterSource::new());
        if !bug(Mutant::BranchFromZero) {
            kv_api::MvccSource::observe(&*source, newest.max(begun));
        }
        Ok(self.clone().with(|shared| {
            shared.history = history;
            shared.source = source;
            shared.shut_down = Arc::default();
            shared.news = Arc::default();
            shared.stamps = Arc::default();
            shared.bugs = Arc::default();
        }))
    }
}

impl History {
    fn version_of(&self, name: &str) -> Result<Version> {
        let tag = self.tags().into_iter().find(|tag| tag.name == name);
        tag.map(|tag| tag.version).ok_or_else(|| Error::TagNotFound { name: name.to_owned() })
    }
}
