//! Versions of records as entity tags (RFC 9110 §8.8.3, §13.1.1): `"42"`.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponseParts, ResponseParts};
use utoipa::IntoParams;

use super::problem::Refusal;
use crate::control::Seen;
use crate::store::Revision;

/// The `ETag` header of a record at a version.
pub(super) struct ETag(pub Revision);

impl IntoResponseParts for ETag {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        let tag =
            HeaderValue::try_from(format!("\"{}\"", self.0)).expect("a quoted number is a header value");
        parts.headers_mut().insert(header::ETAG, tag);
        Ok(parts)
    }
}

/// The header that [`IfMatch`] reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes the header to readers of the document; `IfMatch` reads it")]
pub(super) struct Precondition {
    /// Only at one of these versions: `*`, or entity tags as the gateway gave them.
    #[param(rename = "If-Match", example = "*", required = false, value_type = String)]
    if_match: Option<String>,
}

/// What `If-Match` asks for.
pub(super) struct IfMatch(pub Seen);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        match read(&parts.headers) {
            Some(seen) => Ok(IfMatch(seen)),
            None => {
                let message = "If-Match must be * or a list of quoted tags, such as \"42\"";
                Err(Refusal::Malformed(message.to_owned()))
            }
        }
    }
}

/// None when the header is malformed. Tags that are not ours, or weak, match nothing.
fn read(headers: &HeaderMap) -> Option<Seen> {
    let mut versions = Vec::new();
    let mut lines = headers.get_all(header::IF_MATCH).iter().peekable();
    if lines.peek().is_none() {
        return Some(Seen::Any);
    }
    for line in lines {
        let line = line.to_str().ok()?.trim();
        if line == "*" {
            return Some(Seen::Any);
        }
        let mut rest = line;
        loop {
            let (weak, tag) = rest.strip_prefix("W/").map_or((false, rest), |tag| (true, tag));
            let (opaque, after) = tag.strip_prefix('"')?.split_once('"')?;
            if !weak && let Some(version) = version(opaque) {
                versions.push(version);
            }
            rest = after.trim_start();
            if rest.is_empty() {
                break;
            }
            rest = rest.strip_prefix(',')?.trim_start();
        }
    }
    Some(Seen::OneOf(versions))
}

/// Tags are compared byte by byte: `"042"` is not `"42"`.
fn version(opaque: &str) -> Option<Revision> {
    opaque.parse().ok().filter(|version: &Revision| version.to_string() == opaque)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(lines: &[&'static str]) -> Option<Seen> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, HeaderValue::from_static(line));
        }
        read(&headers)
    }

    #[test]
    fn if_match_is_read() {
        let one_of = |versions: &[Revision]| Some(Seen::OneOf(versions.to_vec()));
        assert_eq!(seen(&[]), Some(Seen::Any));
        assert_eq!(seen(&["*"]), Some(Seen::Any));
        assert_eq!(seen(&["\"42\""]), one_of(&[42]));
        assert_eq!(seen(&["\"1\", \"2\"", "\"3\""]), one_of(&[1, 2, 3]));
        assert_eq!(seen(&["W/\"1\""]), one_of(&[]));
        assert_eq!(seen(&["\"abc\", \"042\", \"+1\""]), one_of(&[]));
        assert_eq!(seen(&["\"a,b\" ,\"3\",\"4\" "]), one_of(&[3, 4]), "a comma may be part of a tag");
        for malformed in ["", "42", "\"42", "\"1\",", "*, \"1\"", "\"", "\"1\"\"2\""] {
            assert_eq!(seen(&[malformed]), None, "{malformed:?}");
        }
    }
}
