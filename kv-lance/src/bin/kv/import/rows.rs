//! A `.csv` or `.tsv` file with a header as entries: a column of each row, and the row as a JSON object of strings.

use super::directory::Skipped;
use super::entry::{BadInput, Columns, Entry, Place, Source};
use crate::failure::{Failure, Outcome};
use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};
use serde_json::Value;
use std::fs::File;
use std::io::{Chain, Read};
use std::path::Path;
use std::sync::Arc;

pub(super) fn source(path: &Path, columns: Columns<'_>, delimiter: u8) -> Outcome<Source> {
    let failed = |e| Failure::File(format!("reading {}: {e}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let rows = Rows::open(file, path, columns, delimiter).map_err(|bad| Failure::File(bad.to_string()))?;
    Ok(Source { entries: Box::new(rows), bytes, skipped: Skipped::default() })
}

/// The rows after the header.
struct Rows<R> {
    rows: RawRows<R>,
    /// The columns, each as the JSON string that names it.
    names: Vec<String>,
    key: String,
    key_index: usize,
    /// `None` for the whole row.
    value_index: Option<usize>,
}

impl<R: Read> Rows<R> {
    fn open(file: R, path: &Path, columns: Columns<'_>, delimiter: u8) -> Result<Self, BadInput> {
        let mut rows = RawRows::new(file, path, delimiter);
        let (header, place) = rows.next().transpose()?.unwrap_or_else(|| (Vec::new(), rows.place(1)));
        let twice = header.iter().enumerate().find(|(i, name)| header.iter().take(*i).any(|n| n == *name));
        if let Some((_, twice)) = twice {
            return Err(BadInput { place, reason: format!("two columns are called '{twice}'") });
        }
        let index = |wanted: &str| {
            let missing = || format!("there is no column '{wanted}'; there are '{}'", header.join("', '"));
            let index = header.iter().position(|name| name == wanted);
            index.ok_or_else(|| BadInput { place: place.clone(), reason: missing() })
        };
        let (key_index, value_index) = (index(columns.key)?, columns.value.map(index).transpose()?);
        let names = header.iter().map(|name| quoted(name)).collect();
        Ok(Self { rows, names, key: columns.key.into(), key_index, value_index })
    }

    fn entry(&self, fields: &[String], place: Place) -> Result<Entry, BadInput> {
        if fields.len() != self.names.len() {
            let reason = format!("{} fields where the header has {}", fields.len(), self.names.len());
            return Err(BadInput { place, reason });
        }
        let key = fields.get(self.key_index).filter(|key| !key.is_empty());
        let Some(key) = key else {
            return Err(BadInput { place, reason: format!("the column '{}' is empty", self.key) });
        };
        let val = match self.value_index.and_then(|index| fields.get(index)) {
            Some(field) => field.clone(),
            None => {
                let pairs = self.names.iter().zip(fields).map(|(name, field)| format!("{name}:{}", quoted(field)));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
            }
        };
        Ok(Entry { key: key.clone().into(), val: Some(val.into()), place, read: self.rows.reader.position().byte() })
    }
}

impl<R: Read> Iterator for Rows<R> {
    type Item = Result<Entry, BadInput>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next()?;
        Some(row.and_then(|(fields, place)| self.entry(&fields, place)))
    }
}

/// The fields of every row, and the line it begins on. The reader of the `csv` crate does not say that exactly where there are
/// blank lines or `\r\n`, and takes an open quote for a closed one at the end of the file.
struct RawRows<R> {
    reader: Reader<Chain<R, &'static [u8]>>,
    path: Arc<Path>,
}

impl<R: Read> RawRows<R> {
    fn new(file: R, path: &Path, delimiter: u8) -> Self {
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .terminator(Terminator::Any(b'\n'))
            // So that the last row ends as every other does.
            .from_reader(file.chain(b"\n".as_slice()));
        Self { reader, path: path.into() }
    }

    fn place(&self, line: u64) -> Place {
        Place { path: self.path.clone(), line: Some(line) }
    }

    fn row(&mut self, row: &ByteRecord, before: u64) -> Result<(Vec<String>, Place), BadInput> {
        let after = self.reader.position().line();
        let inner = row.as_slice().iter().filter(|b| **b == b'\n').count() as u64;
        if after - before == inner {
            return Err(BadInput { place: self.place(before), reason: "a quote is not closed".into() });
        }
        let place = self.place(after - 1 - inner);
        let text = |(i, field): (usize, &[u8])| match std::str::from_utf8(field) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(BadInput { place: place.clone(), reason: format!("the field {} is not UTF-8", i + 1) }),
        };
        let mut fields = row.iter().enumerate().map(text).collect::<Result<Vec<_>, _>>()?;
        if let Some(last) = fields.last_mut()
            && last.ends_with('\r')
        {
            last.pop();
        }
        Ok((fields, place))
    }
}

