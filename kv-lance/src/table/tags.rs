//! The tags of a store, as its commits name them.

use super::pins::Pins;
use kv_api::{Tag, check_tag_name};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// A tag, and the version of the table that outside readers find under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredTag {
    pub(crate) tag: Tag,
    /// `None` where the table never had these rows and no others.
    pub(super) manifest: Option<u64>,
}

/// All tags, in the order of their names. Shared by clones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tags {
    tags: Arc<[StoredTag]>,
    pins: Pins,
}

impl Tags {
    fn new(mut tags: Vec<StoredTag>) -> Self {
        tags.sort_by(|a, b| a.tag.name.cmp(&b.tag.name));
        let pins = Pins::new(tags.iter().map(|stored| stored.tag.version));
        Self { tags: tags.into(), pins }
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Tag> {
        self.tags.iter().map(|stored| &stored.tag)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Tag> {
        self.stored(name).map(|stored| &stored.tag)
    }

    pub(crate) fn pins(&self) -> &Pins {
        &self.pins
    }

    pub(super) fn stored(&self, name: &str) -> Option<&StoredTag> {
        self.tags.iter().find(|stored| stored.tag.name == name)
    }

    /// Those that outside readers find, each with the version of the table that it shows.
    pub(super) fn shown(&self) -> impl Iterator<Item = (&Tag, u64)> {
        self.tags.iter().filter_map(|stored| Some((&stored.tag, stored.manifest?)))
    }

    pub(super) fn with(&self, tag: StoredTag) -> Self {
        Self::new(self.tags.iter().cloned().chain([tag]).collect())
    }

    pub(super) fn without(&self, name: &str) -> Self {
        Self::new(self.tags.iter().filter(|stored| stored.tag.name != name).cloned().collect())
    }

    /// As the table's configuration has them: `name:version:milliseconds:manifest`, by `,`.
    pub(super) fn encode(&self) -> String {
        let encoded: Vec<String> = self.tags.iter().map(encode).collect();
        encoded.join(",")
    }

    /// `None` where that is not what [`encode`](Self::encode) gives.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let tags: Vec<StoredTag> =
            text.split(',').filter(|tag| !tag.is_empty()).map(decode).collect::<Option<Vec<_>>>()?;
        Some(Self::new(tags))
    }
}

fn encode(StoredTag { tag, manifest }: &StoredTag) -> String {
    let made = tag.made.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let manifest = manifest.map_or_else(String::new, |manifest| manifest.to_string());
    format!("{}:{}:{made}:{manifest}", tag.name, tag.version)
}

fn decode(text: &str) -> Option<StoredTag> {
    let mut fields = text.split(':');
    let (name, version, made, manifest) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    check_tag_name(name).ok()?;
    let made = UNIX_EPOCH.checked_add(Duration::from_millis(made.parse().ok()?))?;
    let manifest = match manifest {
        "" => None,
        number => Some(number.parse().ok()?),
    };
    fields.next().is_none().then_some(StoredTag { tag: Tag::new(name, version.parse().ok()?, made), manifest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_they_were_written() {
        let made = UNIX_EPOCH + Duration::from_millis(1_777_000_000_123);
        let tags = Tags::default()
            .with(StoredTag { tag: Tag::new("b-2.0_x", u64::MAX, made), manifest: Some(12) })
            .with(StoredTag { tag: Tag::new("a", 0, UNIX_EPOCH), manifest: None });
        assert_eq!(tags.encode(), "a:0:0:,b-2.0_x:18446744073709551615:1777000000123:12");
        assert_eq!(Tags::decode(&tags.encode()), Some(tags.clone()));
        assert!(tags.pins().contain(0) && tags.pins().contain(u64::MAX));
        assert_eq!(Tags::decode(""), Some(Tags::default()));
        assert_eq!(tags.without("a").without("b-2.0_x"), Tags::default());
        for bad in ["a", "a:1:2", "a:1:2:3:4", "a:x:2:3", "../a:1:2:3", "a:1:2:x", ":1:2:3"] {
            assert_eq!(Tags::decode(bad), None, "{bad}");
        }
    }
}
