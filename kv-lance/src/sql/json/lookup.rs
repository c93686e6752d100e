//! What keys lead to in documents, row by row.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BinaryArray, Int64Array, StringArray};
use datafusion::common::internal_err;
use datafusion::error::Result;
use serde_json::Value;

enum Documents<'a> {
    Bytes(&'a BinaryArray),
    Text(&'a StringArray),
}

enum Keys<'a> {
    Fields(&'a StringArray),
    Elements(&'a Int64Array),
}

/// The documents, and the keys that lead into each.
pub(super) struct Lookup<'a> {
    documents: Documents<'a>,
    keys: Vec<Keys<'a>>,
    rows: usize,
}

impl<'a> Lookup<'a> {
    /// Of arguments of the types that they have been coerced to.
    pub(super) fn new(arguments: &'a [ArrayRef]) -> Result<Self> {
        let Some((documents, keys)) = arguments.split_first() else { return internal_err!("JSON without an argument") };
        let rows = documents.len();
        let documents = match (documents.as_binary_opt(), documents.as_string_opt()) {
            (Some(bytes), _) => Documents::Bytes(bytes),
            (_, Some(text)) => Documents::Text(text),
            _ => return internal_err!("JSON in {}", documents.data_type()),
        };
        let keys = keys.iter().map(|keys| match (keys.as_string_opt(), keys.as_primitive_opt::<Int64Type>()) {
            (Some(fields), _) => Ok(Keys::Fields(fields)),
            (_, Some(elements)) => Ok(Keys::Elements(elements)),
            _ => internal_err!("a key that is {}", keys.data_type()),
        });
        Ok(Self { documents, keys: keys.collect::<Result<_>>()?, rows })
    }

    /// What `get` makes of what is found; null where nothing is.
    pub(super) fn each<T>(&self, get: impl Fn(&Value) -> Option<T>) -> impl Iterator<Item = Option<T>> {
        (0..self.rows).map(move |row| get(self.find(row, &parsed(self.document(row)?)?)?))
    }

    /// Whether anything is found; null where there is no document.
    pub(super) fn contains(&self) -> impl Iterator<Item = Option<bool>> {
        (0..self.rows).map(|row| {
            let document = parsed(self.document(row)?);
            Some(document.is_some_and(|document| self.find(row, &document).is_some()))
        })
    }

    fn document(&self, row: usize) -> Option<&'a [u8]> {
        match self.documents {
            Documents::Bytes(array) => array.is_valid(row).then(|| array.value(row)),
            Documents::Text(array) => array.is_valid(row).then(|| array.value(row).as_bytes()),
        }
    }

    fn find<'v>(&self, row: usize, document: &'v Value) -> Option<&'v Value> {
        self.keys.iter().try_fold(document, |value, key| match key {
            Keys::Fields(fields) => value.as_object()?.get(fields.is_valid(row).then(|| fields.value(row))?),
            Keys::Elements(places) => {
                let place = places.is_valid(row).then(|| places.value(row))?;
                value.as_array()?.get(usize::try_from(place).ok()?)
            }
        })
    }
}

/// `None` where it is no JSON.
fn parsed(document: &[u8]) -> Option<Value> {
    serde_json::from_slice(document).ok()
}
