//! Values that are CBOR or MessagePack maps.

use super::decoder::Decoder;
use super::json::{nullable, sampled};
use crate::LanceTransaction;
use arrow_array::{Array, ArrayRef, BinaryArray};
use arrow_json::ReaderBuilder;
use arrow_schema::{Schema, SchemaRef};
use kv_api::Result;
use serde_json::{Map, Number, Value};
use std::fmt::Write as _;
use std::sync::Arc;

/// How deep maps and arrays may lie in each other, as in JSON: what decodes them calls itself.
const DEPTH: usize = 128;

/// How the maps are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// [RFC 8949](https://www.rfc-editor.org/rfc/rfc8949). Of a tagged item the tag is passed over.
    #[cfg(feature = "cbor")]
    Cbor,
    /// [MessagePack](https://msgpack.org).
    #[cfg(feature = "msgpack")]
    MessagePack,
}

/// Decodes maps, a column for each field of a schema, as [`Json`](super::Json) does with objects. Bytes become hexadecimal text.
#[derive(Debug, Clone)]
pub struct Maps {
    encoding: Encoding,
    schema: SchemaRef,
}

impl Maps {
    /// Decodes the fields of `schema`, each of which can be null then.
    pub fn new(encoding: Encoding, schema: &Schema) -> Self {
        Self { encoding, schema: nullable(schema) }
    }

    /// Finds out the fields from the first values, at most `sample` of them, of keys with `prefix`. Values that are no maps are
    /// passed over.
    ///
    /// # Errors
    /// `Backend` where none of these values is a map, or where they do not agree on what a field is; those of the read.
    pub async fn inferred(encoding: Encoding, tx: &LanceTransaction, prefix: &str, sample: usize) -> Result<Self> {
        let schema = sampled(tx, prefix, sample, |val| encoding.decode(val), (encoding.name(), "one")).await?;
        Ok(Self::new(encoding, &schema))
    }
}

impl Decoder for Maps {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&self, values: &BinaryArray, columns: &[usize]) -> std::result::Result<Vec<ArrayRef>, String> {
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = self.schema.project(columns).map_err(|e| e.to_string())?;
        let mut decoder = ReaderBuilder::new(Arc::new(wanted))
            .with_coerce_primitive(true)
            .with_batch_size(values.len())
            .build_decoder()
            .map_err(|e| e.to_string())?;
        let not_one = || format!("it is not one of {}", self.encoding.name());
        let maps = values.iter().map(|value| self.encoding.decode(value.unwrap_or_default()).ok_or_else(not_one));
        let maps: Vec<Value> = maps.collect::<std::result::Result<_, _>>()?;
        decoder.serialize(&maps).map_err(|e| e.to_string())?;
        let batch = decoder.flush().map_err(|e| e.to_string())?;
        Ok(batch.map(|batch| batch.columns().to_vec()).unwrap_or_default())
    }
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "cbor")]
            Self::Cbor => "CBOR maps",
            #[cfg(feature = "msgpack")]
            Self::MessagePack => "MessagePack maps",
        }
    }

    /// `None` where the bytes are not one map and nothing else.
    fn decode(self, mut bytes: &[u8]) -> Option<Value> {
        let value = match self {
            #[cfg(feature = "cbor")]
            Self::Cbor => of_cbor(ciborium::de::from_reader_with_recursion_limit(&mut bytes, DEPTH).ok()?)?,
            #[cfg(feature = "msgpack")]
            Self::MessagePack => of_msgpack(rmpv::decode::read_value_with_max_depth(&mut bytes, DEPTH).ok()?)?,
        };
        (bytes.is_empty() && value.is_object()).then_some(value)
    }
}

#[cfg(feature = "cbor")]
fn of_cbor(value: ciborium::Value) -> Option<Value> {
    use ciborium::Value as V;
    Some(match value {
        V::Null => Value::Null,
        V::Bool(value) => Value::Bool(value),
        V::Integer(value) => integer(i128::from(value)),
        V::Float(value) => float(value),
        V::Text(value) => Value::String(value),
        V::Bytes(value) => hexadecimal(&value),
        V::Array(values) => Value::Array(values.into_iter().map(of_cbor).collect::<Option<_>>()?),
        V::Map(fields) => {
            let field = |(key, value): (V, V)| Some((name(of_cbor(key)?), of_cbor(value)?));
            Value::Object(fields.into_iter().map(field).collect::<Option<Map<_, _>>>()?)
        }
        V::Tag(_, value) => of_cbor(*value)?,
        _ => return None,
    })
}

