//! What a predicate says of versions.

use super::columns::VERSION;
use crate::read::Versions;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::Between;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use kv_api::Version;

const ALL: Versions = Versions { from: 0, to: Version::MAX };

/// The versions of rows for which all of some predicates can hold; each has still to be asked.
pub(super) fn versions_of_all<'e>(predicates: impl IntoIterator<Item = &'e Expr>) -> Versions {
    predicates.into_iter().fold(ALL, |versions, predicate| and(versions, versions_of(predicate)))
}

/// Whether a predicate says anything of versions.
pub(super) fn limits_versions(predicate: &Expr) -> bool {
    versions_of(predicate) != ALL
}

fn and(a: Versions, b: Versions) -> Versions {
    Versions { from: a.from.max(b.from), to: a.to.min(b.to) }
}

fn versions_of(predicate: &Expr) -> Versions {
    match predicate {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => and(versions_of(left), versions_of(right)),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            compared(left, *op, right).or_else(|| compared(right, op.swap()?, left)).unwrap_or(ALL)
        }
        Expr::Between(Between { expr, negated: false, low, high }) => {
            let (from, to) = (compared(expr, Operator::GtEq, low), compared(expr, Operator::LtEq, high));
            and(from.unwrap_or(ALL), to.unwrap_or(ALL))
        }
        _ => ALL,
    }
}

fn compared(left: &Expr, op: Operator, right: &Expr) -> Option<Versions> {
    let bound = is_version(left).then(|| version(right))??;
    Some(match op {
        Operator::Eq => Versions { from: bound, to: bound },
        Operator::Lt => Versions { to: bound.saturating_sub(1), ..ALL },
        Operator::LtEq => Versions { to: bound, ..ALL },
        Operator::Gt => Versions { from: bound.saturating_add(1), ..ALL },
        Operator::GtEq => Versions { from: bound, ..ALL },
        _ => return None,
    })
}

fn is_version(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(column) if column.name == VERSION)
}

fn version(literal: &Expr) -> Option<Version> {
    match literal {
        Expr::Literal(ScalarValue::UInt64(version), _) => *version,
        Expr::Literal(ScalarValue::Int64(Some(version)), _) => u64::try_from(*version).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::{col, lit};

    #[test]
    fn the_versions_are_those_for_which_it_can_hold() {
        let version = || col(VERSION);
        let cases = [
            (version().gt(lit(7u64)), Versions { from: 8, ..ALL }),
            (version().gt_eq(lit(7u64)), Versions { from: 7, ..ALL }),
            (version().lt(lit(7i64)), Versions { to: 6, ..ALL }),
            (version().lt_eq(lit(7u64)), Versions { to: 7, ..ALL }),
            (lit(7u64).lt(version()), Versions { from: 8, ..ALL }),
            (version().eq(lit(7u64)), Versions { from: 7, to: 7 }),
            (version().between(lit(3u64), lit(9u64)), Versions { from: 3, to: 9 }),
            (version().gt(lit(3u64)).and(version().lt(lit(9u64))), Versions { from: 4, to: 8 }),
            (version().gt(lit(3u64)).or(version().lt(lit(2u64))), ALL),
            (version().not_between(lit(3u64), lit(9u64)), ALL),
            (version().not_eq(lit(3u64)), ALL),
            (version().lt(lit(-7i64)), ALL),
            (version().gt(lit(u64::MAX)), Versions { from: Version::MAX, ..ALL }),
            (col("superseded").gt(lit(3u64)), ALL),
        ];
        for (predicate, expected) in cases {
            assert_eq!(versions_of(&predicate), expected, "{predicate}");
            assert_eq!(limits_versions(&predicate), expected != ALL, "{predicate}");
        }
        let both = [version().gt(lit(3u64)), version().lt(lit(9u64))];
        assert_eq!(versions_of_all(&both), Versions { from: 4, to: 8 });
    }
}