impl<R: Read> Iterator for RawRows<R> {
    type Item = Result<(Vec<String>, Place), BadInput>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut row = ByteRecord::new();
        loop {
            let before = self.reader.position().line();
            match self.reader.read_byte_record(&mut row) {
                Ok(false) => return None,
                Ok(true) if row.as_slice() == b"\r" => {}
                Ok(true) => return Some(self.row(&row, before)),
                Err(e) => return Some(Err(BadInput { place: self.place(before), reason: e.to_string() })),
            }
        }
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn read(text: &[u8], delimiter: u8) -> Vec<Result<(String, String), String>> {
        read_columns(text, Columns { key: "id", value: None }, delimiter)
    }

    fn read_columns(text: &[u8], columns: Columns<'_>, delimiter: u8) -> Vec<Result<(String, String), String>> {
        let text_of = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let entry = |e: Entry| (text_of(e.key), text_of(e.val.unwrap()));
        match Rows::open(text, Path::new("f"), columns, delimiter) {
            Err(bad) => vec![Err(bad.to_string())],
            Ok(rows) => rows.map(|row| row.map(entry).map_err(|bad| bad.to_string())).collect(),
        }
    }

    #[test]
    fn a_column_can_be_the_value() {
        let text = b"x,id\n,1\n\"a,b\",2\n";
        let columns = |value| Columns { key: "id", value: Some(value) };
        let expected = [Ok(("1".into(), "".into())), Ok(("2".into(), "a,b".into()))];
        assert_eq!(read_columns(text, columns("x"), b','), expected);
        let reason = "f:1: there is no column 'y'; there are 'x', 'id'";
        assert_eq!(read_columns(text, columns("y"), b','), [Err(reason.into())]);
    }

    #[test]
    fn rows_become_entries() {
        let expected = [("1", r#"{"name":"Ada","id":"1"}"#), ("2", r#"{"name":"a \"b\",\nc","id":"2"}"#)];
        let expected = expected.map(|(key, val)| Ok((key.into(), val.into())));
        for text in [
            "\u{feff}name,id\nAda,1\n\"a \"\"b\"\",\nc\",2\n",
            "name,id\nAda,1\n\"a \"\"b\"\",\nc\",2",
            "name,id\r\n\r\nAda,1\r\n\"a \"\"b\"\",\nc\",2\r\n\r\n",
            "\n\nname,id\nAda,1\n\n\"a \"\"b\"\",\nc\",\"2\"",
        ] {
            assert_eq!(read(text.as_bytes(), b','), expected, "{text:?}");
        }
        assert_eq!(read(b"id\tx\n1\ta,b\n", b'\t'), [Ok(("1".into(), r#"{"id":"1","x":"a,b"}"#.into()))]);
        assert_eq!(read(b"id,x\n1,\"a\n\"", b','), [Ok(("1".into(), r#"{"id":"1","x":"a\n"}"#.into()))]);
        assert_eq!(read(b"id,x\n", b','), []);
    }

    #[test]
    fn a_bad_row_is_named_with_the_line_it_begins_on() {
        for (text, reason) in [
            ("", "f:1: there is no column 'id'; there are ''"),
            ("a,b\n", "f:1: there is no column 'id'; there are 'a', 'b'"),
            ("id,a,a\n", "f:1: two columns are called 'a'"),
            ("id,a\n1\n", "f:2: 1 fields where the header has 2"),
            ("id,a\n1", "f:2: 1 fields where the header has 2"),
            ("id,a\r\n1,2,3\r\n", "f:2: 3 fields where the header has 2"),
            ("id,a\r\n\r\n\r\n\"1\n\n\"\r\n", "f:4: 1 fields where the header has 2"),
            ("id,a\n\n\n,x\n", "f:4: the column 'id' is empty"),
            ("id,a\n1,\"x\n2,y\n", "f:2: a quote is not closed"),
        ] {
            assert_eq!(read(text.as_bytes(), b','), [Err(reason.into())], "{text:?}");
        }
        assert_eq!(read(b"id,a\n1,\xff\n", b','), [Err("f:2: the field 2 is not UTF-8".into())]);
    }
}