#[cfg(feature = "msgpack")]
fn of_msgpack(value: rmpv::Value) -> Option<Value> {
    use rmpv::Value as V;
    Some(match value {
        V::Nil => Value::Null,
        V::Boolean(value) => Value::Bool(value),
        V::Integer(value) => integer(value.as_u64().map(i128::from).or_else(|| value.as_i64().map(i128::from))?),
        V::F32(value) => float(value.into()),
        V::F64(value) => float(value),
        // Text that is not UTF-8 is none.
        V::String(value) => value.into_str().map_or(Value::Null, Value::String),
        V::Binary(value) | V::Ext(_, value) => hexadecimal(&value),
        V::Array(values) => Value::Array(values.into_iter().map(of_msgpack).collect::<Option<_>>()?),
        V::Map(fields) => {
            let field = |(key, value): (V, V)| Some((name(of_msgpack(key)?), of_msgpack(value)?));
            Value::Object(fields.into_iter().map(field).collect::<Option<Map<_, _>>>()?)
        }
    })
}

/// A field's name where the key of a map is no text: as JSON writes it.
fn name(key: Value) -> String {
    match key {
        Value::String(name) => name,
        other => other.to_string(),
    }
}

/// What no column has room for is text.
fn integer(value: i128) -> Value {
    let number = u64::try_from(value).map(Number::from).or_else(|_| i64::try_from(value).map(Number::from));
    number.map_or_else(|_| Value::String(value.to_string()), Value::Number)
}

/// JSON, and so a column of it, has no infinities: they are null.
fn float(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn hexadecimal(bytes: &[u8]) -> Value {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    Value::String(text)
}

#[cfg(all(test, feature = "cbor", feature = "msgpack"))]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;
    use serde_json::json;

    fn cbor(value: &ciborium::Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        ciborium::into_writer(value, &mut bytes).unwrap();
        bytes
    }

    fn msgpack(value: &rmpv::Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, value).unwrap();
        bytes
    }

    #[test]
    fn each_kind_of_value_is_decoded() {
        use ciborium::Value as C;
        use rmpv::Value as M;
        let text = |text: &str| C::Text(text.into());
        let map = C::Map(vec![
            (text("text"), text("é")),
            (text("bytes"), C::Bytes(vec![0, 255])),
            (text("tagged"), C::Tag(0, Box::new(text("2026-01-01")))),
            (text("large"), C::Integer(u64::MAX.into())),
            (text("infinite"), C::Float(f64::INFINITY)),
            (C::Integer(7.into()), C::Array(vec![C::Null, C::Bool(true), C::Float(0.5), C::Integer((-3).into())])),
        ]);
        let expected = json!({
            "text": "é", "bytes": "00ff", "tagged": "2026-01-01", "large": u64::MAX, "infinite": null,
            "7": [null, true, 0.5, -3],
        });
        assert_eq!(Encoding::Cbor.decode(&cbor(&map)), Some(expected));
        let map = M::Map(vec![
            ("text".into(), "é".into()),
            ("bytes".into(), M::Binary(vec![0, 255])),
            ("more".into(), M::Ext(1, vec![16])),
            ("large".into(), u64::MAX.into()),
            (7.into(), M::Array(vec![M::Nil, true.into(), M::F32(0.5), (-3).into()])),
        ]);
        let expected = json!({
            "text": "é", "bytes": "00ff", "more": "10", "large": u64::MAX, "7": [null, true, 0.5, -3],
        });
        assert_eq!(Encoding::MessagePack.decode(&msgpack(&map)), Some(expected));
    }

    #[test]
    fn what_is_not_one_map_is_none() {
        let map = cbor(&ciborium::Value::Map(vec![(ciborium::Value::Text("a".into()), ciborium::Value::Null)]));
        assert!(Encoding::Cbor.decode(&map).is_some());
        let packed = msgpack(&rmpv::Value::Map(vec![("a".into(), rmpv::Value::Nil)]));
        assert!(Encoding::MessagePack.decode(&packed).is_some());
        for (encoding, map) in [(Encoding::Cbor, map), (Encoding::MessagePack, packed)] {
            for end in 0..map.len() {
                assert_eq!(encoding.decode(&map[..end]), None, "{encoding:?}, cut");
            }
            assert_eq!(encoding.decode(&[map.clone(), map].concat()), None, "{encoding:?}, two");
        }
        // Arrays that say that they have more than there is, nested without an end, and what is no map.
        for bytes in
            [vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], vec![0x81; 100_000], vec![0x01], vec![]]
        {
            assert_eq!(Encoding::Cbor.decode(&bytes), None);
        }
        for bytes in [vec![0xdd, 0xff, 0xff, 0xff, 0xff], vec![0x91; 100_000], vec![0x01], vec![]] {
            assert_eq!(Encoding::MessagePack.decode(&bytes), None);
        }
    }
}
