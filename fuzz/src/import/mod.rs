//! What `kv import` reads of a file.

mod directory;
mod entry;
mod lines;
mod rows;

use entry::Columns;
use std::cell::OnceCell;
use tempfile::NamedTempFile;

thread_local! {
    static FILE: OnceCell<NamedTempFile> = const { OnceCell::new() };
}

/// A byte that says what the file is, and whether a field of it is the value; then the file.
pub(crate) fn import(data: &[u8]) {
    let Some((how, bytes)) = data.split_first() else { return };
    FILE.with(|file| {
        let file = file.get_or_init(|| NamedTempFile::new().expect("a temporary file"));
        std::fs::write(file.path(), bytes).expect("a write");
        let columns = Columns { key: "id", value: (how & 1 != 0).then_some("v") };
        let source = match how & 6 {
            0 => lines::source(file.path(), columns),
            2 => rows::source(file.path(), columns, b'\t'),
            _ => rows::source(file.path(), columns, b','),
        };
        let Ok(source) = source else { return };
        // What cannot be read ends an import.
        for entry in source.entries.map_while(Result::ok) {
            // Rows get a line end more than there is.
            assert!(!entry.key.is_empty() && entry.read <= source.bytes + 1);
        }
    });
}
