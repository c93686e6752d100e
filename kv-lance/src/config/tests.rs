use super::knob::KNOBS;
use super::*;
use kv_api::Error;
use std::os::unix::ffi::OsStringExt;

fn environment(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
    move |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
}

fn url(text: &str) -> Result<LanceConfig> {
    LanceConfig::from_url_and(text, |_| None)
}

/// Knob, value and what is allowed of an `InvalidConfiguration`.
fn refusal<T>(result: Result<T>) -> Option<(String, String, String)> {
    match result {
        Err(Error::InvalidConfiguration { knob, value, allowed }) => Some((knob, value, allowed)),
        _ => None,
    }
}

#[test]
fn a_url_sets_every_knob() -> Result<()> {
    let config = url("lance:///srv/kv?versioned=false&retention=0&sync=interval&sync_interval=5s&commit_on=thread\
         &memtable_bytes=1KiB&frozen_memtables=64&cache_bytes=0&open_files=8&block_bytes=64&compression=zstd\
         &background_optimize=false&create=false&shutdown_timeout=1h")?;
    assert_eq!(config.path(), Path::new("/srv/kv"));
    assert!(!config.versioned);
    assert_eq!(config.retention, Duration::ZERO);
    assert_eq!(config.durability, Durability::Eventual);
    assert_eq!(config.sync_interval, Duration::from_secs(5));
    assert_eq!(config.commit_on, CommitOn::Thread);
    assert_eq!(config.memtable_bytes, 1024);
    assert_eq!(config.frozen_memtables, 64);
    assert_eq!(config.cache_bytes, 0);
    assert_eq!(config.open_files, 8);
    assert_eq!(config.block_bytes, 64);
    assert_eq!(config.compression, Compression::Zstd);
    assert!(!config.background_optimize);
    assert!(!config.create);
    assert_eq!(config.shutdown_timeout, Duration::from_secs(3600));
    config.validate()
}

#[test]
fn the_builder_sets_what_the_url_does() -> Result<()> {
    let built = LanceConfig::new("/srv/kv")
        .versioned(false)
        .retention(Duration::from_secs(1))
        .durability(Durability::Eventual)
        .sync_interval(Duration::from_secs(5))
        .commit_on(CommitOn::Thread)
        .memtable_bytes(2048)
        .frozen_memtables(3)
        .partition_bytes(1 << 12)
        .cache_bytes(4096)
        .index_cache_bytes(8192)
        .open_files(100)
        .block_bytes(128)
        .compression(Compression::None)
        .background_optimize(false)
        .compaction_threads(3)
        .compaction_bandwidth(1 << 20)
        .reader_grace(Duration::from_secs(3))
        .create(false)
        .shutdown_timeout(Duration::from_secs(2));
    let parameters: Vec<_> = KNOBS.iter().map(|knob| format!("{}={}", knob.name, (knob.shown)(&built))).collect();
    let read = url(&format!("lance:///srv/kv?{}", parameters.join("&")))?;
    for knob in KNOBS {
        assert_eq!((knob.shown)(&read), (knob.shown)(&built), "{}", knob.name);
        assert_ne!((knob.shown)(&read), (knob.shown)(&LanceConfig::new("")), "{}", knob.name);
    }
    built.validate()
}

#[test]
fn a_url_goes_before_the_environment_which_goes_before_the_default() -> Result<()> {
    let set = environment(&[("KV_LANCE_SYNC", "interval"), ("KV_LANCE_CACHE_BYTES", "1MiB"), ("KV_LANCE_OTHER", "x")]);
    let config = LanceConfig::from_url_and("./kv?cache_bytes=2MiB", &set)?;
    assert_eq!(config.durability, Durability::Eventual);
    assert_eq!(config.cache_bytes, 2 << 20);
    assert_eq!(config.block_bytes, 8 << 10);
    let config = LanceConfig::from_path_and("kv".into(), set)?;
    assert_eq!(config.cache_bytes, 1 << 20);
    Ok(())
}

#[test]
fn a_bad_value_names_the_parameter_and_what_is_allowed() {
    for (name, value) in [
        ("versioned", "yes"),
        ("retention", "7"),
        ("retention", "36501d"),
        ("sync", "always"),
        ("compression", "gzip"),
        ("sync", ""),
        ("sync_interval", "0"),
        ("sync_interval", "2h"),
        ("memtable_bytes", "1023"),
        ("memtable_bytes", "5GiB"),
        ("frozen_memtables", "0"),
        ("frozen_memtables", "65"),
        ("partition_bytes", "1023"),
        ("partition_bytes", "5GiB"),
        ("cache_bytes", "1025GiB"),
        ("cache_bytes", "lots"),
        ("open_files", "7"),
        ("block_bytes", "63"),
        ("block_bytes", "2MiB"),
        ("background_optimize", "on"),
        ("compaction_threads", "0"),
        ("compaction_bandwidth", "1KiB"),
        ("reader_grace", "10"),
        ("reader_grace", "36501d"),
        ("create", "1"),
        ("shutdown_timeout", "999ms"),
        ("shutdown_timeout", "61m"),
    ] {
        let allowed = KNOBS.iter().find(|knob| knob.name == name).map_or("", |knob| knob.allowed);
        assert_eq!(
            refusal(url(&format!("lance:kv?{name}={value}"))),
            Some((format!("URL parameter '{name}'"), value.into(), allowed.into()))
        );
        let lookup = |n: &str| (n == format!("KV_LANCE_{}", name.to_uppercase())).then(|| OsString::from(value));
        assert_eq!(
            refusal(LanceConfig::from_path_and("kv".into(), lookup)),
            Some((format!("environment variable KV_LANCE_{}", name.to_uppercase()), value.into(), allowed.into()))
        );
    }
}

