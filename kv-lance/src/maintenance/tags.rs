//! Tags: made and removed by the thread that owns the table, between two commits of others.

use super::{Worker, told};
use crate::core::Core;
use kv_api::{Error, Result, Tag, Version};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

impl Worker {
    /// Tags a version; without one the newest that the table has once what is frozen has been flushed, so that the table shows
    /// that version and no other.
    pub(super) async fn tag(&mut self, core: &Core, name: String, version: Option<Version>) -> Result<Version> {
        if let Some(tag) = self.table.tags().get(&name) {
            return Err(Error::TagExists { name, version: tag.version });
        }
        self.flush_frozen(core, usize::MAX).await?;
        let newest = self.state.last_version;
        let version = version.unwrap_or(newest);
        self.check_taggable(version, newest)?;
        let tag = Tag::new(name, version, to_the_millisecond(SystemTime::now()));
        let tagged = self.table.add_tag(tag, version == newest).await.map_err(|e| told(core, e));
        self.show(core);
        tagged?;
        self.clean_up_now_and_then(core).await;
        Ok(version)
    }

    /// Removes a tag, and what only it kept, as far as that is not woven into what stays.
    pub(super) async fn untag(&mut self, core: &Core, name: &str) -> Result<Version> {
        let missing = || Error::TagNotFound { name: name.to_owned() };
        let version = self.table.tags().get(name).map(|tag| tag.version).ok_or_else(missing)?;
        let removed = self.table.remove_tag(name).await.map_err(|e| told(core, e));
        self.show(core);
        removed?;
        self.clean_up(core.config.reader_grace).await;
        Ok(version)
    }

    fn check_taggable(&self, version: Version, newest: Version) -> Result<()> {
        if version > newest {
            return Err(Error::VersionNotReached { requested: version, newest });
        }
        // What is being merged drops history that its floor does not speak of yet.
        let oldest = self.state.history_floor.max(self.compactions.horizon());
        if version < oldest && !self.table.tags().pins().contain(version) {
            return Err(Error::VersionNotRetained { requested: version, oldest });
        }
        Ok(())
    }
}

/// What is stored of a time.
fn to_the_millisecond(time: SystemTime) -> SystemTime {
    let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
    UNIX_EPOCH.checked_add(Duration::from_millis(millis)).unwrap_or(UNIX_EPOCH)
}
