//! Functions and operators that look into JSON, in values as in text.
//!
//! The names are those of `datafusion-functions-json`, which is not used: it turns on features of crates that Lance has too.
//! `json_get` gives JSON text here, where that crate has a union.

mod function;
mod lookup;
mod operators;

use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::ScalarUDF;
use function::{FUNCTIONS, JsonFunction};
use operators::JsonOperators;
use std::sync::Arc;

/// Registers the functions and operators that look into JSON, as [`session`](super::session) does.
///
/// Each function takes a value that is JSON, as bytes or text, and keys that lead into it: a text is a field of an object, an
/// integer counts the elements of an array from 0.
///
/// | | returns |
/// |---|---|
/// | `json_get`, `->` | what is there, as JSON |
/// | `json_as_text`, `->>` | a string without its quotes, other things as JSON |
/// | `json_get_str`, `json_get_int`, `json_get_float`, `json_get_bool` | what is there if it is of that kind |
/// | `json_length` | the number of elements or fields |
/// | `json_contains` | whether anything is there |
///
/// They return null where nothing is there, or a thing of another kind, and where the value is no JSON at all;
/// `json_contains` returns false for those. To `->>` and `json_as_text` a JSON null is nothing.
///
/// The operators bind more strongly than comparisons, and less than everything else: `(val ->> 'age')::int + 1` needs its
/// parentheses, and is an error without.
///
/// # Errors
/// Those of the registry; a session has none.
pub fn register_json_functions(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for (name, gives) in FUNCTIONS {
        registry.register_udf(Arc::new(ScalarUDF::from(JsonFunction::new(name, *gives))))?;
    }
    registry.register_expr_planner(Arc::new(JsonOperators::new()))
}
