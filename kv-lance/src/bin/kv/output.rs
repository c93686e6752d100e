//! The standard output, as text or as JSON lines.

use crate::format::Format;
use serde_json::{Value, json};
use std::io::{self, BufWriter, StdoutLock, Write};
use std::time::Duration;

pub(crate) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    pub(crate) format: Format,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self { out: BufWriter::with_capacity(64 << 10, io::stdout().lock()), format }
    }

    /// A line for a person, or under `--json` the object that says the same.
    pub(crate) fn say(&mut self, text: impl AsRef<str>, object: Value) -> io::Result<()> {
        if self.format.json { writeln!(self.out, "{object}") } else { writeln!(self.out, "{}", text.as_ref()) }
    }

    /// The same on the standard error, where the output is for something else.
    pub(crate) fn say_aside(&self, text: &str, object: Value) -> io::Result<()> {
        if self.format.json { writeln!(io::stderr(), "{object}") } else { writeln!(io::stderr(), "{text}") }
    }

    /// A line as it is.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.out, "{}", text.as_ref())
    }

    /// One entry of a scan, or its key.
    pub(crate) fn entry(&mut self, key: &[u8], val: Option<&[u8]>) -> io::Result<()> {
        let format = self.format;
        match val {
            Some(val) if format.json => {
                writeln!(self.out, "{}", json!({ "key": format.json(key), "value": format.json(val) }))
            }
            None if format.json => writeln!(self.out, "{}", json!({ "key": format.json(key) })),
            Some(val) => writeln!(self.out, "{}\t{}", format.line(key), format.line(val)),
            None => writeln!(self.out, "{}", format.line(key)),
        }
    }

    /// A row of a commit; without a value it is a deletion.
    pub(crate) fn change(&mut self, version: u64, key: &[u8], val: Option<&[u8]>) -> io::Result<()> {
        let format = self.format;
        if format.json {
            let val = val.map_or(Value::Null, |val| format.json(val));
            return writeln!(self.out, "{}", json!({ "version": version, "key": format.json(key), "value": val }));
        }
        match val {
            Some(val) => writeln!(self.out, "{version}\tset\t{}\t{}", format.line(key), format.line(val)),
            None => writeln!(self.out, "{version}\tdel\t{}", format.line(key)),
        }
    }

    /// A key whose value is another at one point than at another.
    pub(crate) fn difference(&mut self, key: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) -> io::Result<()> {
        let format = self.format;
        if format.json {
            let json = |val: Option<&[u8]>| val.map_or(Value::Null, |val| format.json(val));
            let (key, old, new) = (format.json(key), json(old), json(new));
            return writeln!(self.out, "{}", json!({ "key": key, "old": old, "new": new }));
        }
        let key = format.line(key);
        match (old, new) {
            (Some(old), Some(new)) => writeln!(self.out, "~\t{key}\t{}\t{}", format.line(old), format.line(new)),
            (Some(old), None) => writeln!(self.out, "-\t{key}\t{}", format.line(old)),
            (None, Some(new)) => writeln!(self.out, "+\t{key}\t{}", format.line(new)),
            (None, None) => Ok(()),
        }
    }

    /// For what writes bytes itself.
    pub(crate) fn bytes(&mut self) -> &mut impl Write {
        &mut self.out
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A duration in the unit that suits its length.
pub(crate) fn show_time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        s if s >= 10.0 => format!("{s:.0} s"),
        s if s >= 1.0 => format!("{s:.1} s"),
        s if s >= 0.01 => format!("{:.0} ms", s * 1e3),
        s if s >= 0.001 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.0} µs", s * 1e6),
    }
}
