//! What a predicate says of keys.

use super::columns::KEY;
use super::ranges::KeyRanges;
use arrow_schema::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Between, InList, Like, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, Operator};
use kv_api::{Key, KeyRange};

/// The keys of rows that a predicate can hold for.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) ranges: KeyRanges,
    /// Whether it holds for every row with such a key; else it has to be asked of each.
    pub(super) exact: bool,
}

impl Keys {
    fn exactly(ranges: impl IntoIterator<Item = KeyRange>) -> Self {
        Self { ranges: KeyRanges::of(ranges), exact: true }
    }

    /// Of which nothing is known.
    fn any() -> Self {
        Self { ranges: KeyRanges::all(), exact: false }
    }

    fn and(self, other: Self) -> Self {
        Self { ranges: self.ranges.and(other.ranges), exact: self.exact && other.exact }
    }

    fn or(self, other: Self) -> Self {
        Self { ranges: self.ranges.or(other.ranges), exact: self.exact && other.exact }
    }

    /// A row that may hold may also not.
    fn not(self) -> Self {
        if self.exact { Self { ranges: self.ranges.not(), exact: true } } else { Self::any() }
    }

    fn not_if(self, negated: bool) -> Self {
        if negated { self.not() } else { self }
    }
}

/// The keys for which all of some predicates hold.
pub(super) fn keys_of_all<'e>(predicates: impl IntoIterator<Item = &'e Expr>) -> Keys {
    let all = Keys { ranges: KeyRanges::all(), exact: true };
    predicates.into_iter().fold(all, |keys, predicate| keys.and(keys_of(predicate)))
}

/// The keys for which a predicate holds.
pub(super) fn keys_of(predicate: &Expr) -> Keys {
    match predicate {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => keys_of(left).and(keys_of(right)),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => keys_of(left).or(keys_of(right)),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            compared(left, *op, right).or_else(|| compared(right, op.swap()?, left)).unwrap_or_else(Keys::any)
        }
        Expr::Not(inner) => keys_of(inner).not(),
        Expr::Between(between) => between_bounds(between).unwrap_or_else(Keys::any),
        Expr::InList(list) => listed(list).unwrap_or_else(Keys::any),
        Expr::Like(like) => liked(like).unwrap_or_else(Keys::any),
        Expr::ScalarFunction(call) => begun(call).unwrap_or_else(Keys::any),
        Expr::Literal(ScalarValue::Boolean(Some(holds)), _) => {
            Keys { ranges: if *holds { KeyRanges::all() } else { KeyRanges::none() }, exact: true }
        }
        _ => Keys::any(),
    }
}

fn compared(left: &Expr, op: Operator, right: &Expr) -> Option<Keys> {
    let bound = is_key(left).then(|| bytes(right))??;
    let single = || [KeyRange::single(bound.clone())];
    Some(match op {
        Operator::Eq | Operator::IsNotDistinctFrom => Keys::exactly(single()),
        Operator::NotEq | Operator::IsDistinctFrom => Keys::exactly(single()).not(),
        Operator::Lt => Keys::exactly([before(&bound)]),
        Operator::LtEq => Keys::exactly([up_to(&bound)]),
        Operator::Gt => Keys::exactly([up_to(&bound)]).not(),
        Operator::GtEq => Keys::exactly([before(&bound)]).not(),
        _ => return None,
    })
}

fn before(bound: &Key) -> KeyRange {
    KeyRange { start: Key::new(), end: Some(bound.clone()) }
}

fn up_to(bound: &Key) -> KeyRange {
    KeyRange { start: Key::new(), end: Some(KeyRange::key_after(bound)) }
}

fn between_bounds(Between { expr, negated, low, high }: &Between) -> Option<Keys> {
    let bounds = compared(expr, Operator::GtEq, low)?.and(compared(expr, Operator::LtEq, high)?);
    Some(bounds.not_if(*negated))
}

fn listed(InList { expr, list, negated }: &InList) -> Option<Keys> {
    let keys: Option<Vec<_>> = list.iter().map(bytes).collect();
    let keys = is_key(expr).then_some(keys)??;
    Some(Keys::exactly(keys.into_iter().map(KeyRange::single)).not_if(*negated))
}

fn liked(like: &Like) -> Option<Keys> {
    let Like { negated, expr, pattern, escape_char, case_insensitive } = like;
    if !is_key(expr) || *case_insensitive || escape_char.is_some() {
        return None;
    }
    let pattern = bytes(pattern)?;
    // A backslash takes the next character as it is: what follows the first one is left to DataFusion.
    let wild = pattern.iter().position(|byte| matches!(byte, b'%' | b'_' | b'\\'));
    let Some(wild) = wild else { return Some(Keys::exactly([KeyRange::single(pattern)]).not_if(*negated)) };
    let (prefix, rest) = (pattern.slice(..wild), pattern.slice(wild..));
    let prefixed = Keys::exactly([KeyRange::prefix(prefix)]);
    let keys = if rest.iter().all(|byte| *byte == b'%') { prefixed } else { Keys { exact: false, ..prefixed } };
    Some(keys.not_if(*negated))
}

