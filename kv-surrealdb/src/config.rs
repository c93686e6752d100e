//! What a connection path says about the store.

use crate::error::Mapped as _;
use kv_lance::LanceConfig;
use surrealdb_cnf::ConfigMap;
use surrealdb_kvs::Result;

/// SurrealDB puts this before the parameters of a path, and reads its own settings under it too.
const PREFIX: &str = "datastore_";

/// Settings of SurrealDB's own under the same prefix, which its environment variables set as well.
const SURREALDB: &[&str] = &["cache_size"];

/// The store at `path`, as the connection path wrote it, with the parameters that SurrealDB took
/// off it.
pub(crate) fn config(path: &str, settings: &ConfigMap) -> Result<LanceConfig> {
    // By way of the URL, so that escapes mean here what they mean to kv-lance.
    let config = LanceConfig::from_url(&format!("lance:{path}")).mapped()?;
    parameters(settings).iter().try_fold(config, |config, (name, value)| config.parameter(name, value)).mapped()
}

fn parameters(settings: &ConfigMap) -> Vec<(String, String)> {
    let mut names = Vec::new();
    // The one way to learn a map's keys.
    settings.clone().map_keys(|key| {
        names.extend(key.strip_prefix(PREFIX).filter(|name| !SURREALDB.contains(name)).map(str::to_owned));
        key
    });
    names.sort();
    let value = |name: &str| {
        let mut value = String::new();
        settings.parse_key_with(&format!("{PREFIX}{name}"), &mut value, |text| Some(text.to_owned()));
        value
    };
    names.into_iter().map(|name| (name.clone(), value(&name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> ConfigMap {
        pairs.iter().fold(ConfigMap::empty(), |map, (name, value)| map.with_key_value(*name, *value))
    }

    #[test]
    fn paths_are_kv_lances() {
        for (path, expected) in [("/srv/kv", "/srv/kv"), ("demo/kv", "demo/kv"), ("/a%20b", "/a b")] {
            let config = config(path, &ConfigMap::empty());
            assert!(config.is_ok_and(|config| config.path().to_str() == Some(expected)), "{path}");
        }
        assert!(config("", &ConfigMap::empty()).is_err());
    }

    #[test]
    fn parameters_reach_the_store_and_other_settings_do_not() {
        let settings = settings(&[("datastore_retention", "12h"), ("datastore_cache_size", "7"), ("log", "debug")]);
        let config = config("/srv/kv", &settings).map(|config| format!("{config:?}")).unwrap_or_default();
        assert!(config.contains("retention: 43200s"), "{config}");
    }

    /// A misspelled parameter would otherwise be a silent default.
    #[test]
    fn what_is_not_allowed_is_named() {
        for (name, value, part) in [
            ("datastore_snyc", "every", "URL parameter 'snyc': there is no such parameter"),
            ("datastore_retention", "soon", "URL parameter 'retention': 0 (keeps all history)"),
            ("datastore_sync", "never", "URL parameter 'sync': every"),
        ] {
            let text = config("/srv/kv", &settings(&[(name, value)])).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(text.contains(part), "{text}");
        }
    }
}
