//! What can go wrong between the CLI and an admin port, in words for the person at the terminal.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

use super::{Credential, Place};
use crate::telemetry::is_unsafe;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{url:?} cannot be the admin port's URL: {why}")]
    Url { url: String, why: String },
    #[error("the credential cannot be sent: {0}")]
    Credential(&'static str),
    #[error("cannot use {}: {why}", file.display())]
    Ca { file: PathBuf, why: String },
    #[error(
        "cannot reach the admin port at {url}: {why}\n\
         Is the gateway running there? Another address is named with --url or TENANTRY_URL{hint}"
    )]
    Unreachable { url: String, why: String, hint: &'static str },
    #[error("{url} did not answer within {} s", after.as_secs())]
    Slow { url: String, after: Duration },
    #[error("the exchange with {url} broke off: {why}")]
    Broken { url: String, why: String },
    #[error(
        "{url} answers {status} to {to:?}; redirects are not followed: set TENANTRY_URL to the admin port itself"
    )]
    Redirect { url: String, status: StatusCode, to: String },
    #[error(
        "{url} answers {status} in a form that tenantry's admin port does not use; is TENANTRY_URL right?"
    )]
    Stranger { url: String, status: StatusCode },
    /// The admin port's own refusal.
    #[error("{message}")]
    Refused { status: StatusCode, message: String },
}

impl ClientError {
    pub(super) fn unreachable(place: &Place, source: &(dyn Error + 'static)) -> Self {
        let hint = if place.is_https() { "; a private CA with --ca" } else { "" };
        ClientError::Unreachable { url: place.as_str().to_owned(), why: root(source), hint }
    }

    pub(super) fn broken(url: &str, source: &(dyn Error + 'static)) -> Self {
        ClientError::Broken { url: url.to_owned(), why: root(source) }
    }
}

/// The innermost cause: what the operating system or TLS said.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// A problem document (RFC 9457), with the members that the admin port adds.
#[derive(Deserialize)]
pub(super) struct Problem {
    title: Option<String>,
    detail: Option<String>,
    message: Option<String>,
    #[serde(default)]
    errors: Vec<FieldFault>,
}

#[derive(Deserialize)]
struct FieldFault {
    #[serde(default)]
    field: String,
    message: String,
}

/// What the caller showed, as far as it changes what to advise.
#[derive(Clone, Copy)]
pub(super) enum Shown {
    Nothing,
    Login,
    Credential,
}

impl Shown {
    pub(super) fn of(credential: &Credential) -> Self {
        match credential {
            Credential::None => Shown::Nothing,
            Credential::Session { .. } => Shown::Login,
            Credential::InBody | Credential::Password { .. } | Credential::Token(_) => Shown::Credential,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Shown::Nothing => {
                "\nNo credential was sent: set TENANTRY_USER and TENANTRY_PASSWORD, or TENANTRY_TOKEN, \
                 or sign in with `tenantry login`"
            }
            Shown::Login => "\nThe login has ended: sign in again with `tenantry login`",
            Shown::Credential => "",
        }
    }
}

impl Problem {
    /// The refusal as text: what, which fields, what to do. None when the document says nothing, and
    /// so is none of ours.
    pub(super) fn message(self, status: StatusCode, shown: Shown) -> Option<String> {
        let mut text = self.message.or(self.detail).or(self.title)?;
        for FieldFault { field, message } in &self.errors {
            let fault = format!("{field}: {message}");
            if !text.contains(&fault) {
                text = format!("{text}\n  {fault}");
            }
        }
        if status == StatusCode::UNAUTHORIZED {
            text.push_str(shown.advice());
        }
        Some(printable(&text))
    }
}

/// Characters that steer a terminal, or hide or turn what stands beside them, are shown, not obeyed.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) && character != '\n' {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(json: &str) -> Problem {
        serde_json::from_str(json).expect("a problem document")
    }

    #[test]
    fn a_refusal_names_its_fields() {
        let text = problem(
            r#"{"status":400,"message":"the key is not valid","errors":[{"field":"leeway","message":"at most 60"}]}"#,
        );
        let text = text.message(StatusCode::BAD_REQUEST, Shown::Nothing).expect("a message");
        assert_eq!(text, "the key is not valid\n  leeway: at most 60");
        let once =
            problem(r#"{"message":"id: is missing","errors":[{"field":"id","message":"is missing"}]}"#);
        assert_eq!(once.message(StatusCode::BAD_REQUEST, Shown::Nothing).as_deref(), Some("id: is missing"));
    }

    #[test]
    fn who_sends_no_credential_is_told_how() {
        let refused = r#"{"title":"Unauthorized"}"#;
        let bare = problem(refused).message(StatusCode::UNAUTHORIZED, Shown::Nothing).expect("a message");
        assert!(bare.contains("TENANTRY_USER"), "{bare}");
        let sent = problem(refused).message(StatusCode::UNAUTHORIZED, Shown::Credential).expect("a message");
        assert_eq!(sent, "Unauthorized");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\r\n"), "a\\u{1b}[2Jb\\r\n");
        assert_eq!(printable("nim\u{202e}da\u{200b}"), "nim\\u{202e}da\\u{200b}");
    }
}
