//! Names for versions, which stay readable under them.

use super::history::History;
use super::mutant::Mutant;
use kv_api::{Error, Result, Tag, Version, check_tag_name};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The tags of a store.
#[derive(Debug, Clone, Default)]
pub(super) struct Tags {
    by_name: BTreeMap<String, Tag>,
    /// Of a mutant: what tags stood for that have been removed.
    removed: Vec<Version>,
}

impl History {
    /// Whether a version is to be read though it is not retained.
    pub(super) fn is_tagged(&self, version: Version) -> bool {
        let tags = &self.tags;
        match self.bug {
            Some(Mutant::UnheededTags) => false,
            Some(Mutant::LingeringTag) if tags.removed.contains(&version) => true,
            Some(Mutant::SharedPin) if tags.removed.contains(&version) => false,
            _ => tags.by_name.values().any(|tag| tag.version == version),
        }
    }

    pub(super) fn tag(&mut self, name: &str, version: Option<Version>) -> Result<Version> {
        if self.bug != Some(Mutant::AnyTagName) {
            check_tag_name(name)?;
        }
        if let Some(tag) = self.tags.by_name.get(name).filter(|_| self.bug != Some(Mutant::RetakenTag)) {
            return Err(Error::TagExists { name: name.to_owned(), version: tag.version });
        }
        let (oldest, newest) = (self.oldest(), self.newest());
        let version = version.unwrap_or(newest);
        if version > newest && self.bug != Some(Mutant::TagOfTheFuture) {
            return Err(Error::VersionNotReached { requested: version, newest });
        }
        if version < oldest && !self.is_tagged(version) && self.bug != Some(Mutant::TagOfThePruned) {
            return Err(Error::VersionNotRetained { requested: version, oldest });
        }
        self.tags.by_name.insert(name.to_owned(), Tag::new(name, version, now()));
        Ok(version)
    }

    pub(super) fn untag(&mut self, name: &str) -> Result<Version> {
        match self.tags.by_name.remove(name) {
            Some(tag) => {
                self.tags.removed.push(tag.version);
                Ok(tag.version)
            }
            None if self.bug == Some(Mutant::UntagOfNothing) => Ok(0),
            None => Err(Error::TagNotFound { name: name.to_owned() }),
        }
    }

    pub(super) fn tags(&self) -> Vec<Tag> {
        let drifting = |tag: &Tag| Tag::new(tag.name.clone(), self.newest(), tag.made);
        let tags = self.tags.by_name.values();
        match self.bug {
            Some(Mutant::DriftingTag) => tags.map(drifting).collect(),
            _ => tags.cloned().collect(),
        }
    }

    /// Loses them, for a mutant.
    pub(super) fn forget_tags(&mut self) {
        self.tags = Tags::default();
    }
}

fn now() -> SystemTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_millis(u64::try_from(since_1970.as_millis()).unwrap_or_default())
}
