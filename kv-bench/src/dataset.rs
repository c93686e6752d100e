//! The rows that stores are filled with: the same bytes for every engine.

use crate::numbers::Numbers;
use kv_api::{Key, Val};
use serde::{Deserialize, Serialize};

/// What rows look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// 16-digit keys; values of which half compresses, as text does.
    Plain,
    /// Documents as JSON under keys that share prefixes.
    Json,
}

/// Rows by their number. A key is twice its row's number, so that there is a missing key between any two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dataset {
    /// What the rows look like.
    pub shape: Shape,
    /// How many there are.
    pub rows: u64,
    /// The size of a value in bytes; documents are about as long.
    pub value_bytes: usize,
    /// Where all bytes come from.
    pub seed: u64,
}

impl Dataset {
    /// The key of row `row`.
    pub fn key(&self, row: u64) -> Key {
        self.numbered(row * 2)
    }

    /// A key between those of `row` and of the next one. No row has it.
    pub fn missing(&self, row: u64) -> Key {
        self.numbered(row * 2 + 1)
    }

    fn numbered(&self, number: u64) -> Key {
        match self.shape {
            Shape::Plain => Key::copy_from_slice(&digits(number)),
            Shape::Json => {
                let tenant = number / 20_000;
                format!("/tenants/{tenant:06}/collections/documents/items/{number:016}").into()
            }
        }
    }

    /// The value of `row`, as the `round`-th write of it leaves it.
    pub fn val(&self, row: u64, round: u64) -> Val {
        let mut numbers = Numbers::stream(self.seed ^ round.wrapping_mul(0x1_0000_0001), row);
        match self.shape {
            Shape::Plain => {
                let mut val = Vec::with_capacity(self.value_bytes + 8);
                while val.len() < self.value_bytes / 2 {
                    val.extend_from_slice(&numbers.draw().to_le_bytes());
                }
                val.truncate(self.value_bytes / 2);
                val.resize(self.value_bytes, b'a');
                val.into()
            }
            Shape::Json => document(row, self.value_bytes, &mut numbers).into(),
        }
    }

    /// The bytes of all keys and values.
    pub fn bytes(&self) -> u64 {
        let of_row = |row| (self.key(row).len() + self.val(row, 0).len()) as u64;
        match self.shape {
            Shape::Plain => self.rows * of_row(0),
            Shape::Json => (0..self.rows).map(of_row).sum(),
        }
    }
}

fn digits(mut number: u64) -> [u8; 16] {
    let mut out = [b'0'; 16];
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out
}

fn document(row: u64, bytes: usize, numbers: &mut Numbers) -> String {
    const WORDS: [&str; 8] = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"];
    let mut word = || WORDS.get(numbers.below(8) as usize).copied().unwrap_or_default();
    let mut text = format!(r#"{{"id":{row},"status":"{}","owner":"{}","tags":["{}"],"text":""#, word(), word(), word());
    while text.len() + 2 < bytes {
        text.push_str(word());
        text.push(' ');
    }
    text.push_str("\"}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(shape: Shape) -> Dataset {
        Dataset { shape, rows: 1000, value_bytes: 100, seed: 1 }
    }

    #[test]
    fn keys_are_in_the_order_of_their_rows_and_missing_ones_lie_between() {
        for shape in [Shape::Plain, Shape::Json] {
            let data = dataset(shape);
            for row in [0, 1, 9, 10, 9_999, 10_000, 123_456] {
                assert!(data.key(row) < data.missing(row) && data.missing(row) < data.key(row + 1), "{shape:?} {row}");
            }
        }
        assert_eq!(dataset(Shape::Plain).key(21).as_ref(), b"0000000000000042");
    }

    #[test]
    fn values_depend_on_seed_row_and_round_alone() {
        for shape in [Shape::Plain, Shape::Json] {
            let data = dataset(shape);
            assert_eq!(data.val(5, 0), data.val(5, 0));
            assert_ne!(data.val(5, 0), data.val(6, 0));
            assert_ne!(data.val(5, 0), data.val(5, 1));
            assert_ne!(data.val(5, 0), Dataset { seed: 2, ..data }.val(5, 0));
        }
        assert_eq!(dataset(Shape::Plain).val(1, 0).len(), 100);
        assert_eq!(dataset(Shape::Plain).bytes(), 116_000);
    }

    #[test]
    fn documents_are_json() {
        let val = dataset(Shape::Json).val(3, 0);
        let parsed: serde_json::Value = serde_json::from_slice(&val).unwrap_or_default();
        assert_eq!(parsed.get("id").and_then(|id| id.as_u64()), Some(3));
    }
}
