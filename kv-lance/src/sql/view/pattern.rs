//! What the keys of a view look like.

use arrow_array::builder::{Int64Builder, StringBuilder};
use arrow_array::{Array, ArrayRef, BinaryArray};
use arrow_schema::{DataType, Field};
use kv_api::{Error, KeyRange, Result};
use std::sync::Arc;

/// More ranges than this are not worth it: the whole view is read.
const MAX_RANGES: usize = 1024;

/// `user/{id}/order/{n:int}`: text as it is, and parts that become columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    prefix: String,
    parts: Vec<Part>,
}

/// A part, and the text that follows it; only the last has none.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    name: String,
    kind: Kind,
    after: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Int,
}

/// The columns of the parts, as they grow.
enum Column {
    Text(StringBuilder),
    Int(Int64Builder),
}

impl Pattern {
    /// # Errors
    /// `InvalidConfiguration` that says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let refuse = |why: &str| Error::InvalidConfiguration {
            knob: "pattern of a view".into(),
            value: text.into(),
            allowed: format!("text and parts such as {{name}} or {{name:int}}, with text between two of them; {why}"),
        };
        let mut pieces = text.split('{');
        let prefix = pieces.next().unwrap_or_default().to_owned();
        let mut parts: Vec<Part> = Vec::new();
        for piece in pieces {
            let (part, after) = piece.split_once('}').ok_or_else(|| refuse("a '{' has no '}'"))?;
            let (name, kind) = match part.split_once(':') {
                None => (part, Kind::Text),
                Some((name, "text")) => (name, Kind::Text),
                Some((name, "int")) => (name, Kind::Int),
                Some((_, other)) => return Err(refuse(&format!("a part is text or int, and not '{other}'"))),
            };
            match parts.last() {
                _ if name.is_empty() => return Err(refuse("a part has no name")),
                Some(last) if last.after.is_empty() => return Err(refuse("two parts have no text between them")),
                _ if parts.iter().any(|part| part.name == name) => {
                    return Err(refuse(&format!("two parts have the name '{name}'")));
                }
                _ => parts.push(Part { name: name.into(), kind, after: after.into() }),
            }
        }
        if text.replace(['{', '}'], "").len() + 2 * parts.len() != text.len() {
            return Err(refuse("a '}' has no '{'"));
        }
        Ok(Self { prefix, parts })
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = Field> {
        self.parts.iter().map(|part| {
            let kind = match part.kind {
                Kind::Text => DataType::Utf8,
                Kind::Int => DataType::Int64,
            };
            Field::new(&part.name, kind, false)
        })
    }

    /// The ranges of the keys whose parts have the values that `allowed` says, of a name; `None` allows all.
    pub(super) fn ranges(&self, allowed: impl Fn(&str) -> Option<Vec<String>>) -> Vec<KeyRange> {
        let mut prefixes = vec![self.prefix.clone()];
        for part in &self.parts {
            // An int may be written in several ways.
            let values = (part.kind == Kind::Text).then(|| allowed(&part.name)).flatten();
            let Some(values) = values.filter(|values| values.len() * prefixes.len() <= MAX_RANGES) else { break };
            let longer = |prefix: &String| {
                let (prefix, after) = (prefix.clone(), part.after.clone());
                values.iter().map(move |value| format!("{prefix}{value}{after}"))
            };
            prefixes = prefixes.iter().flat_map(longer).collect();
            if part.after.is_empty() {
                return prefixes.into_iter().map(KeyRange::single).collect();
            }
        }
        prefixes.into_iter().map(KeyRange::prefix).collect()
    }

    /// The columns of the parts of those keys that are like the pattern, and which those are.
    pub(super) fn split(&self, keys: &BinaryArray) -> (Vec<ArrayRef>, Vec<u32>) {
        let mut columns: Vec<_> = self.parts.iter().map(|part| Column::new(part.kind)).collect();
        let mut matched = Vec::with_capacity(keys.len());
        for (row, key) in (0..).zip(keys.iter().flatten()) {
            if let Some(values) = self.parts_of(key) {
                matched.push(row);
                columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
            }
        }
        (columns.into_iter().map(Column::finish).collect(), matched)
    }

    fn parts_of<'k>(&self, key: &'k [u8]) -> Option<Vec<&'k str>> {
        let mut rest = std::str::from_utf8(key).ok()?.strip_prefix(&*self.prefix)?;
        let mut values = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let (value, after) = if part.after.is_empty() { (rest, "") } else { rest.split_once(&*part.after)? };
            if value.is_empty() || part.kind == Kind::Int && value.parse::<i64>().is_err() {
                return None;
            }
            values.push(value);
            rest = after;
        }
        // Without parts it is a prefix; with text at its end, that is the end.
        (self.parts.is_empty() || rest.is_empty()).then_some(values)
    }
}

