//! Keys and values as a person or a program reads them.

use crate::failure::{Failure, Outcome};
use bytes::Bytes;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    pub(crate) hex: bool,
    pub(crate) json: bool,
}

impl Format {
    /// The bytes of an argument: as it is, or hexadecimal under `--hex`.
    pub(crate) fn read(self, argument: &OsStr) -> Outcome<Bytes> {
        let bytes = argument.as_bytes();
        if !self.hex {
            return Ok(Bytes::copy_from_slice(bytes));
        }
        from_hex(bytes).map(Bytes::from).ok_or_else(|| {
            Failure::Usage(format!(
                "'{}' is not hexadecimal: --hex takes two digits a byte",
                argument.to_string_lossy()
            ))
        })
    }

    /// On a line of its own or of a table: no control characters.
    pub(crate) fn line(self, bytes: &[u8]) -> Cow<'_, str> {
        self.text(bytes, |c| !c.is_control())
    }

    /// As a text that may have lines.
    pub(crate) fn block(self, bytes: &[u8]) -> Cow<'_, str> {
        self.text(bytes, |c| !c.is_control() || c == '\n' || c == '\t')
    }

    /// In a JSON object: a string, or `{"hex": "…"}` where the bytes are no UTF-8.
    pub(crate) fn json(self, bytes: &[u8]) -> Value {
        match std::str::from_utf8(bytes) {
            _ if self.hex => to_hex(bytes).into(),
            Ok(text) => text.into(),
            Err(_) => json!({ "hex": to_hex(bytes) }),
        }
    }

    fn text(self, bytes: &[u8], clean: impl Fn(char) -> bool) -> Cow<'_, str> {
        match std::str::from_utf8(bytes) {
            _ if self.hex => to_hex(bytes).into(),
            Ok(text) if text.chars().all(&clean) => text.into(),
            _ => escape(bytes, clean).into(),
        }
    }
}

/// Text with `\xNN` for each byte that is none, and for the backslash, so that it can be read back.
fn escape(bytes: &[u8], clean: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(bytes.len() + 16);
    let escaped = |text: &mut String, bytes: &[u8]| {
        for byte in bytes {
            let _ = write!(text, "\\x{byte:02x}");
        }
    };
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                c if clean(c) && c != '\\' => text.push(c),
                c => escaped(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        escaped(&mut text, chunk.invalid());
    }
    text
}

fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

pub(crate) fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Format = Format { hex: false, json: false };
    const HEX: Format = Format { hex: true, json: false };

    #[test]
    fn text_is_printed_as_it_is() {
        for text in ["", "plain", "größe → 🦀", r"C:\x00"] {
            assert_eq!(TEXT.line(text.as_bytes()), text);
        }
    }

    #[test]
    fn what_is_not_text_is_escaped() {
        assert_eq!(TEXT.line(b"a\tb\n"), r"a\x09b\x0a");
        assert_eq!(TEXT.block(b"a\tb\n"), "a\tb\n");
        assert_eq!(TEXT.block(b"a\n\x1b[2J"), "a\n\\x1b[2J");
        assert_eq!(TEXT.line(b"\xffgr\xc3\xb6\\\xc3"), r"\xffgrö\x5c\xc3");
        assert_eq!(TEXT.line("\u{85}".as_bytes()), r"\xc2\x85");
    }

    #[test]
    fn hexadecimal_goes_both_ways() {
        assert_eq!(HEX.line(b"\x00\xffA"), "00ff41");
        assert!(HEX.read(OsStr::new("00fF41")).is_ok_and(|b| b == b"\x00\xffA".as_slice()));
        assert!(HEX.read(OsStr::new("")).is_ok_and(|b| b.is_empty()));
        for bad in ["0", "0g", "0x00", "00 11"] {
            assert!(matches!(HEX.read(OsStr::new(bad)), Err(Failure::Usage(_))), "{bad}");
        }
    }

    #[test]
    fn json_loses_nothing() {
        assert_eq!(TEXT.json(b"a\n").to_string(), r#""a\n""#);
        assert_eq!(TEXT.json(b"\xff").to_string(), r#"{"hex":"ff"}"#);
        assert_eq!(HEX.json(b"a").to_string(), r#""61""#);
    }
}
