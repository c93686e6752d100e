//! What the store and its libraries log, on the standard error, where `RUST_LOG` asks for it.

mod json;

use crate::args::LogFormat;
use crate::failure::{Failure, Outcome};
use json::Json;
use std::io;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::prelude::*;

const VARIABLE: &str = "RUST_LOG";

/// Logs from here on, or nothing where the variable is not set.
pub(crate) fn begin(format: LogFormat) -> Outcome {
    let Some(wanted) = std::env::var_os(VARIABLE).filter(|wanted| !wanted.is_empty()) else { return Ok(()) };
    let targets: Option<Targets> = wanted.to_str().and_then(|wanted| wanted.parse().ok());
    let targets = targets.ok_or_else(|| {
        Failure::Usage(format!(
            "invalid value '{}' for environment variable {VARIABLE}: a level (error, warn, info, debug or trace), or levels by \
             target as in 'warn,kv_lance=debug'",
            wanted.to_string_lossy()
        ))
    })?;
    // A span is a line once it has ended, with the time that it took.
    let layer = fmt::layer().with_writer(io::stderr).with_span_events(FmtSpan::CLOSE);
    let registry = tracing_subscriber::registry();
    match format {
        LogFormat::Text => registry.with(layer.with_ansi(false).with_filter(targets)).init(),
        LogFormat::Json => registry.with(layer.fmt_fields(Json).event_format(Json).with_filter(targets)).init(),
    }
    Ok(())
}