impl Column {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Int => Self::Int(Int64Builder::new()),
        }
    }

    fn push(&mut self, value: &str) {
        match self {
            Self::Text(column) => column.append_value(value),
            Self::Int(column) => column.append_option(value.parse().ok()),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Text(mut column) => Arc::new(column.finish()),
            Self::Int(mut column) => Arc::new(column.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(pattern: &str, key: &str) -> Option<Vec<String>> {
        let pattern = Pattern::parse(pattern).ok()?;
        Some(pattern.parts_of(key.as_bytes())?.into_iter().map(str::to_owned).collect())
    }

    fn some(parts: &[&str]) -> Option<Vec<String>> {
        Some(parts.iter().map(|part| (*part).to_owned()).collect())
    }

    #[test]
    fn keys_are_split_at_the_text_between() {
        assert_eq!(parts("user/{id}", "user/7"), some(&["7"]));
        assert_eq!(parts("user/{id}", "user/7/x"), some(&["7/x"]));
        assert_eq!(parts("user/{id}/order/{n:int}", "user/7/order/012"), some(&["7", "012"]));
        assert_eq!(parts("user/{id}/", "user/7/"), some(&["7"]));
        assert_eq!(parts("user/", "user/anything"), some(&[]));
        for other in ["user/7/order/x", "user/7/order/", "user//order/1", "user/7", "use/7/order/1"] {
            assert_eq!(parts("user/{id}/order/{n:int}", other), None, "{other}");
        }
        assert_eq!(parts("user/{id}/", "user/7/more"), None);
    }

    #[test]
    fn a_pattern_that_cannot_be_is_refused() {
        let cases = [
            ("user/{id", "has no '}'"),
            ("user/id}", "has no '{'"),
            ("{}", "no name"),
            ("{a}{b}", "no text between"),
            ("{a}/{a}", "the name 'a'"),
            ("{a:float}", "'float'"),
        ];
        for (pattern, why) in cases {
            let refused = Pattern::parse(pattern).map_err(|e| e.to_string());
            assert!(refused.as_ref().is_err_and(|e| e.contains(why)), "{pattern}: {refused:?}");
        }
    }

    #[test]
    fn known_parts_make_ranges_narrow() -> Result<()> {
        let pattern = Pattern::parse("user/{id}/order/{n}")?;
        let known = |id: &'static [&'static str], n: Option<&'static str>| {
            pattern.ranges(|name| match name {
                "id" if id.is_empty() => None,
                "id" => Some(id.iter().map(|id| (*id).to_owned()).collect()),
                _ => n.map(|n| vec![n.to_owned()]),
            })
        };
        assert_eq!(known(&[], None), [KeyRange::prefix("user/")]);
        assert_eq!(known(&[], Some("1")), [KeyRange::prefix("user/")]);
        assert_eq!(known(&["7", "8"], None), ["user/7/order/", "user/8/order/"].map(KeyRange::prefix));
        assert_eq!(known(&["7"], Some("1")), [KeyRange::single("user/7/order/1")]);
        Ok(())
    }
}
