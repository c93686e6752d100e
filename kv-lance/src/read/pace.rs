//! A long read gives way to other tasks, by the budget that tokio gives each for one turn.

use tokio::task::coop::consume_budget;

/// Rows that count as one operation. A task has a budget of 128 operations, and so some thousand rows to a turn: less than a
/// millisecond.
const ROWS_AN_OPERATION: usize = 32;

/// How many rows have been passed since the budget was last charged.
#[derive(Default)]
pub(super) struct Pace {
    rows: usize,
}

impl Pace {
    /// Notes rows that have been handed out or passed over.
    pub(super) fn passed(&mut self, rows: usize) {
        self.rows += rows;
    }

    /// Whether it is time to [give way](Self::give_way).
    pub(super) fn is_due(&self) -> bool {
        self.rows >= ROWS_AN_OPERATION
    }

    /// Charges the budget for what has been passed; where it is used up, others go first.
    pub(super) async fn give_way(&mut self) {
        while self.is_due() {
            self.rows -= ROWS_AN_OPERATION;
            consume_budget().await;
        }
    }
}