#[test]
fn a_bad_variable_is_an_error_even_where_the_url_goes_before_it() {
    let set = environment(&[("KV_LANCE_SYNC", "sometimes")]);
    assert!(
        refusal(LanceConfig::from_url_and("./kv?sync=every", set))
            .is_some_and(|(knob, ..)| knob.ends_with("KV_LANCE_SYNC"))
    );
    let not_text = |name: &str| (name == "KV_LANCE_SYNC").then(|| OsString::from_vec(vec![0xff]));
    assert!(
        refusal(LanceConfig::from_path_and("kv".into(), not_text)).is_some_and(|(_, value, _)| value == "\u{fffd}")
    );
}

#[test]
fn unknown_and_repeated_parameters_are_refused() {
    let refused = refusal(url("lance:kv?snyc=interval"));
    assert!(refused.is_some_and(|(knob, value, allowed)| knob == "URL parameter 'snyc'"
        && value == "interval"
        && KNOBS.iter().all(|knob| allowed.contains(knob.name))));
    let refused = refusal(url("lance:kv?sync=every&create=true&sync=every"));
    assert!(
        refused.is_some_and(|(knob, _, allowed)| knob == "URL parameter 'sync'" && allowed.contains("more than once"))
    );
}

#[test]
fn builder_values_are_validated() {
    let new = || LanceConfig::new("kv");
    for (config, knob, value) in [
        (new().retention(Duration::from_micros(10)), "retention", "10µs"),
        (new().sync_interval(Duration::ZERO), "sync_interval", "0"),
        (new().memtable_bytes(8 << 30), "memtable_bytes", "8GiB"),
        (new().frozen_memtables(0), "frozen_memtables", "0"),
        (new().cache_bytes(u64::MAX), "cache_bytes", "18446744073709551615"),
        (new().block_bytes(1), "block_bytes", "1"),
        (new().shutdown_timeout(Duration::from_millis(1)), "shutdown_timeout", "1ms"),
    ] {
        let allowed = KNOBS.iter().find(|k| k.name == knob).map_or("", |k| k.allowed);
        assert_eq!(refusal(config.validate()), Some((format!("LanceConfig::{knob}"), value.into(), allowed.into())));
    }
    assert!(new().validate().is_ok());
}

#[test]
fn partitions_go_by_the_memtable_and_have_a_least_size() {
    let new = || LanceConfig::new("kv");
    assert_eq!(new().partition_size(), 32 << 20);
    assert_eq!(new().memtable_bytes(1 << 10).partition_size(), 512 << 10);
    assert_eq!(new().memtable_bytes(1 << 10).partition_bytes(1 << 10).partition_size(), 1 << 10);
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let docs = include_str!("../config.rs");
    for (name, default, _) in LanceConfig::knobs() {
        assert!(docs.contains(&format!("| `{name}` | `{default}` |")), "{name} {default}");
    }
}

#[test]
fn a_parameter_is_set_as_in_a_url() -> Result<()> {
    let of_url = url("lance:///srv/kv?versioned=false&retention=1h&sync=interval&cache_bytes=2MiB&compression=lz4")?;
    let mut by_name = LanceConfig::new("/srv/kv");
    for knob in KNOBS {
        by_name = by_name.parameter(knob.name, &(knob.shown)(&of_url))?;
    }
    for knob in KNOBS {
        assert_eq!((knob.shown)(&by_name), (knob.shown)(&of_url), "{}", knob.name);
    }
    let twice = by_name.parameter("cache_bytes", "1MiB")?.parameter("cache_bytes", "3MiB")?;
    assert_eq!((twice.cache_bytes, twice.path()), (3 << 20, Path::new("/srv/kv")));
    Ok(())
}

#[test]
fn a_parameter_is_refused_as_in_a_url() {
    for (name, value) in
        [("snyc", "interval"), ("sync", "always"), ("SYNC", "every"), ("", ""), ("cache_bytes", "1025GiB")]
    {
        let refused = refusal(LanceConfig::new("kv").parameter(name, value));
        assert!(refused.is_some(), "{name}");
        assert_eq!(refused, refusal(url(&format!("lance:kv?{name}={value}"))), "{name}");
    }
    let refused = refusal(LanceConfig::new("kv").parameter("path", "/elsewhere"));
    assert!(refused.is_some_and(|(knob, value, allowed)| knob == "URL parameter 'path'"
        && value == "/elsewhere"
        && KNOBS.iter().all(|knob| allowed.contains(knob.name))));
}
