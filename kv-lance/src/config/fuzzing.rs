//! URLs, and knobs as a URL or the environment sets them: whatever a user gives.

use super::LanceConfig;

/// A URL; or, behind a first byte of 0, lines of `name=value`.
pub(crate) fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match text.strip_prefix('\0') {
        None => drop(LanceConfig::from_url(&text).map(|config| config.validate())),
        Some(lines) => {
            let mut config = LanceConfig::new("store");
            for (name, value) in lines.lines().filter_map(|line| line.split_once('=')) {
                match config.clone().parameter(name, value) {
                    Ok(set) => config = set,
                    // What is refused is named.
                    Err(e) => assert!(e.to_string().contains(name), "{e}"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_text_is_a_configuration_or_an_error() {
        let every: String =
            super::LanceConfig::knobs().map(|(name, default, _)| format!("{name}={default}\n")).collect();
        let urls =
            ["lance:///srv/kv?sync=interval&cache_bytes=1GiB", "lance:a%20b?retention=7d", "./store", "lance:?x"];
        let seeds: Vec<Vec<u8>> = urls.iter().map(|url| url.as_bytes().to_vec()).collect();
        crate::fuzzing::run("config", &[seeds, vec![[b"\0", every.as_bytes()].concat()]].concat(), super::config);
    }
}
