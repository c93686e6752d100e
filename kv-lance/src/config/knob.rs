//! The one table of knobs: URL parameters, environment variables and validation all go through it, so that they
//! cannot differ.

use super::units::{duration, show_duration, show_size, size};
use super::{CommitOn, Compression, Durability, LanceConfig};
use kv_api::{Error, Result};
use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A knob.
pub(super) struct Knob {
    /// As a URL parameter; in capitals after `KV_LANCE_`, as an environment variable.
    pub(super) name: &'static str,
    /// The builder method.
    pub(super) method: &'static str,
    /// What is allowed, for people.
    pub(super) allowed: &'static str,
    /// Sets the knob from text; `None` where the text is not of its type.
    pub(super) set: fn(&mut LanceConfig, &str) -> Option<()>,
    /// The value as `set` reads it.
    pub(super) shown: fn(&LanceConfig) -> String,
    /// Whether the value is within its limits.
    pub(super) valid: fn(&LanceConfig) -> bool,
}

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const LONG: RangeInclusive<Duration> = MILLISECOND..=Duration::from_secs(36_500 * 24 * 60 * 60);

pub(super) static KNOBS: &[Knob] = &[
    Knob {
        name: "versioned",
        method: "versioned",
        allowed: "true or false",
        set: |c, text| assign(&mut c.versioned, boolean(text)),
        shown: |c| c.versioned.to_string(),
        valid: |_| true,
    },
    Knob {
        name: "retention",
        method: "retention",
        allowed: "0 (keeps all history) or a duration from 1ms to 36500d, as in 12h or 7d",
        set: |c, text| assign(&mut c.retention, duration(text)),
        shown: |c| show_duration(c.retention),
        valid: |c| c.retention.is_zero() || LONG.contains(&c.retention),
    },
    Knob {
        name: "sync",
        method: "durability",
        allowed: "every (each commit reaches the medium before it is acknowledged) or interval",
        set: |c, text| assign(&mut c.durability, durability(text)),
        shown: |c| show_durability(c.durability).into(),
        valid: |_| true,
    },
    Knob {
        name: "sync_interval",
        method: "sync_interval",
        allowed: "a duration from 1ms to 1h, as in 200ms",
        set: |c, text| assign(&mut c.sync_interval, duration(text)),
        shown: |c| show_duration(c.sync_interval),
        valid: |c| (MILLISECOND..=HOUR).contains(&c.sync_interval),
    },
    Knob {
        name: "commit_on",
        method: "commit_on",
        allowed: "caller or thread (a thread of the store)",
        set: |c, text| assign(&mut c.commit_on, commit_on(text)),
        shown: |c| show_commit_on(c.commit_on).into(),
        valid: |_| true,
    },
    Knob {
        name: "memtable_bytes",
        method: "memtable_bytes",
        allowed: "a size from 1KiB to 4GiB, in bytes or as in 32MiB",
        set: |c, text| assign(&mut c.memtable_bytes, size(text)),
        shown: |c| show_size(c.memtable_bytes),
        valid: |c| (1 << 10..=4 << 30).contains(&c.memtable_bytes),
    },
    Knob {
        name: "frozen_memtables",
        method: "frozen_memtables",
        allowed: "a number from 1 to 64",
        set: |c, text| assign(&mut c.frozen_memtables, size(text).and_then(|n| n.try_into().ok())),
        shown: |c| c.frozen_memtables.to_string(),
        valid: |c| (1..=64).contains(&c.frozen_memtables),
    },
    Knob {
        name: "partition_bytes",
        method: "partition_bytes",
        allowed: "0 (as memtable_bytes, no less than 512KiB) or a size from 1KiB to 4GiB, in bytes or as in 32MiB",
        set: |c, text| assign(&mut c.partition_bytes, size(text)),
        shown: |c| show_size(c.partition_bytes),
        valid: |c| c.partition_bytes == 0 || (1 << 10..=4 << 30).contains(&c.partition_bytes),
    },
    Knob {
        name: "cache_bytes",
        method: "cache_bytes",
        allowed: "0 (none) or a size up to 1024GiB, in bytes or as in 256MiB",
        set: |c, text| assign(&mut c.cache_bytes, size(text)),
        shown: |c| show_size(c.cache_bytes),
        valid: |c| c.cache_bytes <= 1 << 40,
    },
    Knob {
        name: "index_cache_bytes",
        method: "index_cache_bytes",
        allowed: "0 (none) or a size up to 1024GiB, in bytes or as in 128MiB",
        set: |c, text| assign(&mut c.index_cache_bytes, size(text)),
        shown: |c| show_size(c.index_cache_bytes),
        valid: |c| c.index_cache_bytes <= 1 << 40,
    },
    Knob {
        name: "open_files",
        method: "open_files",
        allowed: "a number from 8 to 1048576",
        set: |c, text| assign(&mut c.open_files, size(text).and_then(|n| n.try_into().ok())),
        shown: |c| c.open_files.to_string(),
        valid: |c| (8..=1 << 20).contains(&c.open_files),
    },
    Knob {
        name: "block_bytes",
        method: "block_bytes",
        allowed: "a size from 64 to 1MiB, in bytes or as in 8KiB",
        set: |c, text| assign(&mut c.block_bytes, size(text)),
        shown: |c| show_size(c.block_bytes),
        valid: |c| (64..=1 << 20).contains(&c.block_bytes),
    },
    Knob {
        name: "background_optimize",
        method: "background_optimize",
        allowed: "true or false",
        set: |c, text| assign(&mut c.background_optimize, boolean(text)),
        shown: |c| c.background_optimize.to_string(),
        valid: |_| true,
    },
    Knob {
        name: "compaction_threads",
        method: "compaction_threads",
        allowed: "a number of threads from 1 to 64",
        set: |c, text| assign(&mut c.compaction_threads, text.parse().ok()),
        shown: |c| c.compaction_threads.to_string(),
        valid: |c| (1..=64).contains(&c.compaction_threads),
    },
    Knob {
        name: "compaction_bandwidth",
        method: "compaction_bandwidth",
        allowed: "0 or a size from 64KiB to 1024GiB",
        set: |c, text| assign(&mut c.compaction_bandwidth, size(text)),
        shown: |c| show_size(c.compaction_bandwidth),
        valid: |c| c.compaction_bandwidth == 0 || (64 << 10..=1024 << 30).contains(&c.compaction_bandwidth),
    },
    Knob {
        name: "compression",
        method: "compression",
        allowed: "none, fsst, lz4 or zstd",
        set: |c, text| assign(&mut c.compression, compression(text)),
        shown: |c| c.compression.name().into(),
        valid: |_| true,
    },
    Knob {
        name: "reader_grace",
        method: "reader_grace",
        allowed: "0 (none) or a duration from 1ms to 36500d, as in 10m",
        set: |c, text| assign(&mut c.reader_grace, duration(text)),
        shown: |c| show_duration(c.reader_grace),
        valid: |c| c.reader_grace.is_zero() || LONG.contains(&c.reader_grace),
    },
    Knob {
        name: "create",
        method: "create",
        allowed: "true or false",
        set: |c, text| assign(&mut c.create, boolean(text)),
        shown: |c| c.create.to_string(),
        valid: |_| true,
    },
    Knob {
        name: "shutdown_timeout",
        method: "shutdown_timeout",
        allowed: "a duration from 1s to 1h, as in 30s",
        set: |c, text| assign(&mut c.shutdown_timeout, duration(text)),
        shown: |c| show_duration(c.shutdown_timeout),
        valid: |c| (SECOND..=HOUR).contains(&c.shutdown_timeout),
    },
];

