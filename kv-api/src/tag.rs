//! Tags: names for versions that are to stay readable.

use crate::{Error, Result, Version};
use std::time::SystemTime;

/// The longest name of a tag in bytes.
pub const MAX_TAG_NAME_BYTES: usize = 200;

/// A name for a version. The version can be read for as long as the tag is there, whatever the store's retention.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tag {
    /// What it is called.
    pub name: String,
    /// The version that it stands for.
    pub version: Version,
    /// When it was made, to the millisecond.
    pub made: SystemTime,
}

impl Tag {
    /// A tag that was made at a time.
    pub fn new(name: impl Into<String>, version: Version, made: SystemTime) -> Self {
        Self { name: name.into(), version, made }
    }
}

/// Checks the name of a tag that is to be made: ASCII letters, digits, `.`, `-` and `_`, up to [`MAX_TAG_NAME_BYTES`], with
/// no dot at either end, no two dots in a row, and no `.lock` at the end.
///
/// ```
/// assert!(kv_api::check_tag_name("release-1.2").is_ok());
/// assert!(kv_api::check_tag_name("release/1.2").is_err());
/// ```
///
/// # Errors
/// [`Error::InvalidTagName`].
pub fn check_tag_name(name: &str) -> Result<()> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.len() > MAX_TAG_NAME_BYTES {
        "it is longer than 200 bytes"
    } else if !name.bytes().all(is_allowed) {
        "ASCII letters, digits, '.', '-' and '_' are allowed"
    } else if name.starts_with('.') || name.ends_with('.') {
        "it begins or ends with a dot"
    } else if name.contains("..") {
        "it has two dots in a row"
    } else if name.ends_with(".lock") {
        "it ends with '.lock'"
    } else {
        return Ok(());
    };
    Err(Error::InvalidTagName { name: name.to_owned(), reason: reason.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let longest = "n".repeat(MAX_TAG_NAME_BYTES);
        for name in ["a", "7", "_", "-", "v1.2.3", "2026-04-01_night", "a.lock.b", &longest] {
            assert!(check_tag_name(name).is_ok(), "{name}");
        }
        let too_long = "n".repeat(MAX_TAG_NAME_BYTES + 1);
        for name in ["", ".a", "a.", "a..b", "a.lock", "a/b", "a b", "a:b", "ä", "a\0", "..", &too_long] {
            let refused = check_tag_name(name);
            assert!(
                matches!(&refused, Err(Error::InvalidTagName { name: of, .. }) if of == name),
                "{name}: {refused:?}"
            );
        }
    }
}
