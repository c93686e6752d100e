//! The functions, for DataFusion.

use super::lookup::Lookup;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow_schema::DataType;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use serde_json::Value;
use std::sync::Arc;

/// What a function makes of what the keys lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Gives {
    Json,
    Text,
    Str,
    Int,
    Float,
    Bool,
    Length,
    Contains,
}

pub(super) const GET: &str = "json_get";

pub(super) const AS_TEXT: &str = "json_as_text";

pub(super) const FUNCTIONS: &[(&str, Gives)] = &[
    (GET, Gives::Json),
    (AS_TEXT, Gives::Text),
    ("json_get_str", Gives::Str),
    ("json_get_int", Gives::Int),
    ("json_get_float", Gives::Float),
    ("json_get_bool", Gives::Bool),
    ("json_length", Gives::Length),
    ("json_contains", Gives::Contains),
];

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct JsonFunction {
    name: &'static str,
    gives: Gives,
    signature: Signature,
}

impl JsonFunction {
    pub(super) fn new(name: &'static str, gives: Gives) -> Self {
        Self { name, gives, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn evaluate(&self, arguments: &[ArrayRef]) -> Result<ArrayRef> {
        let lookup = Lookup::new(arguments)?;
        Ok(match self.gives {
            Gives::Json => Arc::new(lookup.each(|found| Some(found.to_string())).collect::<StringArray>()),
            Gives::Text => Arc::new(lookup.each(text).collect::<StringArray>()),
            Gives::Str => Arc::new(lookup.each(|found| found.as_str().map(str::to_owned)).collect::<StringArray>()),
            Gives::Int => Arc::new(lookup.each(Value::as_i64).collect::<Int64Array>()),
            Gives::Float => Arc::new(lookup.each(Value::as_f64).collect::<Float64Array>()),
            Gives::Bool => Arc::new(lookup.each(Value::as_bool).collect::<BooleanArray>()),
            Gives::Length => Arc::new(lookup.each(length).collect::<Int64Array>()),
            Gives::Contains => Arc::new(lookup.contains().collect::<BooleanArray>()),
        })
    }
}

impl ScalarUDFImpl for JsonFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.gives {
            Gives::Json | Gives::Text | Gives::Str => DataType::Utf8,
            Gives::Int | Gives::Length => DataType::Int64,
            Gives::Float => DataType::Float64,
            Gives::Bool | Gives::Contains => DataType::Boolean,
        })
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name;
        let Some((document, keys)) = types.split_first() else {
            return plan_err!("{name} takes a value that is JSON, and keys that lead into it");
        };
        let document = match document {
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
            text if text.is_string() || text.is_null() => DataType::Utf8,
            other => return plan_err!("{name} looks into JSON that is bytes or text, and not into {other}"),
        };
        let keys = keys.iter().map(|key| match key {
            text if text.is_string() || text.is_null() => Ok(DataType::Utf8),
            integer if integer.is_integer() => Ok(DataType::Int64),
            other => {
                plan_err!("{name} takes keys that are text, for fields, or integers, for elements, and not {other}")
            }
        });
        std::iter::once(Ok(document)).chain(keys).collect()
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        make_scalar_function(|arguments| self.evaluate(arguments), Vec::new())(&arguments.args)
    }
}

fn text(found: &Value) -> Option<String> {
    match found {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn length(found: &Value) -> Option<i64> {
    let length = match found {
        Value::Array(elements) => elements.len(),
        Value::Object(fields) => fields.len(),
        _ => return None,
    };
    i64::try_from(length).ok()
}