fn begun(call: &ScalarFunction) -> Option<Keys> {
    let [text, prefix] = call.args.as_slice() else { return None };
    let prefix = (call.name() == "starts_with" && is_key(text)).then(|| bytes(prefix))??;
    Some(Keys::exactly([KeyRange::prefix(prefix)]))
}

/// Whether it is the key, as bytes or as text: both are in the same order.
fn is_key(expr: &Expr) -> bool {
    match expr {
        Expr::Column(column) => column.name == KEY,
        Expr::Cast(Cast { expr, field }) => {
            let to = field.data_type();
            (to.is_string() || matches!(to, DataType::Binary | DataType::LargeBinary | DataType::BinaryView))
                && is_key(expr)
        }
        _ => false,
    }
}

/// A constant that is no null, as a key.
fn bytes(expr: &Expr) -> Option<Key> {
    let Expr::Literal(value, _) = expr else { return None };
    match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            Some(Key::copy_from_slice(text.as_bytes()))
        }
        ScalarValue::Binary(Some(bytes))
        | ScalarValue::LargeBinary(Some(bytes))
        | ScalarValue::BinaryView(Some(bytes))
        | ScalarValue::FixedSizeBinary(_, Some(bytes)) => Some(Key::copy_from_slice(bytes)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::{col, lit};

    fn ranges(predicate: &Expr) -> (Vec<KeyRange>, bool) {
        let Keys { ranges, exact } = keys_of(predicate);
        (ranges.into_vec(), exact)
    }

    fn like(pattern: &str) -> Expr {
        col(KEY).like(lit(pattern))
    }

    #[test]
    fn a_predicate_on_keys_is_a_range() {
        let cases = [
            (col(KEY).eq(lit("b")), vec![KeyRange::single("b")]),
            (lit("b").eq(col(KEY)), vec![KeyRange::single("b")]),
            (lit("b").lt(col(KEY)), vec![KeyRange::from("b\0"..)]),
            (col(KEY).gt_eq(lit("b")).and(col(KEY).lt(lit("d"))), vec![KeyRange::from("b".."d")]),
            (col(KEY).between(lit("b"), lit("d")), vec![KeyRange::from("b".."d\0")]),
            (col(KEY).not_between(lit("b"), lit("d")), vec![KeyRange::from(.."b"), KeyRange::from("d\0"..)]),
            (col(KEY).not_eq(lit("b")), vec![KeyRange::from(.."b"), KeyRange::from("b\0"..)]),
            (
                col(KEY).in_list(vec![lit("d"), lit("b"), lit("b")], false),
                vec![KeyRange::single("b"), KeyRange::single("d")],
            ),
            (like("user/%"), vec![KeyRange::from("user/".."user0")]),
            (like("%"), vec![KeyRange::all()]),
            (like("user/1"), vec![KeyRange::single("user/1")]),
            (col(KEY).eq(lit(&b"\xff\xfe"[..])), vec![KeyRange::single(&b"\xff\xfe"[..])]),
            (col(KEY).lt(lit("b")).and(col(KEY).gt(lit("c"))), vec![]),
        ];
        for (predicate, expected) in cases {
            assert_eq!(ranges(&predicate), (expected, true), "{predicate}");
        }
    }

    #[test]
    fn what_is_not_sure_is_asked_of_each_row() {
        let cases = [
            (like("user/_"), vec![KeyRange::from("user/".."user0")]),
            (like("a%b"), vec![KeyRange::from("a".."b")]),
            (like(r"a\%"), vec![KeyRange::from("a".."b")]),
            (col(KEY).gt(lit("b")).and(col("val").eq(lit("x"))), vec![KeyRange::from("b\0"..)]),
            (col(KEY).gt(lit("b")).or(col("val").eq(lit("x"))), vec![KeyRange::all()]),
            (col(KEY).not_like(lit("a%b")), vec![KeyRange::all()]),
            (col(KEY).ilike(lit("a%")), vec![KeyRange::all()]),
            (col(KEY).eq(col("val")), vec![KeyRange::all()]),
            (col("val").eq(lit("x")), vec![KeyRange::all()]),
            (col(KEY).eq(lit(ScalarValue::Binary(None))), vec![KeyRange::all()]),
        ];
        for (predicate, expected) in cases {
            assert_eq!(ranges(&predicate), (expected, false), "{predicate}");
        }
    }
}
