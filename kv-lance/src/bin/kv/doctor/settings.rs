//! How a store is configured, and by what.

use crate::failure::Outcome;
use kv_lance::LanceConfig;

/// Where the value of a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Default,
    Environment,
    Url,
}

impl Origin {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Environment => "environment",
            Self::Url => "url",
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Default => "by default",
            Self::Environment => "from the environment",
            Self::Url => "from the URL",
        }
    }
}

/// A setting as it is resolved.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// In bytes, a number, or 0 where it is neither.
    pub(super) number: u64,
    pub(super) origin: Origin,
}

/// The settings of the store that `url` names.
pub(super) fn resolve(url: &str, config: &LanceConfig) -> Outcome<Vec<Setting>> {
    let environment = LanceConfig::from_env(config.path())?;
    let defaults = LanceConfig::new(config.path());
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
    let in_url = |name: &str| parameters.split('&').any(|part| part.split('=').next() == Some(name));
    let resolved = config.settings().zip(environment.settings()).zip(defaults.settings());
    Ok(resolved
        .map(|(((name, value), (_, environment)), (_, default))| {
            let origin = if in_url(name) {
                Origin::Url
            } else if environment != default {
                Origin::Environment
            } else {
                Origin::Default
            };
            Setting { name, number: number(&value), value, origin }
        })
        .collect())
}

/// What the store may keep in memory: memtables and caches.
pub(super) fn budget(settings: &[Setting]) -> u64 {
    let of = |name| number_of(settings, name);
    let memtables = of("memtable_bytes").saturating_mul(of("frozen_memtables").saturating_add(1));
    memtables.saturating_add(of("cache_bytes")).saturating_add(of("index_cache_bytes"))
}

pub(super) fn number_of(settings: &[Setting], name: &str) -> u64 {
    settings.iter().find(|setting| setting.name == name).map_or(0, |setting| setting.number)
}

pub(super) fn is(settings: &[Setting], name: &str, value: &str) -> bool {
    settings.iter().any(|setting| setting.name == name && setting.value == value)
}

/// A size as settings are shown, or a number.
fn number(text: &str) -> u64 {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)];
    let split = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.parse::<u64>().ok()?, factor)));
    split.map_or(0, |(number, factor)| number.saturating_mul(*factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_memtables_and_caches_may_take() {
        let config = LanceConfig::new("/srv/kv").memtable_bytes(1 << 20).frozen_memtables(3).cache_bytes(5 << 20);
        let settings = resolve("", &config.index_cache_bytes(1 << 10)).unwrap_or_default();
        assert_eq!(budget(&settings), (4 << 20) + (5 << 20) + (1 << 10));
    }
}
