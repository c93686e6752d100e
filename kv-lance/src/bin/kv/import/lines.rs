//! A `.jsonl` file as entries: a field of each line's object, and the line.

use super::directory::Skipped;
use super::entry::{BadInput, Entry, Place, Source};
use crate::failure::{Failure, Outcome};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) fn source(path: &Path, field: &str) -> Outcome<Source> {
    let failed = |e| Failure::Input(format!("reading {}: {e}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let lines = Lines {
        file: BufReader::with_capacity(1 << 20, file),
        path: path.into(),
        field: field.into(),
        line: 0,
        read: 0,
    };
    Ok(Source { entries: Box::new(lines), bytes, skipped: Skipped::default() })
}

struct Lines<R> {
    file: R,
    path: Arc<Path>,
    field: String,
    line: u64,
    read: u64,
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Entry, BadInput>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut line = Vec::new();
            let read = self.file.read_until(b'\n', &mut line);
            self.line += 1;
            let place = Place { path: self.path.clone(), line: Some(self.line) };
            match read {
                Ok(0) => return None,
                Ok(read) => self.read += read as u64,
                Err(e) => return Some(Err(BadInput { place, reason: e.to_string() })),
            }
            let mut text = line.trim_ascii();
            if self.line == 1 {
                text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
            }
            if text.is_empty() {
                continue;
            }
            return Some(match key_of(text, &self.field) {
                Ok(key) => Ok(Entry { key, val: text.to_vec(), place, read: self.read }),
                Err(reason) => Err(BadInput { place, reason }),
            });
        }
    }
}

/// The key that a line's object has in `field`: a string, or a number or boolean as JSON writes it.
fn key_of(line: &[u8], field: &str) -> Result<Vec<u8>, String> {
    // The error's own position counts within this line: only its column says something.
    let object = serde_json::from_slice(line).map_err(|e| match e.to_string().split_once(" at line 1 ") {
        Some((reason, column)) => format!("not JSON: {reason} at {column}"),
        None => format!("not JSON: {e}"),
    })?;
    let Value::Object(object) = object else { return Err("not a JSON object".into()) };
    match object.get(field) {
        None => Err(format!("the object has no field '{field}'")),
        Some(Value::String(key)) if key.is_empty() => Err(format!("the field '{field}' is empty")),
        Some(Value::String(key)) => Ok(key.as_bytes().to_vec()),
        Some(key @ (Value::Number(_) | Value::Bool(_))) => Ok(key.to_string().into_bytes()),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) => {
            Err(format!("the field '{field}' is no string, number or boolean"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<Result<(String, String), String>> {
        let lines = Lines { file: text, path: Path::new("f").into(), field: "id".into(), line: 0, read: 0 };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        lines.map(|line| line.map(|e| (text(&e.key), text(&e.val))).map_err(|bad| bad.to_string())).collect()
    }

    #[test]
    fn lines_become_entries() {
        let entries = read(b"\xef\xbb\xbf{\"id\":\"a\",\"x\":1}\r\n\n  \n{\"id\": 17}\n{\"id\":true}");
        let expected = [("a", r#"{"id":"a","x":1}"#), ("17", r#"{"id": 17}"#), ("true", r#"{"id":true}"#)];
        assert_eq!(entries, expected.map(|(key, val)| Ok((key.into(), val.into()))));
    }

    #[test]
    fn a_bad_line_is_named() {
        for (line, reason) in [
            ("{", "f:2: not JSON: EOF while parsing an object at column 1"),
            ("[1]", "f:2: not a JSON object"),
            ("{\"ID\":1}", "f:2: the object has no field 'id'"),
            ("{\"id\":null}", "f:2: the field 'id' is no string, number or boolean"),
            ("{\"id\":\"\"}", "f:2: the field 'id' is empty"),
        ] {
            assert_eq!(read(format!("\n{line}\n").as_bytes()), [Err(reason.into())]);
        }
        assert!(matches!(read(b"{\"id\":\"\xff\"}").as_slice(), [Err(e)] if e.starts_with("f:1: not JSON")));
    }
}