/// Sets what the parameters of a URL say.
pub(super) fn apply_parameters(config: &mut LanceConfig, parameters: &[(String, String)]) -> Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in parameters {
        if seen.contains(&name.as_str()) {
            return Err(invalid_parameter(name, value, "the parameter is given more than once".into()));
        }
        apply_parameter(config, name, value)?;
        seen.push(name);
    }
    Ok(())
}

/// Sets what a parameter says.
pub(super) fn apply_parameter(config: &mut LanceConfig, name: &str, value: &str) -> Result<()> {
    let Some(knob) = KNOBS.iter().find(|knob| knob.name == name) else {
        let names: Vec<_> = KNOBS.iter().map(|knob| knob.name).collect();
        let allowed = format!("there is no such parameter; there are {}", names.join(", "));
        return Err(invalid_parameter(name, value, allowed));
    };
    knob.apply(config, value).ok_or_else(|| invalid_parameter(name, value, knob.allowed.into()))
}

fn invalid_parameter(name: &str, value: &str, allowed: String) -> Error {
    Error::InvalidConfiguration { knob: format!("URL parameter '{name}'"), value: value.into(), allowed }
}

/// Sets what the environment says. `lookup` takes the name of a variable.
pub(super) fn apply_environment(config: &mut LanceConfig, lookup: impl Fn(&str) -> Option<OsString>) -> Result<()> {
    for knob in KNOBS {
        let variable = format!("KV_LANCE_{}", knob.name.to_ascii_uppercase());
        let Some(value) = lookup(&variable) else { continue };
        value.to_str().and_then(|text| knob.apply(config, text)).ok_or_else(|| Error::InvalidConfiguration {
            knob: format!("environment variable {variable}"),
            value: value.to_string_lossy().into_owned(),
            allowed: knob.allowed.into(),
        })?;
    }
    Ok(())
}

/// Refuses values that a builder method took and that are not allowed.
pub(super) fn validate(config: &LanceConfig) -> Result<()> {
    match KNOBS.iter().find(|knob| !(knob.valid)(config)) {
        None => Ok(()),
        Some(knob) => Err(Error::InvalidConfiguration {
            knob: format!("LanceConfig::{}", knob.method),
            value: (knob.shown)(config),
            allowed: knob.allowed.into(),
        }),
    }
}

impl Knob {
    fn apply(&self, config: &mut LanceConfig, text: &str) -> Option<()> {
        (self.set)(config, text)?;
        (self.valid)(config).then_some(())
    }
}

fn assign<T>(field: &mut T, value: Option<T>) -> Option<()> {
    *field = value?;
    Some(())
}

fn boolean(text: &str) -> Option<bool> {
    text.parse().ok()
}

fn compression(text: &str) -> Option<Compression> {
    Compression::ALL.into_iter().find(|compression| compression.name() == text)
}

fn durability(text: &str) -> Option<Durability> {
    match text {
        "every" => Some(Durability::Immediate),
        "interval" => Some(Durability::Eventual),
        _ => None,
    }
}

fn show_durability(durability: Durability) -> &'static str {
    match durability {
        Durability::Immediate => "every",
        Durability::Eventual => "interval",
    }
}

fn commit_on(text: &str) -> Option<CommitOn> {
    match text {
        "caller" => Some(CommitOn::Caller),
        "thread" => Some(CommitOn::Thread),
        _ => None,
    }
}

fn show_commit_on(commit_on: CommitOn) -> &'static str {
    match commit_on {
        CommitOn::Caller => "caller",
        CommitOn::Thread => "thread",
    }
}
