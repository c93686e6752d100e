//! The tables of `docs/format.md`: what lies where.

use std::ops::Range;

/// A table of offsets.
pub(super) struct Layout {
    title: &'static str,
    /// Where a field begins, how long it is where the page says so, and what it is.
    fields: Vec<(usize, Option<usize>, String)>,
}

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/format.md")).unwrap()
}

/// The cells of the first table below a heading.
pub(super) fn table(title: &str) -> Vec<Vec<String>> {
    let page = page();
    let (_, below) = page.split_once(&format!("# {title}\n")).unwrap_or_else(|| panic!("no '{title}'"));
    let lines = below.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    lines.skip(2).map(cells).collect()
}

/// What is in the first backquotes of a text.
pub(super) fn quoted(text: &str) -> &str {
    text.split('`').nth(1).unwrap()
}

impl Layout {
    pub(super) fn of(title: &'static str) -> Self {
        let fields = table(title).into_iter().map(|row| (row[0].parse().unwrap(), row[1].parse().ok(), row[2].clone()));
        let layout = Self { title, fields: fields.collect() };
        let mut end = 0;
        for (offset, bytes, field) in &layout.fields {
            assert_eq!(*offset, end, "{title}: '{field}' is not where the field before ends");
            end += bytes.unwrap_or(0);
        }
        layout
    }

    /// Bytes of all fields whose length the page says.
    pub(super) fn len(&self) -> usize {
        self.fields.iter().filter_map(|(_, bytes, _)| *bytes).sum()
    }

    fn field(&self, starts: &str) -> (Range<usize>, &str) {
        let found = self.fields.iter().find(|(.., field)| field.starts_with(starts));
        let (offset, bytes, field) = found.unwrap_or_else(|| panic!("{}: no field '{starts}'", self.title));
        (*offset..offset + bytes.unwrap(), field)
    }

    /// The number in the field whose description starts like this.
    pub(super) fn number(&self, bytes: &[u8], starts: &str) -> u64 {
        let (range, _) = self.field(starts);
        bytes[range].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// The bytes that a checksum is of, by the ranges that its description names.
    pub(super) fn checked(&self, bytes: &[u8]) -> u32 {
        let (_, field) = self.field("checksum of bytes");
        let words: Vec<usize> = field.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
        words.chunks(2).fold(0, |sum, range| crc32c::crc32c_append(sum, &bytes[range[0]..range[1]]))
    }

    /// Checks that the magic is there, and that the checksum of the first fields is right where there is one.
    pub(super) fn check(&self, bytes: &[u8]) {
        let (range, field) = self.field("magic");
        assert_eq!(&bytes[range], quoted(field).as_bytes(), "{}", self.title);
        if self.fields.iter().any(|(.., field)| field.starts_with("checksum of bytes")) {
            assert_eq!(self.number(bytes, "checksum of bytes"), u64::from(self.checked(bytes)), "{}", self.title);
        }
    }
}
