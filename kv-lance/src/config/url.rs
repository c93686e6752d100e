//! The URL of a store, taken apart.

use kv_api::{Error, Result};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

const FORMS: &str = "write lance:///absolute/path, lance:relative/path or a plain path, with parameters after a '?'";

/// A store's folder and the parameters after the `?`, in their order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StoreUrl {
    pub(super) path: PathBuf,
    pub(super) parameters: Vec<(String, String)>,
}

impl StoreUrl {
    /// `lance:///absolute`, `lance:relative` or a plain path.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let invalid = |why: &str| Error::InvalidConfiguration {
            knob: "the store's URL".into(),
            value: text.into(),
            allowed: format!("{why}; {FORMS}"),
        };
        let (location, query) = text.split_once('?').unwrap_or((text, ""));
        let path = match scheme(location) {
            None => PathBuf::from(location),
            Some(("lance", rest)) => {
                if rest.contains('#') {
                    return Err(invalid("a '#' in a path is written %23"));
                }
                let path = match rest.strip_prefix("//") {
                    Some(path) if !path.starts_with('/') => return Err(invalid("a store has no host")),
                    Some(path) => path,
                    None => rest,
                };
                decode(path).ok_or_else(|| invalid("a '%' begins two hexadecimal digits"))?
            }
            Some((other, _)) => return Err(invalid(&format!("the scheme is '{other}', not 'lance'"))),
        };
        if path.as_os_str().is_empty() {
            return Err(invalid("there is no path"));
        }
        let parameters = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok(Self { path, parameters })
    }
}

/// The scheme and what is after its colon. A path with a colon is written `./a:b` or `/a:b`.
fn scheme(location: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = location.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then_some((scheme, rest))
}

/// Undoes percent encoding.
fn decode(text: &str) -> Option<PathBuf> {
    let mut bytes = text.bytes();
    let mut path = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        path.push(match byte {
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            byte => byte,
        });
    }
    Some(OsString::from_vec(path).into())
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Option<String> {
        StoreUrl::parse(text).ok().map(|url| url.path.to_string_lossy().into_owned())
    }

    #[test]
    fn paths() {
        for (text, expected) in [
            ("lance:///srv/kv", "/srv/kv"),
            ("lance:/srv/kv", "/srv/kv"),
            ("lance:demo/store", "demo/store"),
            ("lance:./demo", "./demo"),
            ("lance:///a%20b%3Fc%25", "/a b?c%"),
            ("demo", "demo"),
            ("./demo", "./demo"),
            ("./a:b", "./a:b"),
            ("/a%20b#c", "/a%20b#c"),
            ("/x?sync=every", "/x"),
            ("demo?", "demo"),
        ] {
            assert_eq!(path(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_forms_are_refused_with_the_reason() {
        for (text, reason) in [
            ("", "there is no path"),
            ("?sync=every", "there is no path"),
            ("lance:", "there is no path"),
            ("lance://demo-store", "no host"),
            ("lance://localhost/srv", "no host"),
            ("s3://bucket/kv", "scheme is 's3'"),
            ("LANCE:///srv", "scheme is 'LANCE'"),
            ("lance:///a%2", "two hexadecimal"),
            ("lance:///a%zz", "two hexadecimal"),
            ("lance:///a#b", "%23"),
        ] {
            assert!(
                matches!(StoreUrl::parse(text), Err(Error::InvalidConfiguration { knob, value, allowed })
                    if knob == "the store's URL" && value == text && allowed.contains(reason)),
                "{text}"
            );
        }
    }

    #[test]
    fn parameters_keep_their_order_and_are_decoded() {
        let pairs = StoreUrl::parse("/x?b=1&a=%32&b=&c").map(|url| url.parameters).unwrap_or_default();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("b", "1"), ("a", "2"), ("b", ""), ("c", "")]);
    }
}
