//! `->` and `->>`, which the parser knows and DataFusion does not.

use super::function::{AS_TEXT, GET, Gives, JsonFunction};
use datafusion::common::{DFSchema, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{InList, InSubquery, ScalarFunction};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::sqlparser::ast::BinaryOperator;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Like, Operator, ScalarUDF};
use std::sync::Arc;

/// Makes calls of the operators.
#[derive(Debug)]
pub(super) struct JsonOperators {
    get: Arc<ScalarUDF>,
    as_text: Arc<ScalarUDF>,
}

impl JsonOperators {
    pub(super) fn new() -> Self {
        let function = |name, gives| Arc::new(ScalarUDF::from(JsonFunction::new(name, gives)));
        Self { get: function(GET, Gives::Json), as_text: function(AS_TEXT, Gives::Text) }
    }
}

impl ExprPlanner for JsonOperators {
    fn plan_binary_op(&self, expr: RawBinaryExpr, _: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let function = match expr.op {
            BinaryOperator::Arrow => &self.get,
            BinaryOperator::LongArrow => &self.as_text,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        Ok(PlannerResult::Planned(into_left(function, expr.left, expr.right)?))
    }
}

/// The parser gives these operators less precedence than a comparison. As no comparison is a document or a key, the
/// operator belongs to the operand that is beside it: `a = b ->> 'c'` arrives as `(a = b) ->> 'c'`.
fn into_left(function: &Arc<ScalarUDF>, left: Expr, key: Expr) -> Result<Expr> {
    let inner = |left: Box<Expr>, key| into_left(function, *left, key).map(Box::new);
    Ok(match left {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) => {
            Expr::BinaryExpr(BinaryExpr { left, op, right: inner(right, key)? })
        }
        Expr::Like(like) => Expr::Like(Like { pattern: inner(like.pattern, key)?, ..like }),
        Expr::Between(between) => Expr::Between(Between { high: inner(between.high, key)?, ..between }),
        document => into_right(function, document, key)?,
    })
}

/// Likewise `a ->> 'b' = c`, which arrives as `a ->> ('b' = c)`.
fn into_right(function: &Arc<ScalarUDF>, document: Expr, right: Expr) -> Result<Expr> {
    let inner = |key: Box<Expr>| into_right(function, document.clone(), *key).map(Box::new);
    Ok(match right {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) => {
            Expr::BinaryExpr(BinaryExpr { left: inner(left)?, op, right })
        }
        Expr::Like(like) => Expr::Like(Like { expr: inner(like.expr)?, ..like }),
        Expr::Between(between) => Expr::Between(Between { expr: inner(between.expr)?, ..between }),
        Expr::InList(list) => Expr::InList(InList { expr: inner(list.expr)?, ..list }),
        Expr::InSubquery(list) => Expr::InSubquery(InSubquery { expr: inner(list.expr)?, ..list }),
        Expr::IsNull(key) => Expr::IsNull(inner(key)?),
        Expr::IsNotNull(key) => Expr::IsNotNull(inner(key)?),
        // Whether there were parentheses is not known here.
        Expr::BinaryExpr(_) | Expr::Cast(_) | Expr::TryCast(_) => {
            return plan_err!(
                "what is right of -> and ->> is a key, and not {right}: put the whole lookup in parentheses, as in \
                 (val ->> 'a')::int, or call {} for a key that is computed",
                function.name()
            );
        }
        key => call(function, document, key),
    })
}

/// A lookup within what another one gives is one lookup by more keys.
fn call(function: &Arc<ScalarUDF>, document: Expr, key: Expr) -> Expr {
    let args = match document {
        Expr::ScalarFunction(ScalarFunction { func, mut args }) if func.name() == GET => {
            args.push(key);
            args
        }
        document => vec![document, key],
    };
    Expr::ScalarFunction(ScalarFunction { func: function.clone(), args })
}

fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}
