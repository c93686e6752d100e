//! A `.jsonl` file as entries: a field of each line's object, and the line or another field.

use super::directory::Skipped;
use super::entry::{BadInput, Columns, Entry, Place, Source};
use crate::failure::{Failure, Outcome};
use crate::format::from_hex;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) fn source(path: &Path, columns: Columns<'_>) -> Outcome<Source> {
    let failed = |e| Failure::File(format!("reading {}: {e}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let lines = Lines {
        file: BufReader::with_capacity(1 << 20, file),
        path: path.into(),
        key: columns.key.into(),
        value: columns.value.map(str::to_owned),
        line: 0,
        read: 0,
    };
    Ok(Source { entries: Box::new(lines), bytes, skipped: Skipped::default() })
}

struct Lines<R> {
    file: R,
    path: Arc<Path>,
    key: String,
    /// `None` for the whole line.
    value: Option<String>,
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
            return Some(match entry_of(text, &self.key, self.value.as_deref()) {
                Ok((key, val)) => Ok(Entry { key, val, place, read: self.read }),
                Err(reason) => Err(BadInput { place, reason }),
            });
        }
    }
}

/// The key of a line, and its value unless that is to be deleted.
fn entry_of(line: &[u8], key: &str, value: Option<&str>) -> Result<(Vec<u8>, Option<Vec<u8>>), String> {
    // The error's own position counts within this line: only its column says something.
    let object = serde_json::from_slice(line).map_err(|e| match e.to_string().split_once(" at line 1 ") {
        Some((reason, column)) => format!("not JSON: {reason} at {column}"),
        None => format!("not JSON: {e}"),
    })?;
    let Value::Object(object) = object else { return Err("not a JSON object".into()) };
    let key_bytes = match bytes_of(&object, key)? {
        None => return Err(format!("the field '{key}' is no string, number or boolean")),
        Some(bytes) if bytes.is_empty() => return Err(format!("the field '{key}' is empty")),
        Some(bytes) => bytes,
    };
    let val = match value {
        None => Some(line.to_vec()),
        Some(value) => bytes_of(&object, value)?,
    };
    Ok((key_bytes, val))
}

/// The bytes that a field stands for; `None` for a null.
fn bytes_of(object: &Map<String, Value>, field: &str) -> Result<Option<Vec<u8>>, String> {
    match object.get(field) {
        None => Err(format!("the object has no field '{field}'")),
        Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_bytes().to_vec())),
        Some(number @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(number.to_string().into_bytes())),
        Some(Value::Object(bytes)) if bytes.len() == 1 && bytes.contains_key("hex") => {
            let digits = bytes.get("hex").and_then(Value::as_str);
            let bytes = digits.and_then(|digits| from_hex(digits.as_bytes()));
            bytes.map(Some).ok_or_else(|| format!("the field '{field}' is not hexadecimal: two digits a byte"))
        }
        Some(Value::Array(_) | Value::Object(_)) => Err(format!("the field '{field}' is no string, number or boolean")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;

    type Read = Vec<Result<(Vec<u8>, Option<Vec<u8>>), String>>;

    fn read_value(text: &[u8], value: Option<&str>) -> Read {
        let (path, value) = (Path::new("f").into(), value.map(str::to_owned));
        let lines = Lines { file: text, path, key: "id".into(), value, line: 0, read: 0 };
        lines.map(|line| line.map(|e| (e.key, e.val)).map_err(|bad| bad.to_string())).collect()
    }

    fn read(text: &[u8]) -> Vec<Result<(String, String), String>> {
        let text_of = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let lines = read_value(text, None).into_iter();
        lines.map(|line| line.map(|(key, val)| (text_of(key), text_of(val.unwrap())))).collect()
    }

    #[test]
    fn a_field_can_be_the_value() {
        let text = br#"{"id":"a","v":"1"}
{"id":{"hex":"ff00"},"v":{"hex":"00FF"}}
{"id":"b","v":null}
{"id":"c","v":""}
{"id":"d","v":1.50}"#;
        let expected: Read = vec![
            Ok((b"a".to_vec(), Some(b"1".to_vec()))),
            Ok((b"\xff\x00".to_vec(), Some(b"\x00\xff".to_vec()))),
            Ok((b"b".to_vec(), None)),
            Ok((b"c".to_vec(), Some(vec![]))),
            Ok((b"d".to_vec(), Some(b"1.5".to_vec()))),
        ];
        assert_eq!(read_value(text, Some("v")), expected);
        for (line, reason) in [
            (r#"{"id":"a"}"#, "the object has no field 'v'"),
            (r#"{"id":"a","v":[1]}"#, "the field 'v' is no string, number or boolean"),
            (r#"{"id":"a","v":{"hex":"ff","x":1}}"#, "the field 'v' is no string, number or boolean"),
            (r#"{"id":"a","v":{"hex":"0"}}"#, "the field 'v' is not hexadecimal: two digits a byte"),
            (r#"{"id":"a","v":{"hex":1}}"#, "the field 'v' is not hexadecimal: two digits a byte"),
        ] {
            assert_eq!(read_value(line.as_bytes(), Some("v")), [Err(format!("f:1: {reason}"))]);
        }
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

    /// What `fuzz/` tries for longer: no panic, and no key that is empty.
    #[test]
    fn any_bytes_are_entries_or_named() {
        let seed = b"{\"id\":\"a\",\"v\":{\"hex\":\"00ff\"}}\n\xef\xbb\xbf{\"id\": 1.5e3, \"v\":null}\n{\"id\":true,\"v\":[1]}\n";
        let mut state = 7u32;
        for _ in 0..5000 {
            let mut text = seed.to_vec();
            for _ in 0..3 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (state >> 8) as usize % text.len();
                match state >> 30 {
                    0 => text.truncate(at.max(1)),
                    1 => text[at] ^= 1 << (state & 7),
                    2 => text[at] = (state >> 20) as u8,
                    _ => text.insert(at, b"{}[]\"\\,:"[(state & 7) as usize]),
                }
            }
            for value in [None, Some("v")] {
                for line in read_value(&text, value) {
                    assert!(line.as_ref().map_or_else(|e| e.starts_with("f:"), |(key, _)| !key.is_empty()), "{line:?}");
                }
            }
        }
    }
}
